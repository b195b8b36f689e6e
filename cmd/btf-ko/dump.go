// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/btfdump"
	"github.com/kbtf/kbtf/internal/btfraw"
	"github.com/kbtf/kbtf/internal/btfverify"
	"github.com/kbtf/kbtf/internal/cli"
)

var dumpHelp = cli.Help{
	Synopsis: "btf-ko dump [--btf_base FILE] [--c NAME]... FILE",
	Text: `
Prints the BTF of a module, or of vmlinux: all types, in the raw format of bpftool;
or with --c the C of some, with all that they need, so that it compiles. FILE is an
ELF file with .BTF, or raw BTF. Of BTF that brings its own .BTF.base, that is the
base.`,
	Exit: "0 done, 1 no such type, 2 BTF or command line is wrong",
	Examples: []string{
		"btf-ko dump --btf_base vmlinux drivers/net/dummy.ko",
		"btf-ko dump --c 'struct list_head' /sys/kernel/btf/vmlinux",
		"btf-ko dump --btf_base vmlinux --c xfs_mount fs/xfs/xfs.ko > xfs.h",
	},
}

func runDump(args []string, stdout, stderr io.Writer) int {
	flags := newFlagSet("btf-ko dump", stderr)
	basePath := flags.String("btf_base", "", "FILE is split against the BTF of `BASE`: vmlinux, or raw BTF")
	names := flags.StringArray("c", nil, "print C of the types called `NAME`: ring or 'struct ring'; repeatable")
	flags.Usage = func() { fmt.Fprint(stdout, dumpHelp.Format(flags)) }
	if err := flags.Parse(args); errors.Is(err, pflag.ErrHelp) {
		return exitDone
	} else if err != nil {
		return usageError(stderr, "dump", err)
	}
	if flags.NArg() != 1 {
		return usageError(stderr, "dump", fmt.Errorf("%d files, not 1: btf-ko dump --help tells how", flags.NArg()))
	}
	in, err := openInput(flags.Arg(0))
	if err != nil {
		return usageError(stderr, "dump", err)
	}
	defer in.close()
	base, btf, err := readDump(in, *basePath)
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
	if err := sound(in, base); err != nil {
		return usageError(stderr, "dump", err)
	}
	text, err := btfdump.C(btf, *names...)
	if err != nil {
		cli.Say(stderr, "btf-ko dump: %s: %v", in.path, err)
		return exitFailed
	}
	fmt.Fprint(stdout, text)
	return exitDone
}

// readDump reads an input on top of its base: .BTF.base if it has that. rawBase is that base's bytes, nil if there is none.
func readDump(in *input, basePath string) (rawBase []byte, dump *btfraw.BTF, err error) {
	rawBase = in.base
	from := in.path + ": .BTF.base"
	if rawBase == nil && basePath != "" {
		base, err := openInput(basePath) // stays mapped
		if err != nil {
			return nil, nil, fmt.Errorf("base %w", err)
		}
		rawBase, from = base.btf, "base "+basePath
	}
	var base *btfraw.BTF
	if rawBase != nil {
		if base, err = btfraw.Read(rawBase, nil); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", from, err)
		}
	}
	if dump, err = btfraw.Read(in.btf, base); err != nil {
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
