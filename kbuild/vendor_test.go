// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// vendorShapes has rules that link modules, as vendors' trees have them. Only the
// batch rule supports them.
var vendorShapes = []struct {
	name  string
	since string   // the tree's form
	edits []string // of Makefile.modfinal: text and its replacement
	err   string   // of the strict rule
}{
	{"two rules, one conditional", "5.4", []string{
		"$(modules): %.ko: %.o %.mod.o scripts/module.lds FORCE\n\t+$(call if_changed,ld_ko_o)\n",
		`ifdef CONFIG_CRYPTO_FIPS
$(modules): %.ko: %.o %.mod.o scripts/module.lds FORCE
	+$(call if_changed,ld_ko_o)
	@: integrity
else
$(modules): %.ko: %.o %.mod.o scripts/module.lds FORCE
	+$(call if_changed,ld_ko_o)
endif
`}, "second rule that links modules"},
	{"two rules with BTF", "5.15b", []string{
		ruleComment, ruleComment + `ifdef CONFIG_CRYPTO_FIPS
$(modules): %.ko: %.o %.mod.o scripts/module.lds $(if $(KBUILD_BUILTIN),vmlinux) FORCE
	+$(call if_changed_except,ld_ko_o,vmlinux)
	+$(if $(newer-prereqs),$(call cmd,btf_ko))
	@: integrity
else
`, "\nPHONY += FORCE", "endif\n\nPHONY += FORCE"}, "second rule that links modules"},
	{"rule_ld_ko_o", "5.4", []string{
		"$(modules): %.ko: %.o %.mod.o scripts/module.lds FORCE\n\t+$(call if_changed,ld_ko_o)\n",
		`define rule_ld_ko_o
	$(call cmd,ld_ko_o)
	@printf '%s\n' 'cmd_$@ := $(make-cmd)' > $(dot-target).cmd
endef

$(modules): %.ko: %.o %.mod.o scripts/module.lds FORCE
	+$(call if_changed_rule,ld_ko_o)
`}, "the recipe that links modules is not $(call if_changed,...)"},
	{"variant for LTO", "6.3a", []string{
		ruleComment, `ifdef CONFIG_LTO_CLANG
prelink-ext := .lto
endif

` + ruleComment, "%.ko: %.o %.mod.o", "%.ko: %$(prelink-ext).o %.mod.o",
		"$(if $(newer-prereqs),$(call cmd,btf_ko))",
		"$(if $(CONFIG_LTO_CLANG),,$(if $(newer-prereqs),$(call cmd,btf_ko)))"}, "unknown rule for module BTF"},
}

func vendorTree(t *testing.T, since string, edits []string) sources {
	t.Helper()
	s := shapedTree(t, formNamed(t, since), "cmd_")
	for ; len(edits) > 0; edits = edits[2:] {
		edited(t, s, modfinal, edits[0], edits[1])
	}
	return s
}

// TestVendorShapes checks that the strict rule refuses these trees, and that the
// batch rule encodes their modules and can be undone.
func TestVendorShapes(t *testing.T) {
	small, err := filepath.Abs("testdata/small")
	must(t, err)
	for _, tt := range vendorShapes {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := vendorTree(t, tt.since, tt.edits)
			if _, err := s.plan("tree", btfKo); err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("strict: %v, want %s", err, tt.err)
			}
			p, err := s.plan(small, Wiring{Batch, BTFKo, InModfinal})
			must(t, err)
			if n := addedLines(p); n > 12 {
				t.Errorf("%d lines", n)
			}
			full := after(s, p)
			if diff := cmp.Diff(p, full.applied(small, p.Wiring)); diff != "" {
				t.Errorf("applied:\n%s", diff)
			}
			tree := newTrapTree(t, small, full)
			expect := func(what string, links, encoded int) {
				t.Helper()
				must(t, makes(tree))
				if l, e := tree.done("LD"), tree.done("BTF"); l != links || e != encoded {
					t.Errorf("%s: %d linked and %d encoded, want %d and %d", what, l, e, links, encoded)
				}
				must(t, tree.idle())
			}
			expect("first", 2, 2)
			tree.vmlinux("BTF two")
			expect("another BTF", 0, 2)
			tick(t, tree.src)
			tree.write(filepath.Join(tree.dir(), "beta.o"), "another\n")
			expect("a module", 1, 1)
		})
	}
}

// TestTristate has a DEBUG_INFO_BTF that may be m, with which vmlinux has its BTF in
// a module once it is installed.
func TestTristate(t *testing.T) {
	for _, since := range []string{"5.4", "6.11a", "7.2a"} {
		s := edited(t, shapedTree(t, formNamed(t, since), "cmd_"), kconfigDebug, "bool \"BTF\"", "tristate \"BTF\"")
		for _, w := range wirings() {
			if w.Rule == Simple && w.Encoder == Pahole && since != "5.4" {
				continue // refused
			}
			p, err := s.plan("tree", w)
			must(t, err)
			if diff := cmp.Diff(p, after(s, p).applied("tree", w)); diff != "" {
				t.Errorf("%s: %s", fmt.Sprint(since, " ", w), diff)
			}
		}
	}
}
