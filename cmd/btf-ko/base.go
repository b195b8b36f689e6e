// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/btffile"
	"github.com/kbtf/kbtf/internal/cli"
	"github.com/kbtf/kbtf/internal/encode"
	"github.com/kbtf/kbtf/internal/kernel"
	"github.com/kbtf/kbtf/internal/replace"
)

var baseCommand = &cli.Command{
	Name:    "base",
	Summary: "make a base file of vmlinux: quicker to load, smaller to ship",
	Help: cli.Help{
		Synopsis: "btf-ko base [--raw] [-o FILE] VMLINUX | btf-ko base --find MODULE|--release R",
		Text: `
Writes a base file: the BTF of VMLINUX with an index. It is a few megabytes in size
and can be used as --btf_base instead of vmlinux; next to vmlinux it is found
automatically. VMLINUX is an ELF file with .BTF, raw BTF or a bootable kernel,
compressed or not. A base file that is up to date keeps its time stamp, for make.`,
		Exit: "0 done, 1 cannot read or write, 2 wrong command line",
		Examples: []string{
			"btf-ko base vmlinux                           # writes vmlinux.btfbase",
			"btf-ko base --raw -o 6.12.btf /boot/vmlinuz-6.12.0",
			"btf-ko base --find x.ko                       # what --btf_base auto uses",
		},
	},
	Flags: baseFlags,
}

func baseFlags(flags *pflag.FlagSet) func(*cli.Call) int {
	output := flags.StringP("output", "o", "", "write `FILE` (default VMLINUX.btfbase)")
	find := flags.Bool("find", false, "print the path of a module's base")
	release := flags.String("release", "", "refuse a VMLINUX of another kernel than `R`")
	raw := flags.Bool("raw", false, "write the BTF alone")
	verbose := flags.BoolP("verbose", "v", false, "print whether it was written")
	return func(call *cli.Call) int {
		host, ofRelease := kernel.ThisHost(), *find && *release != ""
		if ofRelease != (len(call.Args) == 0) || len(call.Args) > 1 {
			return call.Usage("%d files: give one, or with --find one module or a --release: see btf-ko base --help",
				len(call.Args))
		}
		vmlinux := call.Flags.Arg(0)
		if *find {
			findFor, what := host.FindBase, vmlinux
			if ofRelease {
				findFor, what = host.FindBaseOf, *release
			}
			found, err := findFor(what)
			if err != nil {
				cli.Say(call.Stderr, "btf-ko: %v", err)
				return exitFailed
			}
			fmt.Fprintln(call.Stdout, found)
			return exitDone
		}
		if *release != "" {
			if of := host.BaseRelease(vmlinux); of != "" && of != *release {
				cli.Say(call.Stderr, "btf-ko: %s: is of %s, not of %s: use %s", vmlinux, of, *release, kernel.SourcesOf(*release))
				return exitFailed
			}
		}
		if *raw {
			if *output == "" {
				return call.Usage("--raw needs -o FILE")
			}
			return writeRaw(vmlinux, *output, call.Stderr)
		}
		if *output == "" {
			*output = encode.BaseFilePath(vmlinux)
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
			cli.Say(call.Stderr, "btf-ko: %v", err)
			return exitFailed
		}
		if *verbose {
			outcome := "unchanged"
			if written {
				outcome = "written"
			}
			cli.Say(call.Stderr, "btf-ko: %s: %s, %d types", *output, outcome, base.NumTypes())
		}
		return exitDone
	}
}

// writeRaw writes the BTF of vmlinux alone, unless the file has the same contents.
func writeRaw(vmlinux, output string, stderr io.Writer) int {
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
