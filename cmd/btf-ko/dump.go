// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/btfdump"
	"github.com/kbtf/kbtf/internal/btfverify"
	"github.com/kbtf/kbtf/internal/cli"
)

var dumpCommand = &cli.Command{
	Name:    "dump",
	Summary: "print BTF as bpftool does, or as C",
	Help: cli.Help{
		Synopsis: "btf-ko dump [--btf_base FILE] [--c NAME]... FILE",
		Text: `
Prints the BTF of a module or of vmlinux: all types, in the raw format of bpftool,
or with --c some types as C that compiles, with the types that they need. FILE is an
ELF file with .BTF, or raw BTF. The base of BTF with a .BTF.base is that.`,
		Exit: "0 done, 1 no such type, 2 wrong BTF or command line",
		Examples: []string{
			"btf-ko dump --btf_base vmlinux drivers/net/dummy.ko",
			"btf-ko dump --c 'struct list_head' /sys/kernel/btf/vmlinux",
			"btf-ko dump --btf_base vmlinux --c xfs_mount fs/xfs/xfs.ko > xfs.h",
		},
	},
	Flags: dumpFlags,
}

func dumpFlags(flags *pflag.FlagSet) func(*cli.Call) int {
	basePath := flags.String("btf_base", "", "FILE is split against the BTF of `BASE`: vmlinux, or raw BTF")
	names := flags.StringArray("c", nil, "print C of the types called `NAME`: ring or 'struct ring'; repeatable")
	return func(call *cli.Call) int {
		if len(call.Args) != 1 {
			return call.Usage("%d files, not 1: see btf-ko dump --help", len(call.Args))
		}
		in, err := openInput(call.Args[0])
		if err != nil {
			return call.Usage("%v", err)
		}
		defer in.close()
		base, btf, err := readDump(in, *basePath)
		if err != nil {
			return call.Usage("%v", err)
		}
		if len(*names) == 0 {
			if err := btf.Raw(call.Stdout); err != nil {
				cli.Say(call.Stderr, "btf-ko dump: %v", err)
				return exitFailed
			}
			return exitDone
		}
		if err := sound(in, base); err != nil {
			return call.Usage("%v", err)
		}
		text, err := btf.C(*names...)
		if err != nil {
			cli.Say(call.Stderr, "btf-ko dump: %s: %v", in.path, err)
			return exitFailed
		}
		fmt.Fprint(call.Stdout, text)
		return exitDone
	}
}

// readDump reads an input on top of its base: .BTF.base if it has that. rawBase is that base's bytes, nil if there is none.
func readDump(in *input, basePath string) (rawBase []byte, dump *btfdump.BTF, err error) {
	rawBase = in.base
	from := in.path + ": .BTF.base"
	if rawBase == nil && basePath != "" {
		base, err := openInput(basePath) // stays mapped
		if err != nil {
			return nil, nil, fmt.Errorf("base %w", err)
		}
		rawBase, from = base.btf, "base "+basePath
	}
	var base *btfdump.BTF
	if rawBase != nil {
		if base, err = btfdump.Read(rawBase, nil); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", from, err)
		}
	}
	if dump, err = btfdump.Read(in.btf, base); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", in.path, err)
	}
	return rawBase, dump, nil
}

// sound tells whether BTF makes sense: what does not has no C.
func sound(in *input, rawBase []byte) error {
	kernel, err := btfverify.KernelOf("")
	if err != nil {
		return err
	}
	var base *btfverify.BTF
	if rawBase != nil {
		var problems []btfverify.Problem
		if base, problems = btfverify.Verify(rawBase, nil, kernel); len(problems) > 0 {
			return fmt.Errorf("base: %v", problems[0])
		}
	}
	if _, problems := btfverify.Verify(in.btf, base, kernel); len(problems) > 0 {
		return fmt.Errorf("%s: %v", in.path, problems[0])
	}
	return nil
}
