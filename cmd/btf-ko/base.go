// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/encode"
)

const baseUsage = `usage: btf-ko base [-o FILE] VMLINUX
       btf-ko base --raw -o FILE VMLINUX
       btf-ko base --find MODULE

The second form writes the BTF alone, as /sys/kernel/btf/vmlinux has it, which other programs can read; the
third prints the path of the base that --btf_base auto takes for a module.

Writes a base file: the BTF of vmlinux, of any ELF file with .BTF, raw BTF or a bootable kernel, with an index that is ready to
use. It takes some megabytes and can be given to --btf_base in the place of vmlinux. Beside vmlinux it is
found by itself. A file that says the same already is left alone, so that make takes what depends on it for
up to date when vmlinux was linked again and its types are what they were.

%s
Exit status: 0 done, 1 vmlinux cannot be read or the file not written, 2 the command line is wrong.

    btf-ko base vmlinux                                        # writes vmlinux.btfbase
    btf-ko base -o 6.12.btfbase /sys/kernel/btf/vmlinux
    btf-ko --btf_base 6.12.btfbase drivers/net/dummy.ko
`

func runBase(args []string, stdout, stderr io.Writer) int {
	flags := newFlagSet("btf-ko base", stderr)
	output := flags.StringP("output", "o", "", "write `FILE` (default VMLINUX.btfbase)")
	find := flags.Bool("find", false, "print where the base for a module is")
	raw := flags.Bool("raw", false, "write the BTF alone")
	verbose := flags.BoolP("verbose", "v", false, "say whether it was written")
	flags.Usage = func() { fmt.Fprintf(stdout, baseUsage, flags.FlagUsages()) }
	if err := flags.Parse(args); errors.Is(err, pflag.ErrHelp) {
		return exitDone
	} else if err != nil {
		return usageError(stderr, "base", err)
	}
	if flags.NArg() != 1 {
		return usageError(stderr, "base", fmt.Errorf("%d files, not 1: btf-ko base --help tells how", flags.NArg()))
	}
	vmlinux := flags.Arg(0)
	if *find {
		path, err := thisHost().findBase(vmlinux)
		if err != nil {
			fmt.Fprintf(stderr, "btf-ko: %v\n", err)
			return exitFailed
		}
		fmt.Fprintln(stdout, path)
		return exitDone
	}
	if *raw {
		return writeRaw(vmlinux, *output, stderr)
	}
	if *output == "" {
		*output = encode.BesideBase(vmlinux)
	}
	base, err := encode.LoadBase(vmlinux, encode.BaseCache{})
	written := false
	if err == nil {
		if err = base.Ready(); err == nil {
			written, err = encode.WriteBaseFile(*output, base)
			err = writeError(*output, err)
		}
	}
	if err != nil {
		fmt.Fprintf(stderr, "btf-ko: %v\n", err)
		return exitFailed
	}
	if *verbose {
		outcome := "as it was"
		if written {
			outcome = "written"
		}
		fmt.Fprintf(stderr, "btf-ko: %s: %s, %d types\n", *output, outcome, base.NumTypes())
	}
	return exitDone
}

// writeRaw writes the BTF of vmlinux without anything else.
func writeRaw(vmlinux, output string, stderr io.Writer) int {
	if output == "" {
		return usageError(stderr, "base", errors.New("--raw needs -o FILE"))
	}
	in, err := openInput(vmlinux)
	if err == nil {
		defer in.close()
		err = writeDetached(output, in.btf)
	}
	if err != nil {
		fmt.Fprintf(stderr, "btf-ko: %v\n", err)
		return exitFailed
	}
	return exitDone
}
