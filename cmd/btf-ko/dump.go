// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/btfdump"
	"github.com/kbtf/kbtf/internal/btffile"
	"github.com/kbtf/kbtf/internal/cli"
)

var dumpHelp = cli.Help{
	Synopsis: "btf-ko dump [--btf_base FILE] [--c NAME]... FILE",
	Text: `
Prints the BTF of a module or of vmlinux: all types in the raw format of bpftool, or
with --c some types as C that compiles, with the types that they need. FILE is an
ELF file with .BTF, raw BTF, a base file or a bootable kernel; it may be compressed
(xz, zstd, gzip). A .BTF.base in FILE is the base.`,
	Exit: "0 done, 1 no such type, 2 BTF or command line is wrong",
	Examples: []string{
		"btf-ko dump --btf_base vmlinux drivers/net/dummy.ko",
		"btf-ko dump --c 'struct list_head' /sys/kernel/btf/vmlinux",
		"btf-ko dump --btf_base vmlinux --c xfs_mount fs/xfs/xfs.ko > xfs.h",
	},
}

func runDump(args []string, stdout, stderr io.Writer) int {
	flags := newFlagSet("btf-ko dump", stderr)
	basePath := flags.String("btf_base", "", "the base of split BTF: vmlinux or another `FILE` with BTF")
	names := flags.StringArray("c", nil, "print the types `NAME` as C: ring or 'struct ring'; repeatable")
	flags.Usage = func() { fmt.Fprint(stdout, dumpHelp.Format(flags)) }
	if err := flags.Parse(args); errors.Is(err, pflag.ErrHelp) {
		return exitDone
	} else if err != nil {
		return usageError(stderr, "dump", err)
	}
	if flags.NArg() != 1 {
		return usageError(stderr, "dump", fmt.Errorf("%d files, not 1: btf-ko dump --help tells how", flags.NArg()))
	}
	file, err := btffile.Open(flags.Arg(0))
	if err != nil {
		return usageError(stderr, "dump", err)
	}
	defer file.Close()
	read := btfdump.Read
	if len(*names) > 0 {
		read = btfdump.ReadSound
	}
	btf, err := read(file, *basePath)
	if err != nil {
		return usageError(stderr, "dump", err)
	}
	if len(*names) == 0 {
		if err := btfdump.Raw(stdout, btf); err != nil {
			cli.Say(stderr, "btf-ko dump: %v", err)
			return exitFailed
		}
		return exitDone
	}
	text, err := btfdump.C(btf, *names...)
	if err != nil {
		cli.Say(stderr, "btf-ko dump: %s: %v", file.Path, err)
		return exitFailed
	}
	fmt.Fprint(stdout, text)
	return exitDone
}
