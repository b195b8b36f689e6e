// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/btfdump"
	"github.com/kbtf/kbtf/internal/btffile"
	"github.com/kbtf/kbtf/internal/cli"
)

var dumpCommand = &cli.Command{
	Name:    "dump",
	Summary: "print BTF as bpftool does, or as C",
	Help: cli.Help{
		Synopsis: "btf-ko dump [--btf_base FILE] [--c NAME]... FILE",
		Text: `
Prints the BTF of a module or of vmlinux: all types in the raw format of bpftool, or
with --c some types as C that compiles, with the types that they need. FILE is an
ELF file with .BTF, raw BTF, a base file or a bootable kernel; it may be compressed
(xz, zstd, gzip). A .BTF.base in FILE is the base. Unsound BTF, as with a wrong base,
is printed with a warning (see btf-ko verify).`,
		Exit: "0 done, 1 unsound BTF or no such type, 2 BTF or command line is wrong",
		Examples: []string{
			"btf-ko dump --btf_base vmlinux drivers/net/dummy.ko",
			"btf-ko dump --c 'struct list_head' /sys/kernel/btf/vmlinux",
			"btf-ko dump --btf_base vmlinux --c xfs_mount fs/xfs/xfs.ko > xfs.h",
		},
	},
	Flags: dumpFlags,
}

func dumpFlags(flags *pflag.FlagSet) func(*cli.Call) int {
	basePath := flags.String("btf_base", "", "the base of split BTF: vmlinux or another `FILE` with BTF")
	names := flags.StringArray("c", nil, "print the types `NAME` as C: ring or 'struct ring'; repeatable")
	return func(call *cli.Call) int {
		if len(call.Args) != 1 {
			return call.Usage("%d files, not 1: see btf-ko dump --help", len(call.Args))
		}
		file, err := btffile.Open(call.Args[0])
		if err != nil {
			return call.Usage("%v", err)
		}
		defer file.Close()
		read := btfdump.Read
		if len(*names) > 0 {
			read = btfdump.ReadSound
		}
		btf, err := read(file, *basePath)
		if err != nil {
			return call.Usage("%v", err)
		}
		if len(*names) == 0 {
			if err := btfdump.Raw(call.Stdout, btf); err != nil {
				cli.Say(call.Stderr, "btf-ko dump: %v", err)
				return exitFailed
			}
			if _, err := btfdump.ReadSound(file, *basePath); err != nil {
				cli.Say(call.Stderr, "btf-ko dump: warning: types and names may be wrong: %v", err)
				return exitFailed
			}
			return exitDone
		}
		text, err := btfdump.C(btf, *names...)
		if err != nil {
			cli.Say(call.Stderr, "btf-ko dump: %s: %v", file.Path, err)
			return exitFailed
		}
		fmt.Fprint(call.Stdout, text)
		return exitDone
	}
}
