// SPDX-License-Identifier: GPL-2.0-only

// Package guest is what bpftest and the init of its kernel agree on: where things are in
// the initramfs, and the lines that are reported on the console.
package guest

import "strings"

// Paths are relative to the root, where init starts.
const (
	Order       = "order"         // names of modules, one a line, each after those that it depends on
	Modules     = "modules"       // directory of NAME.ko
	Programs    = "attach.o"      // BPF programs
	NoModuleBTF = "no-module-btf" // there if the kernel knows no BTF of modules

	Published = "/sys/kernel/btf" // where the kernel shows BTF
)

// Module is the path of a module.
func Module(name string) string { return Modules + "/" + name + ".ko" }

// A Result is what came out of a check.
type Result struct {
	What    string
	Failure string // empty if all is well
}

// End is reported after all others.
var End = Result{What: "end"}

const prefix, failed = "bpftest: ", " FAILED: "

func (r Result) String() string {
	if r.Failure != "" {
		return prefix + r.What + failed + r.Failure
	}
	return prefix + r.What
}

// Parse finds a result in a line of the console, where the time stands before it.
func Parse(line string) (r Result, ok bool) {
	_, text, ok := strings.Cut(strings.TrimSpace(line), prefix)
	r.What, r.Failure, _ = strings.Cut(text, failed)
	return r, ok
}
