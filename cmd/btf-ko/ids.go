// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/btfids"
	"github.com/kbtf/kbtf/internal/cli"
	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/encode"
	"github.com/kbtf/kbtf/internal/kernel"
)

var idsCommand = &cli.Command{
	Name:    "ids",
	Summary: "fill in the ids of BTF types in modules",
	Help: cli.Help{
		Synopsis: "btf-ko ids [--btf_base VMLINUX] [--strip_signature] [-v] FILE.ko...",
		Text: `
Fills in .BTF_ids of modules that have BTF, as the kernel's resolve_btfids does: ids of
types and functions that the module's code refers to by name, such as the kfuncs that it
registers. Modules without this section are unchanged. A .BTF.base in FILE is the base.
The command can be repeated. To encode BTF in the same step, use btf-ko --resolve_ids.`,
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
	basePath := flags.String("btf_base", baseAuto, "the base `FILE` of the modules: vmlinux, raw BTF or auto")
	unsign := flags.Bool("strip_signature", false, "fill in signed modules, and remove the signature")
	verbose := flags.BoolP("verbose", "v", false, "print what the lists and sets hold")
	return func(call *cli.Call) int {
		if len(call.Args) == 0 {
			return call.Usage("no file: see btf-ko ids --help")
		}
		r := idResolver{host: kernel.ThisHost(), path: *basePath, unsign: *unsign, bases: map[string]*btf.Base{},
			note: func(note string) { cli.Say(call.Stderr, "btf-ko ids: %s", note) }}
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

// An idResolver fills in .BTF_ids of modules.
type idResolver struct {
	host   kernel.Host
	path   string // of the base, or baseAuto
	unsign bool
	bases  map[string]*btf.Base // by path
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
	a := attachment{img: img, base: encode.NoBase()}
	if a.blob, err = img.InflateNamed(".BTF"); err != nil {
		return err
	}
	if a.blob == nil {
		return fmt.Errorf("%s: no .BTF: encode it first, or use btf-ko --resolve_ids", path)
	}
	if a.small, err = img.InflateNamed(".BTF.base"); err != nil {
		return err
	}
	if a.small == nil {
		if a.base, err = r.baseOf(img); err != nil {
			return err
		}
	}
	if a.ids, err = btfids.Open(img, img, &a.base.Blob); err != nil {
		return fmt.Errorf("%s: %s: %w", path, btfids.Name, err)
	}
	types, err := a.resolveIDs(func(note string) { r.note(path + ": " + note) })
	if err != nil {
		return err
	}
	if r.list != nil {
		fmt.Fprintf(r.list, "%s:\n", path)
		a.ids.Print(r.list, a.filled, types)
	}
	return a.attach()
}

// baseOf returns the base of a module.
func (r *idResolver) baseOf(img *elfimage.Image) (*btf.Base, error) {
	path := r.path
	if path == baseAuto {
		found, err := r.host.FindBase(img.Path)
		if err != nil {
			return nil, err
		}
		path = found
	}
	base, known := r.bases[path]
	if !known {
		var err error
		if base, err = encode.LoadBase(path, encode.BaseCache{}); err != nil {
			return nil, err
		}
		r.bases[path] = base
	}
	return base, errors.Join(kernel.CheckTarget(img, path, base.Target),
		kernel.CheckRelease(img, path, r.host.BaseRelease(path)))
}
