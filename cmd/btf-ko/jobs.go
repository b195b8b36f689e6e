// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// jobs is the value of -j, -jN or --jobs=N; 0 without a number.
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

// spellJobs rewrites -jN as --jobs=N, because pflag does not accept -jN for a flag with an optional
// value.
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
