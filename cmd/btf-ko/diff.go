// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/btfdiff"
	"github.com/kbtf/kbtf/internal/btffile"
	"github.com/kbtf/kbtf/internal/cli"
)

var diffCommand = &cli.Command{
	Name:    "diff",
	Summary: "compare the types of two files",
	Help: cli.Help{
		Synopsis: "btf-ko diff [--btf_base FILE] A B",
		Text: `
Reports whether two files have the same types, whatever their ids, order, duplicates
and strings. A and B are ELF files with .BTF, raw BTF, base files or bootable
kernels; they may be compressed (xz, zstd, gzip). For modules, give --btf_base. Types
with the same name but different contents are shown with their first difference;
types that only refer to different types come last.`,
		Exit: "0 equal, 1 different, 2 BTF or command line is wrong",
		Examples: []string{
			"btf-ko diff --btf_base vmlinux xfs.ko xfs-by-pahole.btf",
			"btf-ko diff --all old/vmlinux new/vmlinux",
			"btf-ko diff -v --btf_base vmlinux dummy.ko dummy.ko # duplicate types",
		},
	},
	Flags: diffFlags,
}

type diffOptions struct {
	base    string
	all     bool
	verbose bool
}

func diffFlags(flags *pflag.FlagSet) func(*cli.Call) int {
	var opt diffOptions
	flags.StringVar(&opt.base, "btf_base", "", "the base of both: vmlinux or another `FILE` with BTF")
	flags.BoolVar(&opt.all, "all", false,
		fmt.Sprintf("show all differences, not only %d of each sort", btfdiff.MaxDifferences))
	flags.BoolVarP(&opt.verbose, "verbose", "v", false, "list the redundant types, each with the type that it duplicates")
	return func(call *cli.Call) int {
		if len(call.Args) != 2 {
			return call.Usage("%d files, not 2: see btf-ko diff --help", len(call.Args))
		}
		a, err := btffile.Open(call.Args[0])
		if err != nil {
			return call.Usage("%v", err)
		}
		defer a.Close()
		b, err := btffile.Open(call.Args[1])
		if err != nil {
			return call.Usage("%v", err)
		}
		defer b.Close()
		e, err := btfdiff.Files(a, b, opt.base)
		if err != nil {
			return call.Usage("%v", err)
		}
		e.Text(call.Stdout, btfdiff.TextOptions{
			NameA: a.Path, BytesA: len(a.BTF),
			NameB: b.Path, BytesB: len(b.BTF),
			All: opt.all, Repeats: opt.verbose,
		})
		if e.Equal {
			return exitDone
		}
		return exitFailed
	}
}
