// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/cli"
	"github.com/kbtf/kbtf/internal/elfimage"
)

var stripCommand = &cli.Command{
	Name:    "strip",
	Summary: "remove the BTF of modules",
	Help: cli.Help{
		Synopsis: "btf-ko strip [-v] [--strip_signature] FILE.ko...",
		Text: `
Removes the BTF of modules: the sections .BTF and .BTF.base. If btf-ko added them, the
original file is restored byte for byte; other programs' BTF is cut out. Files without
BTF are unchanged. On error the file is unchanged. Removing BTF invalidates a module's
signature, so --strip_signature removes that as well.`,
		Exit: "0 done, 1 a file could not be changed, 2 wrong command line",
		Examples: []string{
			"btf-ko strip drivers/net/dummy.ko",
			"btf-ko strip -v fs/xfs/xfs.ko drivers/net/dummy.ko",
			"find build -name '*.ko' -exec btf-ko strip {} +",
		},
	},
	Flags: stripFlags,
}

func stripFlags(flags *pflag.FlagSet) func(*cli.Call) int {
	verbose := flags.BoolP("verbose", "v", false, "print what was done")
	unsign := flags.Bool("strip_signature", false, "remove the BTF of signed modules, and the signature")
	return func(call *cli.Call) int {
		if len(call.Args) == 0 {
			return call.Usage("no file to strip: see btf-ko strip --help")
		}
		status := exitDone
		for _, path := range call.Args {
			removed, err := strip(path, *unsign)
			switch {
			case err != nil:
				cli.Say(call.Stderr, "btf-ko strip: %v", err)
				status = exitFailed
			case *verbose && removed:
				fmt.Fprintf(call.Stdout, "%s: removed\n", path)
			case *verbose:
				fmt.Fprintf(call.Stdout, "%s: no BTF\n", path)
			}
		}
		return status
	}
}

// strip removes the BTF of a file, if it has any. With unsign, it also removes the signature.
func strip(path string, unsign bool) (removed bool, err error) {
	img, err := elfimage.Open(path)
	if err != nil {
		return false, err
	}
	defer img.Close()
	if unsign {
		if err := img.DropSignature(); err != nil {
			return false, err
		}
	}
	return img.Detach(".BTF", ".BTF.base")
}
