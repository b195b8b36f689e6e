// SPDX-License-Identifier: GPL-2.0-only

// Package probe decides what a BTF encoder and a kernel configuration allow.
//
// Every question has a [Decision]: y, n, or n because nobody could tell, each
// with its reason. Kconfig sees only y and n; a person reads the reason.
package probe

// Answer is what Kconfig, make or a shell gets to know.
type Answer int

const (
	// Unknown counts as no: the question could not be answered.
	Unknown Answer = iota
	No
	Yes
)

// String is the answer as Kconfig spells it: y or n.
func (a Answer) String() string {
	if a == Yes {
		return "y"
	}
	return "n"
}

// ExitStatus is 0 for yes, 1 for no and 2 when it is unknown.
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

// Decision is an answer and the one line that says why.
type Decision struct {
	Answer Answer
	Reason string
}
