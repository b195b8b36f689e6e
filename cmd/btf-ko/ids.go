// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/attach"
	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/btffile"
	"github.com/kbtf/kbtf/internal/btfids"
	"github.com/kbtf/kbtf/internal/cli"
	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/kernel"
)

var idsCommand = &cli.Command{
	Name:    "ids",
	Summary: "fill in the ids of BTF types in modules and vmlinux",
	Help: cli.Help{
		Synopsis: "btf-ko ids [--btf_base VMLINUX] [--strip_signature] [-v] FILE...",
		Text: `
Fills in .BTF_ids of files that have BTF, as the kernel's resolve_btfids does: ids of types
and functions that the code refers to by name, such as the kfuncs that it registers. Files
without this section are unchanged. A .BTF.base in FILE is the base; vmlinux has none. The
command can be repeated. Encoding a module does this in the same step.`,
		Exit: "0 done, 1 a file could not be changed, 2 wrong command line",
		Examples: []string{
			"btf-ko ids x.ko",
			"btf-ko ids --btf_base /boot/vmlinuz-6.12 x.ko",
			"btf-ko ids -v --btf_base vmlinux net/netfilter/nf_conntrack.ko",
		},
	},
	Flags: idsFlags,
}

func idsFlags(flags *pflag.FlagSet) func(*cli.Call) int {
	basePath := flags.String("btf_base", baseAuto, "the base `FILE` of modules: vmlinux, raw BTF, auto or none")
	unsign := flags.Bool("strip_signature", false, "fill in signed modules, and remove the signature")
	strict := flags.Bool("strict", false, "fail if BTF does not have a type, instead of id 0")
	verbose := flags.BoolP("verbose", "v", false, "print what the lists and sets hold")
	return func(call *cli.Call) int {
		if len(call.Args) == 0 {
			return call.Usage("no file: see btf-ko ids --help")
		}
		r := idResolver{
			host: kernel.ThisHost(), path: *basePath, bases: map[string]*btffile.File{}, unsign: *unsign, strict: *strict,
			note: func(note string) { cli.Say(call.Stderr, "btf-ko ids: %s", note) },
		}
		if *verbose {
			r.list = call.Stdout
		}
		status := exitDone
		for _, path := range call.Args {
			if err := r.resolve(path); err != nil {
				cli.Say(call.Stderr, "btf-ko ids: %v", err)
				status = exitFailed
			}
		}
		return status
	}
}

// An idResolver fills in .BTF_ids of files.
type idResolver struct {
	host   kernel.Host
	path   string // of the base of modules, baseAuto or baseNone
	unsign bool
	bases  map[string]*btffile.File // by path
	strict bool                     // a type that is not found is an error
	note   func(string)
	list   io.Writer // nil: do not print what the sets hold
}

func (r *idResolver) resolve(path string) error {
	img, err := elfimage.Open(path)
	if err != nil {
		return err
	}
	defer img.Close()
	if img.Section(btfids.Name) == nil {
		if r.list != nil {
			fmt.Fprintf(r.list, "%s: no %s\n", path, btfids.Name)
		}
		return nil
	}
	if r.unsign {
		if err := img.DropSignature(); err != nil {
			return err
		}
	}
	a := attach.Attachment{Image: img}
	if a.BTF, err = img.InflateNamed(".BTF"); err != nil {
		return err
	}
	if a.BTF == nil {
		return fmt.Errorf("%s: no .BTF: encode it first, with btf-ko", path)
	}
	if a.Small, err = img.InflateNamed(".BTF.base"); err != nil {
		return err
	}
	base := &btf.Blob{}
	if a.Small == nil && img.Type == elf.ET_REL {
		if base, err = r.baseOf(img); err != nil {
			return err
		}
	}
	if a.IDs, err = btfids.Open(img, img, base); err != nil {
		return fmt.Errorf("%s: %s: %w", path, btfids.Name, err)
	}
	missing := 0
	types, err := a.ResolveIDs(base, func(note string) {
		missing++
		r.note(path + ": " + note)
	})
	if err != nil {
		return err
	}
	if r.strict && missing > 0 {
		return fmt.Errorf("%s: %s: %d types are not in BTF: left unchanged", path, btfids.Name, missing)
	}
	if r.list != nil {
		fmt.Fprintf(r.list, "%s:\n", path)
		a.IDs.Print(r.list, a.Filled, types)
	}
	if img.Type != elf.ET_REL {
		return img.Overwrite(btfids.Name, a.Filled)
	}
	if now, err := img.InflateNamed(btfids.Name); err == nil && bytes.Equal(now, a.Filled) {
		a.Stamp = img.Stamp() // nothing changes
	}
	if original, err := img.OriginalContents(".BTF"); err == nil && bytes.Equal(original, a.BTF) {
		a.BTF = nil // from another program, which wrote .BTF.base as well
	}
	return a.Write()
}

// baseOf returns the base of a module.
func (r *idResolver) baseOf(img *elfimage.Image) (*btf.Blob, error) {
	path := r.path
	switch path {
	case baseNone:
		return &btf.Blob{}, nil
	case baseAuto:
		found, err := r.host.FindBase(img.Path)
		if err != nil {
			return nil, err
		}
		path = found
	}
	file, known := r.bases[path]
	if !known {
		var err error
		if file, err = btffile.OpenBase(path); err != nil {
			return nil, err
		}
		r.bases[path] = file
	}
	if err := errors.Join(kernel.CheckTarget(img, path, file.Target),
		kernel.CheckRelease(img, path, r.host.BaseRelease(path))); err != nil {
		return nil, err
	}
	return btf.ParseBlob(file.BTF)
}
