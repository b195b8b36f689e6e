// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bufio"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/btfdump"
	"github.com/kbtf/kbtf/internal/btffile"
	"github.com/kbtf/kbtf/internal/btfids"
	"github.com/kbtf/kbtf/internal/cli"
)

var dumpCommand = &cli.Command{
	Name:    "dump",
	Summary: "print BTF as bpftool does, or as C",
	Help: cli.Help{
		Synopsis: "btf-ko dump [--btf_base FILE] [--c NAME]... [--ids] FILE",
		Text: `
Prints the BTF of a module or of vmlinux: all types in the raw format of bpftool, or
with --c some types as C that compiles, with the types that they need. FILE is an
ELF file with .BTF, raw BTF, a base file or a bootable kernel; it may be compressed
(xz, zstd, gzip). A .BTF.base in FILE is the base. Unsound BTF, as with a wrong base,
is printed with a warning (see btf-ko verify). With --ids, prints the sets and lists of
.BTF_ids, such as the kfuncs; before they are filled in, FILE needs no BTF.`,
		Exit: "0 done, 1 unsound BTF or no such type, 2 BTF or command line is wrong",
		Examples: []string{
			"btf-ko dump --btf_base vmlinux drivers/net/dummy.ko",
			"btf-ko dump --btf_base vmlinux --c xfs_mount fs/xfs/xfs.ko > xfs.h",
			"btf-ko dump --btf_base vmlinux --ids net/netfilter/nf_conntrack.ko",
		},
	},
	Flags: dumpFlags,
}

func dumpFlags(flags *pflag.FlagSet) func(*cli.Call) int {
	basePath := flags.String("btf_base", "", "the base of split BTF: vmlinux or another `FILE` with BTF")
	names := flags.StringArray("c", nil, "print the types `NAME` as C: ring or 'struct ring'; repeatable")
	ids := flags.Bool("ids", false, "print the types and flags in .BTF_ids")
	return func(call *cli.Call) int {
		if len(call.Args) != 1 {
			return call.Usage("%d files, not 1: see btf-ko dump --help", len(call.Args))
		}
		if *ids {
			if len(*names) > 0 {
				return call.Usage("--ids: cannot be used with --c")
			}
			return dumpIDs(call, call.Args[0], *basePath)
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
			return warnUnsound(call, file, *basePath)
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

// warnUnsound warns if the BTF that was printed is unsound, and returns the exit status.
func warnUnsound(call *cli.Call, file *btffile.File, basePath string) int {
	if _, err := btfdump.ReadSound(file, basePath); err != nil {
		cli.Say(call.Stderr, "btf-ko dump: warning: types and names may be wrong: %v", err)
		return exitFailed
	}
	return exitDone
}

// dumpIDs prints the .BTF_ids of a file, in the format of btf-ko ids -v.
func dumpIDs(call *cli.Call, path, basePath string) int {
	contents, err := btffile.OpenContents(path)
	if err != nil {
		return call.Usage("%v", err)
	}
	defer contents.Close()
	img, err := contents.ELF()
	if err != nil {
		return call.Usage("%v", err)
	}
	view, err := btfids.Look(img)
	if err != nil {
		return call.Usage("%s: %s: %v", path, btfids.Name, err)
	}
	var file *btffile.File
	var typeOf func(uint32) string
	if view != nil && view.Filled {
		if file, err = btffile.Open(path); err != nil {
			return call.Usage("%v", err)
		}
		defer file.Close()
		types, err := btfdump.Read(file, basePath)
		if err != nil {
			return call.Usage("%v", err)
		}
		typeOf = types.TypeName
	}
	out := bufio.NewWriter(call.Stdout)
	if view == nil {
		fmt.Fprintf(out, "%s: no %s\n", path, btfids.Name)
	} else {
		fmt.Fprintf(out, "%s:\n", path)
		view.Print(out, typeOf)
	}
	if err := out.Flush(); err != nil {
		cli.Say(call.Stderr, "btf-ko dump: %v", err)
		return exitFailed
	}
	if file != nil {
		return warnUnsound(call, file, basePath)
	}
	return exitDone
}
