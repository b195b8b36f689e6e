// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package kbuild

import (
	"fmt"
	"testing"

	"github.com/kbtf/kbtf/internal/fetchtest"
)

// TestRealTraps tries all traps on real kernel trees. Upstream's rule has to fail
// in each trap in at least one of them, unless the trap is harmless: otherwise
// the trap tests nothing.
func TestRealTraps(t *testing.T) {
	// Forms without a real tree.
	kernels := smallTrapKernels(t, []smallForm{
		{"5.16b", "cmd_", []string{"pahole"}},
		{"6.1a-gki", "cmd_", []string{"strict", "batch"}},
	})
	for _, k := range realTrees {
		dir := fetchtest.Path(t, k.input)
		s, err := readTree(dir)
		must(t, err)
		kernels = append(kernels, trapKernel{k.folder, dir, s, nil})
	}
	upstream, simple := tryTraps(t, kernels)
	for _, tr := range traps {
		if upstream[tr.name] == (tr.harmless || tr.random) {
			t.Errorf("%s: upstream's rule fails: %v, want %v", tr.name, upstream[tr.name], !tr.harmless)
		}
		if simple[tr.name] != tr.hole {
			t.Errorf("%s: the simple rule fails: %v, want %v", tr.name, simple[tr.name], tr.hole)
		}
	}
}

// TestRealTrapsManyModules builds 2,000 modules, and encodes them again for another
// vmlinux.
func TestRealTrapsManyModules(t *testing.T) {
	kernel := fetchtest.Path(t, "linux-source-7")
	s, err := readTree(kernel)
	must(t, err)
	for _, w := range []Wiring{btfKo, {Batch, BTFKo, InModfinal}} {
		t.Run(string(w.Rule), func(t *testing.T) {
			t.Parallel()
			p, err := s.plan(kernel, w)
			must(t, err)
			tree := newTrapTree(t, kernel, after(s, p))
			var names []string
			for i := range 2000 {
				names = append(names, fmt.Sprintf("drivers/directory%d/module%d", i%50, i))
			}
			tree.add(names...)
			must(t, makes(tree, "-j4"))
			tree.vmlinux("BTF two")
			must(t, makes(tree, "-j4"))
			if l, e := tree.done("LD"), tree.done("BTF"); l != 0 || e != len(tree.modules) {
				t.Errorf("%d linked and %d encoded of %d", l, e, len(tree.modules))
			}
			must(t, tree.idle())
		})
	}
}
