// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package kbuild

import (
	"testing"

	"github.com/kbtf/kbtf/internal/fetchtest"
)

// TestRealTraps tries all traps on real kernel trees. Upstream's rule has to fail
// in each trap in at least one of them, unless the trap is harmless: otherwise
// the trap tests nothing.
func TestRealTraps(t *testing.T) {
	// Forms without a real tree.
	kernels := smallTrapKernels(t, []smallForm{
		{"5.16b", "cmd_", Pahole},
		{"6.1a-gki", "cmd_", BTFKo},
	})
	for _, k := range realTrees {
		dir := fetchtest.Path(t, k.input)
		s, err := readTree(dir)
		must(t, err)
		kernels = append(kernels, trapKernel{k.folder, dir, s, ""})
	}
	caught := tryTraps(t, kernels)
	for _, tr := range traps {
		if caught[tr.name] == tr.harmless {
			t.Errorf("%s: upstream's rule fails: %v, want %v", tr.name, caught[tr.name], !tr.harmless)
		}
	}
}
