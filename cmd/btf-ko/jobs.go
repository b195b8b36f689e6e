// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// jobs is -j, -jN or --jobs=N. 0 leaves the number to us.
type jobs int

func (j *jobs) String() string { return "" }
func (j *jobs) Type() string   { return "N" }

func (j *jobs) Set(s string) error {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return fmt.Errorf("%q is not a number of jobs", s)
	}
	*j = jobs(n)
	return nil
}

// spellJobs turns -jN into --jobs=N: where a flag's value may be missing, pflag takes none that is joined to its letter.
func spellJobs(args []string) []string {
	args = slices.Clone(args)
	for i, arg := range args {
		if arg == "--" {
			break
		}
		if n, ok := strings.CutPrefix(arg, "-j"); ok && n != "" && n[0] != '=' {
			args[i] = "--jobs=" + n
		}
	}
	return args
}

// threads says how many threads to use. A make that runs jobs in parallel keeps the CPUs busy already: its other jobs would wait
// for ours. The kernel's build files pass -j without a number in both cases.
func (j jobs) threads() int {
	if j > 0 {
		return int(j)
	}
	if strings.Contains(os.Getenv("MAKEFLAGS"), "--jobserver") {
		return 1
	}
	return runtime.NumCPU()
}
