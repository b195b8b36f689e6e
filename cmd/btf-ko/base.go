// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/btffile"
	"github.com/kbtf/kbtf/internal/cli"
	"github.com/kbtf/kbtf/internal/encode"
	"github.com/kbtf/kbtf/internal/replace"
)

var baseHelp = cli.Help{
	Synopsis: "btf-ko base [--raw] [-o FILE] VMLINUX | btf-ko base --find MODULE|--release R",
	Text: `
Writes a base file: the BTF of VMLINUX with an index. It takes some megabytes and
replaces vmlinux as --btf_base; beside vmlinux it is found without that. VMLINUX is
an ELF file with .BTF, raw BTF or a bootable kernel; it may be compressed (xz, zstd,
gzip). A base file that is up to date is not written, for make.`,
	Exit: "0 done, 1 cannot be read or written, 2 wrong command line",
	Examples: []string{
		"btf-ko base vmlinux                           # writes vmlinux.btfbase",
		"btf-ko base --raw -o 6.12.btf /boot/vmlinuz-6.12.0",
		"btf-ko base --find x.ko                       # what --btf_base auto takes",
	},
}

func runBase(args []string, stdout, stderr io.Writer) int {
	flags := newFlagSet("btf-ko base", stderr)
	output := flags.StringP("output", "o", "", "write `FILE` (default VMLINUX.btfbase)")
	find := flags.Bool("find", false, "print where the base for a module is")
	release := flags.String("release", "", "refuse a VMLINUX of another kernel than `R`")
	raw := flags.Bool("raw", false, "write the BTF alone")
	verbose := flags.BoolP("verbose", "v", false, "say whether it was written")
	flags.Usage = func() { fmt.Fprint(stdout, baseHelp.Format(flags)) }
	if err := flags.Parse(args); errors.Is(err, pflag.ErrHelp) {
		return exitDone
	} else if err != nil {
		return usageError(stderr, "base", err)
	}
	host, ofRelease := thisHost(), *find && *release != ""
	if ofRelease != (flags.NArg() == 0) || flags.NArg() > 1 {
		return usageError(stderr, "base", fmt.Errorf("%d files: give one, or with --find one module or a --release: btf-ko base --help tells how", flags.NArg()))
	}
	vmlinux := flags.Arg(0)
	if *find {
		findFor, what := host.findBase, vmlinux
		if ofRelease {
			findFor, what = host.baseOf, *release
		}
		found, err := findFor(what)
		if err != nil {
			cli.Say(stderr, "btf-ko: %v", err)
			return exitFailed
		}
		fmt.Fprintln(stdout, found)
		return exitDone
	}
	if *release != "" {
		if of := host.baseRelease(vmlinux); of != "" && of != *release {
			cli.Say(stderr, "btf-ko: %s: is of %s, not of %s: take %s", vmlinux, of, *release, bases(*release))
			return exitFailed
		}
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
		cli.Say(stderr, "btf-ko: %v", err)
		return exitFailed
	}
	if *verbose {
		outcome := "as it was"
		if written {
			outcome = "written"
		}
		cli.Say(stderr, "btf-ko: %s: %s, %d types", *output, outcome, base.NumTypes())
	}
	return exitDone
}

// writeRaw writes the BTF of vmlinux without anything else, unless the file has just that.
func writeRaw(vmlinux, output string, stderr io.Writer) int {
	if output == "" {
		return usageError(stderr, "base", errors.New("--raw needs -o FILE"))
	}
	in, err := btffile.Open(vmlinux)
	if err == nil {
		defer in.Close()
		if !replace.Same(output, in.BTF) {
			err = writeDetached(output, in.BTF)
		}
	}
	if err != nil {
		cli.Say(stderr, "btf-ko: %v", err)
		return exitFailed
	}
	return exitDone
}
