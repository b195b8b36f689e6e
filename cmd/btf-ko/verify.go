// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/spf13/pflag"

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
Checks whether a kernel would load the BTF of modules or of vmlinux, and what the
kernel does not check: that references lead to types of the right kind, and that the
base is the one that the BTF was encoded against. FILE is an ELF file with .BTF, or
raw BTF. BTF with a .BTF.base is checked against that. Prints a line for each wrong
type.`,
		Exit: "0 no problems, 1 problems, 2 wrong base or command line",
		Examples: []string{
			"btf-ko verify vmlinux",
			"btf-ko verify --btf_base vmlinux drivers/net/dummy.ko fs/xfs/xfs.ko",
			"btf-ko verify --btf_base /sys/kernel/btf/vmlinux --kernel 6.1 dummy.btf",
		},
	},
	Flags: verifyFlags,
}

// maxProblems is how many problems of a file are printed, without --all.
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
	flags.StringVar(&opt.base, "btf_base", "", "check against the BTF of `FILE`: vmlinux, or raw BTF")
	flags.StringVar(&opt.kernel, "kernel", "", "the `VERSION` of the kernel: 6.1, 6.12 or 7.2 (the default)")
	flags.BoolVar(&opt.all, "all", false, fmt.Sprintf("print all problems, not only %d of a file", maxProblems))
	flags.BoolVarP(&opt.verbose, "verbose", "v", false, "print a line also for files without problems")
	flags.VarPF(&opt.jobs, "jobs", "j", "files at a time (default: one for each CPU)").NoOptDefVal = "0"
	return func(call *cli.Call) int {
		if len(call.Args) == 0 {
			return call.Usage("no file to verify: see btf-ko verify --help")
		}
		kernel, err := btfverify.KernelOf(opt.kernel)
		if err != nil {
			return call.Usage("%v", err)
		}
		v := verification{kernel: kernel, limit: maxProblems}
		if opt.all {
			v.limit = math.MaxInt
		}
		if opt.base != "" {
			if v.base, err = verifyBase(opt.base, kernel); err != nil {
				return call.Usage("%v", err)
			}
		}
		return v.files(call.Args, &opt, call.Stdout, call.Stderr)
	}
}

// verifyBase reads the BTF that modules are split against.
func verifyBase(path string, kernel *btfverify.Kernel) (*btfverify.BTF, error) {
	in, err := openInput(path) // stays mapped
	if err != nil {
		return nil, fmt.Errorf("base %w", err)
	}
	base, problems := btfverify.Verify(in.btf, nil, kernel)
	if len(problems) > 0 {
		return nil, fmt.Errorf("base %s: %v", path, problems[0])
	}
	return base, nil
}

// A verification is what files are checked against.
type verification struct {
	base   *btfverify.BTF // nil without --btf_base
	kernel *btfverify.Kernel
	limit  int // problems to print of a file
}

// A verdict is what is wrong with a file: the first problems, and how many others there are.
type verdict struct {
	problems []string
	more     int
}

// files checks several files at a time and prints what was found in the order in which they were given.
func (v *verification) files(paths []string, opt *verifyOptions, stdout, stderr io.Writer) int {
	verdicts := make([]verdict, len(paths))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(batch.Threads(int(opt.jobs)), len(paths)) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(paths); i = int(next.Add(1)) - 1 {
				if err := fault.Survive(func() error {
					verdicts[i] = v.file(paths[i])
					return nil
				}); err != nil {
					verdicts[i] = verdict{problems: []string{err.Error()}}
				}
			}
		})
	}
	wg.Wait()
	refused := 0
	for i, path := range paths {
		if len(verdicts[i].problems) > 0 {
			refused++
		} else if opt.verbose {
			cli.Say(stdout, "%s: fine", path)
		}
		for _, problem := range verdicts[i].problems {
			cli.Say(stdout, "%s: %s", path, problem)
		}
		if more := verdicts[i].more; more > 0 {
			cli.Say(stdout, "%s: ... and %d more", path, more)
		}
	}
	if refused > 0 {
		cli.Say(stderr, "btf-ko verify: %d of %d files refused", refused, len(paths))
		return exitFailed
	}
	return exitDone
}

func (v *verification) file(path string) verdict {
	in, err := openInput(path)
	if err != nil {
		return verdict{problems: []string{strings.TrimPrefix(err.Error(), path+": ")}}
	}
	defer in.close()
	base, section := v.base, ""
	if in.base != nil {
		var problems []btfverify.Problem
		if base, problems = btfverify.VerifyDistilled(in.base, v.base, v.kernel); len(problems) > 0 {
			return v.verdict(".BTF.base: ", problems)
		}
		section = ".BTF: "
	}
	_, problems := btfverify.Verify(in.btf, base, v.kernel)
	return v.verdict(section, problems)
}

// verdict writes down the problems of a section; its name matters only where there are two.
func (v *verification) verdict(section string, problems []btfverify.Problem) verdict {
	shown := problems[:min(len(problems), v.limit)]
	d := verdict{more: len(problems) - len(shown)}
	for _, p := range shown {
		d.problems = append(d.problems, section+p.String())
	}
	return d
}
