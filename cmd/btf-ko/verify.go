// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/btfverify"
	"github.com/kbtf/kbtf/internal/cli"
	"github.com/kbtf/kbtf/internal/fault"
)

var verifyHelp = cli.Help{
	Synopsis: "btf-ko verify [--btf_base FILE] [--kernel VERSION] FILE...",
	Text: `
Says whether a kernel takes the BTF of modules, or of vmlinux, and whether it makes
sense: that all it refers to is there and of the right kind, and that the base is
the one that it was encoded against. FILE is an ELF file with .BTF, or raw BTF. BTF
that brings its own .BTF.base is checked against that. Prints a line for each type
that is wrong.`,
	Exit: "0 nothing is wrong, 1 something is, 2 the base or command line is",
	Examples: []string{
		"btf-ko verify vmlinux",
		"btf-ko verify --btf_base vmlinux drivers/net/dummy.ko fs/xfs/xfs.ko",
		"btf-ko verify --btf_base /sys/kernel/btf/vmlinux --kernel 6.1 dummy.btf",
	},
}

// runningKernel, as --kernel, has the running kernel load the BTF.
const runningKernel = "running"

// maxProblems is how many problems of a file are printed, without --all.
const maxProblems = 10

type verifyOptions struct {
	base    string
	kernel  string
	jobs    jobs
	all     bool
	verbose bool
}

func runVerify(args []string, stdout, stderr io.Writer) int {
	var opt verifyOptions
	flags := newFlagSet("btf-ko verify", stderr)
	flags.StringVar(&opt.base, "btf_base", "", "check against the BTF of `FILE`: vmlinux, or raw BTF")
	flags.StringVar(&opt.kernel, "kernel", "", "the `VERSION` that it is for: 6.1, 6.12, 7.2 (the default) or running: the running kernel decides (needs root)")
	flags.BoolVar(&opt.all, "all", false, fmt.Sprintf("print all problems, not only %d of a file", maxProblems))
	flags.BoolVarP(&opt.verbose, "verbose", "v", false, "print a line for each file that is fine")
	flags.VarPF(&opt.jobs, "jobs", "j", "files at a time (default: one for each CPU)").NoOptDefVal = "0"
	flags.Usage = func() { fmt.Fprint(stdout, verifyHelp.Format(flags)) }
	if err := flags.Parse(spellJobs(args)); errors.Is(err, pflag.ErrHelp) {
		return exitDone
	} else if err != nil {
		return usageError(stderr, "verify", err)
	}
	if flags.NArg() == 0 {
		return usageError(stderr, "verify", errors.New("no file to verify: btf-ko verify --help tells how"))
	}
	kernel, running, err := kernelOf(opt.kernel)
	if err != nil {
		return usageError(stderr, "verify", err)
	}
	v := verification{kernel: kernel, running: running, limit: maxProblems}
	if opt.all {
		v.limit = math.MaxInt
	}
	if opt.base != "" {
		if v.base, err = verifyBase(opt.base, kernel); err != nil {
			return usageError(stderr, "verify", err)
		}
	}
	return v.files(flags.Args(), &opt, stdout, stderr)
}

// kernelOf returns the kernel of a version. For "running" that is the one that accepts the most, and
// the running kernel decides.
func kernelOf(version string) (*btfverify.Kernel, *btfverify.Running, error) {
	var running *btfverify.Running
	if version == runningKernel {
		var err error
		if running, err = btfverify.AskRunning(); err != nil {
			return nil, nil, err
		}
		version = ""
	}
	kernel, err := btfverify.KernelOf(version)
	return kernel, running, err
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
	base    *btfverify.BTF // nil without --btf_base
	kernel  *btfverify.Kernel
	running *btfverify.Running // nil without --kernel=running
	limit   int                // problems to print of a file
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
	for range min(opt.jobs.threads(), len(paths)) {
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
	own, problems := btfverify.Verify(in.btf, base, v.kernel)
	if len(problems) == 0 && v.running != nil {
		problems = v.running.Verify(own)
	}
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
