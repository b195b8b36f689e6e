// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"
	"io"

	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"github.com/kbtf/kbtf/internal/batch"
	"github.com/kbtf/kbtf/internal/btfverify"
	"github.com/kbtf/kbtf/internal/cli"
	"github.com/kbtf/kbtf/internal/fault"
)

var verifyCommand = &cli.Command{
	Name:    "verify",
	Summary: "check whether a kernel would load it",
	Help: cli.Help{
		Synopsis: "btf-ko verify [--btf_base FILE] [--kernel VERSION] FILE...",
		Text: `
Reports whether a kernel accepts the BTF of modules or of vmlinux, and whether it is
sound: references exist and are of the right kind, and the base is the one that it
was encoded against. Prints a line for each wrong type. FILE is an ELF file with
.BTF, raw BTF, a base file or a bootable kernel; it may be compressed (xz, zstd,
gzip). BTF with a .BTF.base is checked against that.`,
		Exit: "0 accepted, 1 refused, 2 base or command line is wrong",
		Examples: []string{
			"btf-ko verify vmlinux",
			"btf-ko verify --btf_base vmlinux drivers/net/dummy.ko fs/xfs/xfs.ko",
			"btf-ko verify --btf_base /sys/kernel/btf/vmlinux --kernel 6.1 dummy.btf",
		},
	},
	Flags: verifyFlags,
}

// maxProblems limits the problems printed for each file, without --all.
const maxProblems = 10

type verifyOptions struct {
	base    string
	kernel  string
	jobs    jobs
	all     bool
	verbose bool
}

func verifyFlags(flags *pflag.FlagSet) func(*cli.Call) int {
	var opt verifyOptions
	flags.StringVar(&opt.base, "btf_base", "", "the base of split BTF: vmlinux or another `FILE` with BTF")
	flags.StringVar(&opt.kernel, "kernel", "",
		"the `VERSION` that it is for: 6.1, 6.12, 7.2 (the default) or running: the running kernel decides (needs root)")
	flags.BoolVar(&opt.all, "all", false, fmt.Sprintf("print all problems, not only %d for each file", maxProblems))
	flags.BoolVarP(&opt.verbose, "verbose", "v", false, "print a line for each file that is fine")
	flags.VarPF(&opt.jobs, "jobs", "j", "files at a time (default: one for each CPU)").NoOptDefVal = "0"
	return func(call *cli.Call) int {
		if len(call.Args) == 0 {
			return call.Usage("no file to verify: see btf-ko verify --help")
		}
		v, err := btfverify.NewVerifier(opt.base, opt.kernel)
		if err != nil {
			return call.Usage("%v", err)
		}
		return verifyFiles(v, call.Args, &opt, call.Stdout, call.Stderr)
	}
}

// verifyFiles verifies several files at a time and prints the problems in the order of the
// arguments.
func verifyFiles(v *btfverify.Verifier, paths []string, opt *verifyOptions, stdout, stderr io.Writer) int {
	problems := make([][]string, len(paths))
	var g errgroup.Group
	g.SetLimit(batch.Threads(int(opt.jobs)))
	for i, path := range paths {
		g.Go(func() error {
			err := fault.Recover(func() error {
				problems[i] = v.File(path)
				return nil
			})
			if err != nil {
				problems[i] = []string{err.Error()}
			}
			return nil
		})
	}
	_ = g.Wait() // problems are in the list
	refused := 0
	for i, path := range paths {
		list := problems[i]
		if len(list) > 0 {
			refused++
		} else if opt.verbose {
			cli.Say(stdout, "%s: fine", path)
		}
		more := 0
		if !opt.all && len(list) > maxProblems {
			list, more = list[:maxProblems], len(list)-maxProblems
		}
		for _, problem := range list {
			cli.Say(stdout, "%s: %s", path, problem)
		}
		if more > 0 {
			cli.Say(stdout, "%s: ... and %d more", path, more)
		}
	}
	if refused > 0 {
		cli.Say(stderr, "btf-ko verify: %d of %d files refused", refused, len(paths))
		return exitFailed
	}
	return exitDone
}
