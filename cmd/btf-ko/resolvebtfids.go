// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/attach"
	"github.com/kbtf/kbtf/internal/btffile"
	"github.com/kbtf/kbtf/internal/btfids"
	"github.com/kbtf/kbtf/internal/cli"
	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/encode"
	"github.com/kbtf/kbtf/internal/kernel"
	"github.com/kbtf/kbtf/internal/patherr"
)

// Under the name resolve_btfids, btf-ko accepts the command lines that the build files of kernels 5.11
// to 7.2 pass to their own program, so that make RESOLVE_BTFIDS=/usr/lib/kbtf/resolve_btfids needs no
// patch:
//
//	resolve_btfids vmlinux                   fill in .BTF_ids (to 6.19)
//	resolve_btfids -b vmlinux x.ko           the same
//	resolve_btfids --btf x.ko.BTF.1 x.ko     write x.ko.BTF, x.ko.BTF_ids and, with --distill_base,
//	                                         x.ko.BTF.base; x.ko does not change (since 7.0)
//	resolve_btfids --patch_btfids FILE x.ko  copy FILE to .BTF_ids (since 7.0)

// runResolveBTFIDs runs btf-ko with a command line of resolve_btfids.
func runResolveBTFIDs(args []string, stdout, stderr io.Writer) int {
	flags := pflag.NewFlagSet("resolve_btfids", pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	base := flags.StringP("btf_base", "b", "", "")
	types := flags.String("btf", "", "")
	patch := flags.String("patch_btfids", "", "")
	distilled := flags.Bool("distill_base", false, "")
	verbose := flags.BoolP("verbose", "v", false, "")
	// The tree's program has failed for a type that is not found only in 6.14 to 6.19, which fill in
	// the file itself. Since 7.0 its exit status is 0 in spite of this flag.
	fatal := flags.Bool("fatal_warnings", false, "")
	flags.Bool("no-fail", false, "")

	say := func(format string, args ...any) { cli.Say(stderr, "btf-ko (as resolve_btfids): "+format, args...) }
	switch err := flags.Parse(args); {
	case errors.Is(err, pflag.ErrHelp):
		fmt.Fprintln(stdout, "this is btf-ko, which takes the command lines of kernel build files: see btf-ko ids --help")
		return exitDone
	case err != nil:
		say("%v", err)
		return exitUsage
	case flags.NArg() != 1:
		say("%d files, expected one", flags.NArg())
		return exitUsage
	}
	r := idResolver{host: kernel.ThisHost(), path: *base, bases: map[string]*btffile.File{}}
	if r.path == "" {
		r.path = baseNone
	}
	r.note = func(note string) { say("%s", note) }
	if *verbose {
		r.list = stdout
	}
	path := flags.Arg(0)
	var err error
	switch {
	case *patch != "":
		err = patchIDs(path, *patch)
	case *types != "":
		err = r.writeFiles(path, *types, *distilled)
	default:
		r.strict = *fatal
		err = r.resolve(path)
	}
	if err != nil {
		say("%v", err)
		return exitFailed
	}
	return exitDone
}

// patchIDs copies a file to .BTF_ids.
func patchIDs(path, from string) error {
	contents, err := os.ReadFile(from)
	if err != nil {
		return patherr.PathFirst(err)
	}
	img, err := elfimage.Open(path)
	if err != nil {
		return err
	}
	defer img.Close()
	return img.Overwrite(btfids.Name, contents)
}

// writeFiles reads the BTF of a file from another one, changes it as kernels since 7.0 expect, and
// writes it and .BTF_ids to files next to the first one.
func (r *idResolver) writeFiles(path, from string, distilled bool) error {
	img, err := elfimage.Open(path)
	if err != nil {
		return err
	}
	defer img.Close()
	a := attach.Attachment{Image: img, Base: encode.NoBase()}
	if a.BTF, err = os.ReadFile(from); err != nil {
		return patherr.PathFirst(err)
	}
	if r.path != baseNone {
		if a.Base, err = encode.LoadBase(r.path, encode.DefaultBaseCache()); err != nil {
			return err
		}
		if err := kernel.CheckTarget(img, r.path, a.Base.Target); err != nil {
			return err
		}
	}
	if a.IDs, err = btfids.Open(img, img, &a.Base.Blob); err != nil {
		return fmt.Errorf("%s: %s: %w", path, btfids.Name, err)
	}
	// Kernels with these build files search all BTF by name, also that of vmlinux.
	types, err := a.Complete(attach.Completion{Distilled: distilled, Resolve: true, Sorted: true},
		func(note string) { r.note(path + ": " + note) })
	if err != nil {
		return err
	}
	if r.list != nil && a.Filled != nil {
		fmt.Fprintf(r.list, "%s:\n", path)
		a.IDs.Print(r.list, a.Filled, types)
	}
	var written []string
	for _, out := range []struct {
		suffix   string
		contents []byte
	}{{btfids.Name, a.Filled}, {".BTF.base", a.Small}, {".BTF", a.BTF}} {
		if out.contents == nil {
			continue
		}
		if err := writeDetached(path+out.suffix, out.contents); err != nil {
			for _, path := range written {
				_ = os.Remove(path)
			}
			return err
		}
		written = append(written, path+out.suffix)
	}
	return nil
}
