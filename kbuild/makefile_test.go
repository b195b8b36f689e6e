// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseMakefile(t *testing.T) {
	m := parseMakefile(splitLines(`# a comment: not a rule
one := 1
  export two ?= $(one):2
long = a \
	b \
  c
ifdef X
-include x.mk $(y)/y.mk
endif
export A B
define macro
fake: rule
endef
a b: c | d
	first \
		still first

# between
ifdef Y
	second
endif
$(foreach x,a:b,$(x)): %.o: %.c FORCE
var:=x
	not a recipe`))
	want := makefile{
		variables: []variable{
			{"one", 1, "1"},
			{"two", 2, "$(one):2"},
			{"long", 3, "a b c"},
			{"macro", 10, "fake: rule\n"},
			{"var", 22, "x"},
		},
		includes: []include{{7, "x.mk"}, {7, "$(y)/y.mk"}},
		exports:  []string{"two", "A", "B"},
		rules: []rule{
			{line: 13, targets: "a b", prereqs: "c | d", recipe: []int{14, 15, 19}},
			{line: 21, targets: "$(foreach x,a:b,$(x))", pattern: "%.o", prereqs: "%.c FORCE"},
		},
	}
	unexported := cmp.AllowUnexported(makefile{}, variable{}, include{}, rule{})
	if diff := cmp.Diff(want, m, unexported); diff != "" {
		t.Error(diff)
	}
}

func TestParseKconfig(t *testing.T) {
	got := parseKconfig(splitLines(`# c
config A
	bool

	help
	  text

# about B
config B
	def_bool y
menuconfig C
	bool
if C
	config INDENTED
endif
config D`))
	want := []kconfigEntry{{"A", 1, 6}, {"B", 8, 10}, {"C", 10, 12}, {"D", 15, 16}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(kconfigEntry{})); diff != "" {
		t.Error(diff)
	}
}

// FuzzPlan checks that any build files are either refused with a one-line error
// or planned such that the plan can be undone and is not planned twice.
func FuzzPlan(f *testing.F) {
	f.Add("ifdef config-build\n", "dot-target=\n", "config", "define\\\n:\n\t", "", uint8(0))
	for i, form := range forms() {
		for j, saved := range []string{"cmd_", "savedcmd_"} {
			s := shapedTree(f, form, saved)
			f.Add(s[topMakefile], s[kbuildInclude], s[kconfigDebug], s[modfinal], s[genBTFScript],
				uint8(i+2*j))
		}
	}
	f.Fuzz(func(t *testing.T, top, include, kconfig, link, script string, wiring uint8) {
		s := sources{topMakefile: top, kbuildInclude: include, kconfigDebug: kconfig, modfinal: link}
		if script != "" {
			s[genBTFScript] = script
		}
		if skip := Skips(link, map[string]string{"LTO_CLANG": "y"}); skip != nil && strings.Contains(skip.Condition, "\n") {
			t.Errorf("left out by %q", skip.Condition)
		}
		all := wirings()
		w := all[int(wiring)%len(all)]
		p, err := s.plan("tree", w)
		if err != nil {
			if strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), "tree/") {
				t.Errorf("refused with %q", err)
			}
			return
		}
		full := after(s, p)
		if _, err := full.plan("tree", w); err == nil {
			t.Error("planned twice")
		}
		undone := full.applied("tree", w)
		if undone == nil {
			t.Fatal("cannot be undone")
		}
		if diff := cmp.Diff(p, undone); diff != "" {
			t.Error(diff)
		}
		p.Patch()
	})
}
