// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package guest defines the files that bpftest and its init share, and the lines on the console.
package guest

import "strings"

// Paths are relative to the root, where init starts.
const (
	Programs    = "attach.o"      // BPF programs
	NoModuleBTF = "no-module-btf" // exists if the kernel does not support BTF of modules

	Published = "/sys/kernel/btf" // the kernel's directory of BTF
)

// A Result is the outcome of a check.
type Result struct {
	What    string
	Failure string // empty if the check passed
}

// End is the last result.
var End = Result{What: "end"}

const prefix, failed = "bpftest: ", " FAILED: "

func (r Result) String() string {
	if r.Failure != "" {
		return prefix + r.What + failed + r.Failure
	}
	return prefix + r.What
}

// Parse parses a line of the console, which may begin with a time.
func Parse(line string) (r Result, ok bool) {
	_, text, ok := strings.Cut(strings.TrimSpace(line), prefix)
	r.What, r.Failure, _ = strings.Cut(text, failed)
	return r, ok
}
