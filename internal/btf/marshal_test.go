// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"slices"
	"testing"
)

// Of overlapping variables the first one is written; of several at one offset, the one added first.
func TestNonOverlapping(t *testing.T) {
	m := Module{vars: []Variable{
		{SectionIndex: 2, Off: 0, Size: 8}, {SectionIndex: 1, Off: 8, Size: 4},
		{SectionIndex: 1, Off: 8, Size: 8}, {SectionIndex: 1, Off: 0, Size: 8},
		{SectionIndex: 1, Off: 11, Size: 100}, {SectionIndex: 1, Off: 12, Size: 4},
		{SectionIndex: 2, Off: 1<<32 - 4, Size: 8},
	}}
	if got, want := m.nonOverlapping(), []int{3, 1, 5, 0}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
