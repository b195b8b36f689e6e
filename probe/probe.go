// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package probe decides what a BTF encoder and a kernel configuration allow, for
// Kconfig and make.
//
// [NewCommand] returns the encoder to ask: pahole, btf-ko, or a wrapper such as
// ccache with its arguments. [SplitBTF] runs it with --version and decides whether
// it supports split BTF; [BTFModules] decides whether a configuration can have
// BTF for modules. Both return a [Decision]: yes, no or unknown, with a reason.
// They never return an error, because Kconfig needs an answer: unknown counts as
// no, and the reason is for the user.
//
// [ParseVersion] accepts the versions that pahole, btf-ko and the distributions
// that package them print. A [Version] contains a semantic version to compare.
package probe

// Answer is the answer to a question of Kconfig, make or a shell.
type Answer int

const (
	Unknown Answer = iota // the question could not be answered; counts as no
	No
	Yes
)

// String returns the answer in the form that Kconfig reads: y or n.
func (a Answer) String() string {
	if a == Yes {
		return "y"
	}
	return "n"
}

// ExitStatus returns 0 for yes, 1 for no and 2 for unknown.
func (a Answer) ExitStatus() int {
	switch a {
	case Yes:
		return 0
	case No:
		return 1
	default:
		return 2
	}
}

// Decision is an answer with its reason.
type Decision struct {
	Answer Answer
	Reason string // one line
}
