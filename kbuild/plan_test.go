// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	btfKo  = Wiring{Strict, BTFKo, InModfinal}
	pahole = Wiring{Strict, Pahole, InModfinal}
)

// smallTree returns testdata/small, edited. It has the smallest build files that
// the planner accepts, written for this test in the style of the kernel.
func smallTree(t testing.TB, edits ...string) sources {
	t.Helper()
	s, err := readTree("testdata/small")
	must(t, err)
	return edited(t, s, edits...)
}

// edited edits s. Each edit is a path, a text that occurs there once, and its
// replacement.
func edited(t testing.TB, s sources, edits ...string) sources {
	t.Helper()
	for ; len(edits) > 0; edits = edits[3:] {
		path, old, by := edits[0], edits[1], edits[2]
		if strings.Count(s[path], old) != 1 {
			t.Fatalf("%s has %d times %q", path, strings.Count(s[path], old), old)
		}
		s[path] = strings.Replace(s[path], old, by, 1)
	}
	return s
}

// shapedTree returns the small tree with the rule of a form, and with the Kconfig
// entries and gen-btf.sh of its releases.
func shapedTree(t testing.TB, f form, saved string) sources {
	t.Helper()
	s := smallTree(t)
	if saved == "savedcmd_" {
		s[kbuildInclude] = strings.ReplaceAll(s[kbuildInclude], "cmd_$@", "savedcmd_$@")
	}
	v := f.release()
	edited(t, s, topMakefile, "VERSION = 5\nPATCHLEVEL = 10\n",
		fmt.Sprintf("VERSION = %d\nPATCHLEVEL = %d\n", v.major, v.minor))
	if f.command == "" {
		return s
	}
	none := forms()[0]
	r := linkRule{
		head:    "$(modules): %.ko: %.o %.mod.o scripts/module.lds",
		plus:    "+",
		command: "ld_ko_o",
	}
	var ok bool
	if s[modfinal], ok = none.text(saved, r).replace(s[modfinal], f.text(saved, r)); !ok {
		t.Fatal("testdata/small has another rule")
	}
	if f.mixed() {
		prefix := "mixed-build-prefix = $(if $(KBUILD_MIXED_TREE),$(KBUILD_MIXED_TREE)/)\n\n"
		edited(t, s, modfinal, "\nmodules := ", "\n"+prefix+"modules := ",
			topMakefile, "$(if $(KBUILD_BUILTIN),vmlinux)",
			"$(if $(KBUILD_BUILTIN), $(if $(KBUILD_MIXED_TREE),,vmlinux))")
	}
	edited(t, s, modfinal, "include $(srctree)/scripts/Kbuild.include",
		"include $(objtree)/include/config/auto.conf\ninclude $(srctree)/scripts/Kbuild.include")
	modules := "config DEBUG_INFO_BTF_MODULES\n\tbool \"BTF of modules\"\n\tdefault y\n" +
		"\tdepends on DEBUG_INFO_BTF && MODULES"
	if f.genBTF != "" {
		modules += "\n"
		script, err := os.ReadFile("testdata/gen-btf.sh")
		must(t, err)
		s[genBTFScript] = string(script)
	} else {
		modules = "config PAHOLE_HAS_SPLIT_BTF\n\tdef_bool PAHOLE_VERSION >= 119\n\n" +
			modules + " && PAHOLE_HAS_SPLIT_BTF\n"
	}
	edited(t, s, kconfigDebug, "# about what", modules+"\n# about what")
	if f.resolve {
		s[topMakefile] += "ifdef CONFIG_DEBUG_INFO_BTF_MODULES\n" +
			"KBUILD_BUILTIN := 1\nmodules: vmlinux\nendif\n"
	}
	return s
}

func formNamed(t testing.TB, name string) form {
	t.Helper()
	i := slices.IndexFunc(forms(), func(f form) bool { return f.name() == name })
	if i < 0 {
		t.Fatalf("no form %s", name)
	}
	return forms()[i]
}

// TestPlanForms plans and undoes every wiring of every form.
func TestPlanForms(t *testing.T) {
	for _, f := range forms() {
		for _, saved := range []string{"cmd_", "savedcmd_"} {
			before := shapedTree(t, f, saved)
			for _, w := range wirings() {
				if w.Rule == Simple && w.Encoder == Pahole && f.command != "" {
					continue // refused
				}
				t.Run(fmt.Sprint(f.name(), " ", saved, " ", w), func(t *testing.T) {
					testPlanForm(t, before, w)
				})
			}
		}
	}
}

func testPlanForm(t *testing.T, before sources, w Wiring) {
	p, err := before.plan("tree", w)
	must(t, err)
	full := after(before, p)
	if _, err := full.plan("tree", w); err == nil {
		t.Error("planned twice")
	}
	if diff := cmp.Diff(p, full.applied("tree", w)); diff != "" {
		t.Errorf("applied:\n%s", diff)
	}
	for _, symbol := range []string{"PAHOLE_HAS_SPLIT_BTF", "DEBUG_INFO_BTF_MODULES"} {
		if n := strings.Count(full[kconfigDebug], "config "+symbol+"\n"); n > 1 {
			t.Errorf("%s has config %s %d times", kconfigDebug, symbol, n)
		}
	}
	for path, helper := range map[string]Helper{modfinal: InModfinal, kbuildInclude: InKbuildInclude} {
		defined := strings.Contains(full[path], "newer_prereqs_except")
		if want := w.Helper == helper && w.Rule != Batch; defined != want {
			t.Errorf("%s defines newer_prereqs_except: %v, want %v", path, defined, want)
		}
	}
}

func TestPlan(t *testing.T) {
	// Parts of edited files.
	const (
		probed = `	  More about types.

config PAHOLE_HAS_SPLIT_BTF
	def_bool "$(shell,kconfig-probe split-btf --encoder=btf-ko --answer=$(PAHOLE_HAS_SPLIT_BTF))"

config DEBUG_INFO_BTF_MODULES
	def_bool y
	depends on DEBUG_INFO_BTF && MODULES && PAHOLE_HAS_SPLIT_BTF
	help
	  Generate compact split BTF type information for kernel modules.

# about what follows
config AFTER
	bool "After"

endmenu
`
		included = `__modfinal:

# for CONFIG_DEBUG_INFO_BTF_MODULES
include $(objtree)/include/config/auto.conf
include $(srctree)/scripts/Kbuild.include
`
		linked = `
# Re-generate module BTFs if either module's .ko or vmlinux changed
$(modules): %.ko: %.o %.mod.o scripts/module.lds $(btf-deps) FORCE
	$(call if_changed_rule,ld_ko_o)

`
		top = `export PAHOLE_FLAGS

# The answer to Kconfig's question: if it changes, make runs Kconfig again
export PAHOLE_HAS_SPLIT_BTF := $(shell kconfig-probe split-btf --encoder=btf-ko 2>/dev/null)

ifdef config-build
endif

export KBUILD_MODULES KBUILD_BUILTIN

# Module BTF refers to the BTF of vmlinux: build vmlinux, too
ifdef CONFIG_DEBUG_INFO_BTF_MODULES
KBUILD_BUILTIN := 1
endif

modules: $(if $(KBUILD_BUILTIN),vmlinux) modules_prepare

CLEAN_FILES += modules.builtin \
	       modules.builtin.modinfo
`
	)
	for _, tt := range []struct {
		name   string
		wiring Wiring
		edits  []string
		want   []string // paths, each with a part of the planned text
	}{
		{"btf-ko", btfKo, nil, []string{
			kconfigDebug, probed,
			topMakefile, top,
			modfinal, included,
			modfinal, linked,
			modfinal, "      cmd_btf_ko = $(if $(btf-base),btf-ko $(btf-flags) --btf_base $(btf-base) $@" +
				" || { rm -f $@; exit 1; }, \\\n",
		}},
		{"pahole", pahole, nil, []string{
			kconfigDebug, strings.Replace(probed, " --encoder=btf-ko", "", 1),
			topMakefile, "$(shell kconfig-probe split-btf 2>/dev/null)\n",
			modfinal, ",LLVM_OBJCOPY=\"$(OBJCOPY)\" $(PAHOLE) -J $(btf-flags)" +
				" --btf_base $(btf-base) $@ || { rm -f $@; exit 1; }, \\\n",
		}},
		{"linker script in a variable", btfKo, []string{
			modfinal, "%.mod.o scripts/module.lds FORCE", "%.mod.o $(ARCH_MODULE_LDS) FORCE",
		}, []string{
			modfinal, "$(modules): %.ko: %.o %.mod.o $(ARCH_MODULE_LDS) $(btf-deps) FORCE\n",
		}},
		{"pattern rule", btfKo, []string{modfinal, "$(modules): %.ko:", "%.ko:"}, []string{
			modfinal, "\n%.ko: %.o %.mod.o scripts/module.lds $(btf-deps) FORCE\n",
		}},
		{"another command", btfKo, []string{
			modfinal, "      cmd_ld_ko_o", "      cmd_link",
			modfinal, "\t+$(call if_changed,ld_ko_o)", "\t$(call if_changed,link)",
		}, []string{
			modfinal, "define rule_link\n",
			modfinal, "\n\t$(call if_changed_except,link,$(if $(btf-base),$(btf-deps)))\n",
			modfinal, "\n\t$(call if_changed_rule,link)\n",
		}},
		{"auto.conf is included", btfKo, []string{
			modfinal, "include $(srctree)", "include include/config/auto.conf\ninclude $(srctree)",
		}, []string{
			modfinal, "__modfinal:\n\ninclude include/config/auto.conf\n" +
				"include $(srctree)/scripts/Kbuild.include\n",
		}},
		{"last in Kconfig", btfKo, []string{
			kconfigDebug, "\n# about what follows\nconfig AFTER\n\tbool \"After\"\n\nendmenu\n", "",
		}, []string{
			kconfigDebug, "\t  Generate compact split BTF type information for kernel modules.\n",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := smallTree(t, tt.edits...)
			p, err := before.plan("tree", tt.wiring)
			must(t, err)
			full := after(before, p)
			for i := 0; i < len(tt.want); i += 2 {
				path, text := tt.want[i], tt.want[i+1]
				if n := strings.Count(full[path], text); n != 1 {
					t.Errorf("%s has %d times\n%s\n%s", path, n, text, full[path])
				}
			}
			if _, err := full.plan("tree", tt.wiring); err == nil {
				t.Error("planned twice")
			}
			if diff := cmp.Diff(p, full.applied("tree", tt.wiring)); diff != "" {
				t.Errorf("applied:\n%s", diff)
			}
		})
	}
}

// TestPlanKeepsOtherText has trees with text between the commands and the rule,
// and after the rule.
func TestPlanKeepsOtherText(t *testing.T) {
	const between = "ifdef CONFIG_LTO\nLDFLAGS_MODULE += --cache\nendif\n\n" + ruleComment
	for _, name := range []string{"5.12a", "6.3b-gki", "7.1c"} {
		f := formNamed(t, name)
		before := edited(t, shapedTree(t, f, "cmd_"),
			modfinal, ruleComment, between,
			modfinal, "\nPHONY += FORCE\n", "\t@true\n\nPHONY += FORCE\n")
		for _, e := range Encoders {
			w := Wiring{Strict, e, InModfinal}
			p, err := before.plan("tree", w)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			full := after(before, p)
			order := []int{
				strings.Index(full[modfinal], "if_changed_except = "),
				strings.Index(full[modfinal], "LDFLAGS_MODULE += --cache"),
				strings.Index(full[modfinal], "$(btf-deps) FORCE\n\t$(call if_changed_rule,"),
				strings.Index(full[modfinal], "\t@true\n"),
			}
			if order[0] < 0 || !slices.IsSorted(order) {
				t.Errorf("%s: missing text or wrong order: %v\n%s", name, order, full[modfinal])
			}
			if diff := cmp.Diff(p, full.applied("tree", w)); diff != "" {
				t.Errorf("%s: applied:\n%s", name, diff)
			}
		}
	}
}

// after returns the tree after the plan is applied.
func after(s sources, p *Plan) sources {
	result := maps.Clone(s)
	for _, c := range p.Changes {
		result[c.Path] = c.New
	}
	return result
}

// TestPlanRefuses has one tree for each error.
func TestPlanRefuses(t *testing.T) {
	const (
		wired = "the tree was patched by another version of kconfig-probe, or edited afterwards: " +
			"restore the original files first"
		partly = "revert the incomplete patch first"
		// Text of testdata/small.
		kbuildLine  = "include $(srctree)/scripts/Kbuild.include\n"
		phonyLine   = ".PHONY: $(PHONY)"
		quietLink   = "quiet_cmd_ld_ko_o"
		callLine    = "\t+$(call if_changed,ld_ko_o)\n"
		afterConfig = "\n# about what follows\nconfig AFTER\n\tbool \"After\"\n\nendmenu\n"
	)
	for _, tt := range []struct {
		name  string
		since string // the tree's form; empty for the first
		edits []string
		err   string
	}{
		{"no BTF of vmlinux", "",
			[]string{kconfigDebug, "config DEBUG_INFO_BTF\n", "config DEBUG_INFO_CTF\n"},
			"lib/Kconfig.debug: no config DEBUG_INFO_BTF: this kernel does not support BTF for vmlinux"},
		{"two config entries", "",
			[]string{kconfigDebug, "config AFTER", "config DEBUG_INFO_BTF"},
			"lib/Kconfig.debug:17: second config DEBUG_INFO_BTF, first at line 7: expected one"},
		{"no newline in Kconfig", "",
			[]string{kconfigDebug, "\n" + afterConfig, ""},
			"lib/Kconfig.debug:14: no newline at end of file"},
		{"only Kconfig patched", "",
			[]string{kconfigDebug, "config AFTER", "config DEBUG_INFO_BTF_MODULES"},
			"lib/Kconfig.debug:17: config DEBUG_INFO_BTF_MODULES, " +
				"but scripts/Makefile.modfinal does not define cmd_btf_ko: " + partly},
		{"only the rule patched", "6.3a",
			[]string{kconfigDebug, "config DEBUG_INFO_BTF_MODULES", "config DEBUG_INFO_OF_MODULES"},
			"lib/Kconfig.debug: no config DEBUG_INFO_BTF_MODULES, " +
				"but scripts/Makefile.modfinal defines cmd_btf_ko: " + partly},
		{"unknown PAHOLE_HAS_SPLIT_BTF", "6.11a",
			[]string{kconfigDebug, "def_bool PAHOLE_VERSION", "default PAHOLE_VERSION"},
			"lib/Kconfig.debug:16: config PAHOLE_HAS_SPLIT_BTF: expected a line def_bool"},
		{"no dependency", "7.2a",
			[]string{kconfigDebug, "depends on DEBUG_INFO_BTF && MODULES", "if DEBUG_INFO_BTF"},
			"lib/Kconfig.debug:16: config DEBUG_INFO_BTF_MODULES: expected a line depends on"},

		{"only if_changed_except", "",
			[]string{modfinal, phonyLine, "if_changed_except = x\n" + phonyLine},
			"scripts/Makefile.modfinal:28: defines if_changed_except, but not cmd_btf_ko: " + partly},
		{"only the prerequisite vmlinux", "",
			[]string{modfinal, "module.lds FORCE", "module.lds vmlinux FORCE"},
			"scripts/Makefile.modfinal:20: modules depend on vmlinux, " +
				"but cmd_btf_ko is not defined: " + partly},
		{"unknown cmd_btf_ko", "",
			[]string{modfinal, quietLink, "cmd_btf_ko = x\n" + quietLink},
			"scripts/Makefile.modfinal:15: unknown definition of cmd_btf_ko: " +
				`expected the line "quiet_cmd_btf_ko = BTF [M] $@" before it`},
		{"unknown flags", "6.11a",
			[]string{modfinal, "$(PAHOLE) -J $(PAHOLE_FLAGS)", "$(PAHOLE) -J -j1 $(PAHOLE_FLAGS)"},
			"scripts/Makefile.modfinal:26: unknown rule for module BTF: expected " +
				`"\t\tLLVM_OBJCOPY=\"$(OBJCOPY)\" $(PAHOLE) -J $(PAHOLE_FLAGS) --btf_base vmlinux $@; \\", ` +
				"as in Linux 6.3"},
		{"unknown recipe", "6.3a",
			[]string{modfinal, "$(if $(newer-prereqs),$(call cmd,btf_ko))", "$(call cmd,btf_ko)"},
			"scripts/Makefile.modfinal:42: unknown rule for module BTF: expected " +
				`"\t+$(if $(newer-prereqs),$(call cmd,btf_ko))", as in Linux 6.3`},
		{"text before the rule", "5.12b",
			[]string{modfinal, "# Re-generate", "PHONY += x # Re-generate"},
			"scripts/Makefile.modfinal:37: unknown rule for module BTF: expected " +
				`"# Re-generate module BTFs if either module's .ko or vmlinux changed", as in Linux 5.12`},
		{"text before a line of gen-btf.sh", "7.2a",
			[]string{genBTFScript, "trap cleanup EXIT", "test 1 && trap cleanup EXIT"},
			`scripts/gen-btf.sh: expected exactly one line "trap cleanup EXIT"`},
		{"third section of gen-btf.sh", "7.2a",
			[]string{genBTFScript, "\tif [ -f ${ELF_FILE}.BTF_ids ]; then\n", "\t${OBJCOPY} --add-section " +
				".BTF.ext=${ELF_FILE}.BTF.ext ${ELF_FILE}\n\tif [ -f ${ELF_FILE}.BTF_ids ]; then\n"},
			"scripts/gen-btf.sh:21: adds a section .BTF.ext to modules: only .BTF and .BTF.base are supported"},
		{"unknown gen-btf.sh", "7.2a",
			[]string{genBTFScript, "trap cleanup EXIT", "trap 'cleanup' EXIT"},
			`scripts/gen-btf.sh: expected exactly one line "trap cleanup EXIT"`},
		{"patched by another version", "",
			[]string{modfinal, quietLink, "btf-base := x\n" + quietLink},
			"scripts/Makefile.modfinal:15: defines btf-base: " + wired},

		{"no Kbuild.include", "",
			[]string{modfinal, kbuildLine, ""},
			"scripts/Makefile.modfinal: does not include scripts/Kbuild.include"},
		{"no rule", "",
			[]string{modfinal, "$(modules): %.ko:", "$(mods): %.ko:"},
			"scripts/Makefile.modfinal: no rule links modules: expected $(modules): %.ko: or %.ko:"},
		{"two rules", "",
			[]string{modfinal, phonyLine, "$(modules): %.ko: %.o FORCE\n" + phonyLine},
			"scripts/Makefile.modfinal:28: second rule that links modules, first at line 20: expected one"},
		{"rule before the include", "",
			[]string{modfinal, kbuildLine, "",
				modfinal, "FORCE:\n\n", "FORCE:\ninclude scripts/Kbuild.include\n\n"},
			"scripts/Makefile.modfinal:19: the rule that links modules precedes " +
				"the include of scripts/Kbuild.include"},
		{"no FORCE", "",
			[]string{modfinal, "module.lds FORCE", "module.lds"},
			"scripts/Makefile.modfinal:20: the rule that links modules does not end in FORCE"},
		{"continuation line", "",
			[]string{modfinal, "module.lds FORCE", "module.lds \\\n\tFORCE"},
			"scripts/Makefile.modfinal:20: the rule that links modules has a continuation line: " +
				"expected one line"},
		{"no recipe", "",
			[]string{modfinal, callLine, ""},
			"scripts/Makefile.modfinal:20: the rule that links modules has no recipe"},
		{"long recipe", "",
			[]string{modfinal, callLine, callLine + "\t@true\n"},
			"scripts/Makefile.modfinal:22: second line in the recipe that links modules: " +
				"expected only $(call if_changed,...)"},
		{"recipe without if_changed", "",
			[]string{modfinal, "$(call if_changed,ld_ko_o)", "$(call if_changed_rule,ld_ko_o)"},
			"scripts/Makefile.modfinal:21: the recipe that links modules is not $(call if_changed,...)"},
		{"command from another file", "",
			[]string{modfinal, "      cmd_ld_ko_o", "      cmd_ld"},
			"scripts/Makefile.modfinal:21: cmd_ld_ko_o is not defined in this file"},
		{"command links all prerequisites", "",
			[]string{modfinal, "$(filter %.o, $^)", "$(real-prereqs)"},
			"scripts/Makefile.modfinal:16: cmd_ld_ko_o links all prerequisites, " +
				"vmlinux's BTF included: expected $(filter %.o, $^)"},
		{"conditional command links all prerequisites", "",
			[]string{modfinal, "\n$(modules): %.ko:", "\nifdef CONFIG_LTO\n" +
				"      cmd_ld_ko_o += ; $(LD) -r -o $@ $^\nendif\n\n$(modules): %.ko:"},
			"scripts/Makefile.modfinal:21: cmd_ld_ko_o links all prerequisites, " +
				"vmlinux's BTF included: expected $(filter %.o, $^)"},
		{"two definitions", "6.3a",
			[]string{modfinal, "\nPHONY += FORCE", "\nif_changed_except = x\n\nPHONY += FORCE"},
			"scripts/Makefile.modfinal:45: second definition of if_changed_except, " +
				"first at line 34: expected one"},

		{"unknown saved command", "",
			[]string{kbuildInclude, "$(filter-out $(cmd_$@)", "$(filter-out $(old)"},
			"scripts/Kbuild.include:10: cmd-check reads neither cmd_$@ nor savedcmd_$@"},
		{"no if_changed_rule", "",
			[]string{kbuildInclude, "if_changed_rule =", "if_changed_rules ="},
			"scripts/Kbuild.include: does not define if_changed_rule"},

		{"no ifdef config-build", "",
			[]string{topMakefile, "ifdef config-build", "ifdef config"},
			`Makefile: expected a line that starts with "ifdef config-build"`},
		{"no rule for modules", "",
			[]string{topMakefile, "modules: ", "mods: "},
			`Makefile: expected a line that starts with "modules: $(if $(KBUILD_BUILTIN),"`},
		{"only Makefile patched", "",
			[]string{topMakefile, "modules: ", "PAHOLE_HAS_SPLIT_BTF := y\nmodules: "},
			"Makefile:14: defines PAHOLE_HAS_SPLIT_BTF: " + wired},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := smallTree(t)
			if tt.since != "" {
				s = shapedTree(t, formNamed(t, tt.since), "cmd_")
			}
			w := btfKo
			if tt.edits[0] == genBTFScript {
				w = pahole // btf-ko does not use it
			}
			p, err := edited(t, s, tt.edits...).plan("tree", w)
			if want := "tree/" + tt.err; err == nil || err.Error() != want {
				t.Errorf("got %v, %v\nwant %s", p, err, want)
			}
		})
	}
}

// TestPlanRefusesWiring has trees that do not support one of the wirings.
func TestPlanRefusesWiring(t *testing.T) {
	inKbuildInclude := Wiring{Strict, BTFKo, InKbuildInclude}
	for _, tt := range []struct {
		wiring Wiring
		edits  []string
		err    string
	}{
		{pahole, []string{topMakefile, "export CC LD PAHOLE\n", ""},
			"tree/Makefile: does not export PAHOLE: use --encoder=btf-ko"},
		{Wiring{Batch, Pahole, InModfinal}, nil,
			"tree/scripts/Makefile.modfinal: the batch rule runs btf-ko --update: use --encoder=btf-ko"},
		{Wiring{Batch, BTFKo, InModfinal}, []string{modfinal, "\t@:\n", "\t@true\n"},
			"tree/scripts/Makefile.modfinal: expected one rule __modfinal: $(modules) with the recipe @:"},
		{Wiring{Simple, BTFKo, InKbuildInclude}, []string{kbuildInclude, "if_changed_rule =", "if_changed_rules ="},
			"tree/scripts/Kbuild.include: does not define if_changed_rule: use --helper=modfinal"},
		{inKbuildInclude, []string{kbuildInclude, "if_changed_rule = ", "if_changed_rule = \\\n"},
			"tree/scripts/Kbuild.include:19: the definition of if_changed_rule has several lines: " +
				"use --helper=modfinal"},
	} {
		s := smallTree(t, tt.edits...)
		if _, err := s.plan("tree", tt.wiring); err == nil || err.Error() != tt.err {
			t.Errorf("got %v, want %s", err, tt.err)
		}
		if tt.wiring.Rule != Strict {
			continue
		}
		if _, err := s.plan("tree", btfKo); err != nil {
			t.Errorf("btf-ko in Makefile.modfinal: %v", err)
		}
	}
}

// addedLines returns the number of lines that a plan adds to Makefile.modfinal.
func addedLines(p *Plan) int {
	for _, c := range p.Changes {
		if c.Path == modfinal {
			added, _ := c.count()
			return added
		}
	}
	return 0
}

// TestAddedLines limits the length of the rules.
func TestAddedLines(t *testing.T) {
	limits := map[Rule]int{Strict: 38, Simple: 22, Batch: 12}
	for _, f := range forms() {
		for _, w := range wirings() {
			if w.Rule == Simple && w.Encoder == Pahole && f.command != "" {
				continue // refused
			}
			p, err := shapedTree(t, f, "savedcmd_").plan("tree", w)
			must(t, err)
			if n := addedLines(p); n == 0 || n > limits[w.Rule] {
				t.Errorf("%s %v: %d lines", f.name(), w, n)
			}
			for _, c := range p.Changes {
				if w.Rule == Simple && c.Path != kconfigDebug && c.Path != modfinal && w.Helper == InModfinal {
					t.Errorf("%s %v: changes %s", f.name(), w, c.Path)
				}
			}
		}
	}
}

// TestUnknownOriginal has trees with a backported rule. If Revert could not restore
// it, the tree is not patched, and a patched tree is recognised, but not reverted.
func TestUnknownOriginal(t *testing.T) {
	for _, tt := range []struct {
		form, version, patchlevel string
		known                     bool
	}{
		{"5.15b", "5", "15", true},
		{"5.16b", "5", "19", true},
		{"6.3a", "6", "6", true},
		{"6.3a", "6", "1", true}, // in stable versions
		{"6.3a", "5", "19", false},
		{"6.3a", "5", "14", false},
		{"7.2a", "7", "9", true},
		{"7.2a", "7", "1", false},
	} {
		s := shapedTree(t, formNamed(t, tt.form), "cmd_")
		v := s.release()
		edited(t, s, topMakefile, fmt.Sprintf("VERSION = %d\nPATCHLEVEL = %d\n", v.major, v.minor),
			"VERSION = "+tt.version+"\nPATCHLEVEL = "+tt.patchlevel+"\n")
		dir := writeTree(t, s)
		before := listing(t, dir)
		p, err := NewPlan(dir, btfKo)
		must(t, err)
		err = p.Apply(dir)
		if known := err == nil; known != tt.known {
			t.Errorf("%s in %s.%s: applied: %v", tt.form, tt.version, tt.patchlevel, err)
		}
		if err == nil {
			applied, err := Applied(dir)
			must(t, err)
			must(t, applied.Revert(dir))
		} else if !strings.Contains(err.Error(), " could not be reverted, as its original rule may be that of Linux ") {
			t.Errorf("%s in %s.%s: %v", tt.form, tt.version, tt.patchlevel, err)
		}
		if diff := cmp.Diff(before, listing(t, dir)); diff != "" {
			t.Errorf("%s in %s.%s: the tree changed:\n%s", tt.form, tt.version, tt.patchlevel, diff)
		}
	}
	s := shapedTree(t, formNamed(t, "6.3a"), "cmd_")
	edited(t, s, topMakefile, "VERSION = 6\nPATCHLEVEL = 1\n", "VERSION = 5\nPATCHLEVEL = 14\n")

	// The batch rule leaves the rule in the tree, so it can be reverted.
	batch := writeTree(t, s)
	before := listing(t, batch)
	b, err := NewPlan(batch, Wiring{Batch, BTFKo, InModfinal})
	must(t, err)
	must(t, b.Apply(batch))
	if n := addedLines(b); n > 12 {
		t.Errorf("batch: %d lines", n)
	}
	b, err = Applied(batch)
	must(t, err)
	must(t, b.Revert(batch))
	if diff := cmp.Diff(before, listing(t, batch)); diff != "" {
		t.Errorf("batch: the tree changed:\n%s", diff)
	}

	p, err := s.plan("tree", btfKo)
	must(t, err)
	dir := writeTree(t, after(s, p))
	applied, err := Applied(dir)
	if err != nil || applied == nil {
		t.Fatalf("not recognised: %v", err)
	}
	want := dir + "/scripts/Makefile.modfinal: cannot be reverted, as its original rule may be that of " +
		"Linux 5.15, 5.16, 6.3: use git, or patch -R"
	if err := applied.Revert(dir); err == nil || err.Error() != want {
		t.Errorf("reverted: %v, want %s", err, want)
	}
}

// TestAppliedIncomplete checks that Applied does not recognise a tree if one file
// is not patched or one patched line is edited, and that NewPlan refuses it.
func TestAppliedIncomplete(t *testing.T) {
	before := smallTree(t)
	for _, w := range []Wiring{btfKo, {Strict, BTFKo, InKbuildInclude}, {Batch, BTFKo, InModfinal}} {
		p, err := before.plan("tree", w)
		must(t, err)
		full := after(before, p)
		parts := map[string]string{}
		for _, c := range p.Changes {
			parts[c.Path] = c.Old
		}
		parts[modfinal] = strings.Replace(full[modfinal], "ifdef CONFIG_DEBUG", "ifdef  CONFIG_DEBUG", 1)
		for path, text := range parts {
			part := after(full, &Plan{Changes: []Change{{Path: path, New: text}}})
			if part.applied("tree", w) != nil {
				t.Errorf("recognised without the change of %s", path)
			}
			if _, err := part.plan("tree", w); err == nil || !strings.HasSuffix(err.Error(), alreadyWired) {
				t.Errorf("planned again without the change of %s: %v", path, err)
			}
		}
		for _, other := range wirings() {
			if other != w && full.applied("tree", other) != nil {
				t.Errorf("%v is recognised as %v", w, other)
			}
		}
	}
}
