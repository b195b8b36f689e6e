// SPDX-License-Identifier: GPL-2.0-only

package kbuild

import (
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
	if diff := cmp.Diff(want, m, cmp.AllowUnexported(makefile{}, variable{}, include{}, rule{})); diff != "" {
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

// The parsers read whatever they get.
func FuzzPlan(f *testing.F) {
	f.Add("config DEBUG_INFO_BTF\n\tbool\n", "include scripts/Kbuild.include\n$(modules): %.ko: %.o FORCE\n\t+$(call if_changed,ld)\n")
	f.Add("config", "define\\\n:\n\t")
	f.Fuzz(func(t *testing.T, kconfig, link string) {
		s := sources{
			topMakefile:   "ifdef config-build\nCLEAN_FILES +=\nmodules: $(if $(KBUILD_BUILTIN),vmlinux)\n",
			kbuildInclude: "dot-target=\ncmd=\ncmd-check=$(cmd_$@)\nmake-cmd=\nnewer-prereqs=\nif_changed=\n",
			kconfigDebug:  kconfig,
			modfinal:      link,
		}
		p, err := s.plan("tree", btfKo)
		if err != nil {
			return
		}
		undone := after(s, p).applied("tree", btfKo)
		if undone == nil {
			t.Fatal("cannot be undone")
		}
		if diff := cmp.Diff(p, undone); diff != "" {
			t.Error(diff)
		}
	})
}
