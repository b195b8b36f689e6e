// SPDX-License-Identifier: GPL-2.0-only

package kbuild

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// smallTree is testdata/small after some edits, each a path, a text in it and
// what replaces that. testdata/small has the build files of a tree that is as
// small as the planner allows: our own text in the kernel's shape.
func smallTree(t *testing.T, edits ...string) sources {
	t.Helper()
	s, err := readTree("testdata/small")
	if err != nil {
		t.Fatal(err)
	}
	for ; len(edits) > 0; edits = edits[3:] {
		path, old, by := edits[0], edits[1], edits[2]
		if strings.Count(s[path], old) != 1 {
			t.Fatalf("%s: %q is there %d times", path, old, strings.Count(s[path], old))
		}
		s[path] = strings.Replace(s[path], old, by, 1)
	}
	return s
}

func TestPlan(t *testing.T) {
	// What an edited file reads after the plan, from a line to its end.
	const (
		probed = `	  More about types.

config PAHOLE_HAS_SPLIT_BTF
	def_bool "$(shell,kconfig-probe split-btf --encoder=btf-ko)"

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
include include/config/auto.conf
include $(srctree)/scripts/Kbuild.include
`
		linked = `
# Re-generate a module's BTF if the module is linked, for whatever reason, or
# if vmlinux changed. External modules may have to do without a vmlinux.
$(modules): %.ko: %.o %.mod.o module.lds $(wildcard vmlinux) FORCE
	+$(call if_changed_except,ld_ko_o,vmlinux)
ifdef CONFIG_DEBUG_INFO_BTF_MODULES
	+$(if $(newer-prereqs)$(call cmd-check,ld_ko_o),$(call cmd,btf_ko))
endif

.PHONY: FORCE
FORCE:
`
	)
	for _, tt := range []struct {
		name    string
		encoder Encoder
		edits   []string
		want    []string // path, text
	}{
		{"btf-ko", BTFKo, nil, []string{
			kconfigDebug, probed,
			modfinal, included,
			modfinal, linked,
			modfinal, "\t\tbtf-ko --btf_base vmlinux $@;\t\t\t\t\\\n",
		}},
		{"pahole", Pahole, nil, []string{
			kconfigDebug, "\tdef_bool \"$(shell,kconfig-probe split-btf)\"\n",
			modfinal, "\t\tLLVM_OBJCOPY=\"$(OBJCOPY)\" $(PAHOLE) -J $(PAHOLE_FLAGS) --btf_base vmlinux $@; \\\n",
		}},
		{"pahole of a tree without flags", Pahole, []string{topMakefile, "export PAHOLE_FLAGS\n", ""}, []string{
			modfinal, "\t\tLLVM_OBJCOPY=\"$(OBJCOPY)\" $(PAHOLE) -J --btf_base vmlinux $@; \\\n",
		}},
		{"linker script in a variable", BTFKo, []string{modfinal, "%.mod.o module.lds FORCE", "%.mod.o $(ARCH_MODULE_LDS) FORCE"}, []string{
			modfinal, "$(modules): %.ko: %.o %.mod.o $(ARCH_MODULE_LDS) $(wildcard vmlinux) FORCE\n",
		}},
		{"another command", BTFKo, []string{modfinal, "      cmd_ld_ko_o", "      cmd_link", modfinal, "\t+$(call if_changed,ld_ko_o)", "\t$(call if_changed,link)"}, []string{
			modfinal, "\t$(call if_changed_except,link,vmlinux)\n",
			modfinal, "\t+$(if $(newer-prereqs)$(call cmd-check,link),$(call cmd,btf_ko))\n",
		}},
		{"auto.conf is included", BTFKo, []string{modfinal, "include $(srctree)", "include include/config/auto.conf\ninclude $(srctree)"}, []string{
			modfinal, "__modfinal:\n\ninclude include/config/auto.conf\ninclude $(srctree)/scripts/Kbuild.include\n",
		}},
		{"last in Kconfig", BTFKo, []string{kconfigDebug, "\n# about what follows\nconfig AFTER\n\tbool \"After\"\n\nendmenu\n", ""}, []string{
			kconfigDebug, "\t  Generate compact split BTF type information for kernel modules.\n",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := smallTree(t, tt.edits...)
			p, err := before.plan("tree", tt.encoder)
			if err != nil {
				t.Fatal(err)
			}
			after := after(before, p)
			for i := 0; i < len(tt.want); i += 2 {
				if path, text := tt.want[i], tt.want[i+1]; strings.Count(after[path], text) != 1 {
					t.Errorf("%s has %d times\n%s\n%s", path, strings.Count(after[path], text), text, after[path])
				}
			}

			// Planning again is refused, and undoing gives the old bytes.
			if _, err := after.plan("tree", tt.encoder); err == nil {
				t.Error("planned twice")
			}
			undone, ok := after.undo(tt.encoder)
			if !ok {
				t.Fatal("cannot be undone")
			}
			if diff := cmp.Diff(before, undone); diff != "" {
				t.Errorf("undone:\n%s", diff)
			}
		})
	}
}

// after is the tree with the plan's files.
func after(s sources, p *Plan) sources {
	result := sources{}
	for path, text := range s {
		result[path] = text
	}
	for _, c := range p.Changes {
		result[c.Path] = c.New
	}
	return result
}

func TestPlanRefuses(t *testing.T) {
	const wired = "this tree has module BTF already, from upstream or from a patch that differs from this one; nothing was changed"
	for _, tt := range []struct {
		name  string
		edits []string
		err   string
	}{
		{"upstream Kconfig", []string{kconfigDebug, "config AFTER", "config DEBUG_INFO_BTF_MODULES"},
			"tree/lib/Kconfig.debug:17: config DEBUG_INFO_BTF_MODULES: " + wired},
		{"upstream probe", []string{kconfigDebug, "config AFTER", "config PAHOLE_HAS_SPLIT_BTF"},
			"tree/lib/Kconfig.debug:17: config PAHOLE_HAS_SPLIT_BTF: " + wired},
		{"too old for BTF", []string{kconfigDebug, "config DEBUG_INFO_BTF\n", "config DEBUG_INFO_CTF\n"},
			"tree/lib/Kconfig.debug: has no config DEBUG_INFO_BTF: this kernel cannot have BTF for vmlinux, which that of modules refers to"},
		{"twice in Kconfig", []string{kconfigDebug, "config AFTER", "config DEBUG_INFO_BTF"},
			"tree/lib/Kconfig.debug:17: second config DEBUG_INFO_BTF, after line 7: cannot tell which one to follow"},
		{"no newline in Kconfig", []string{kconfigDebug, "\n\n# about what follows\nconfig AFTER\n\tbool \"After\"\n\nendmenu\n", ""},
			"tree/lib/Kconfig.debug:14: no newline at the end of the file"},

		{"helper is there", []string{modfinal, ".PHONY: FORCE", "if_changed_except = x\n.PHONY: FORCE"},
			"tree/scripts/Makefile.modfinal:19: defines if_changed_except: " + wired},
		{"command is there", []string{modfinal, "quiet_cmd_ld_ko_o = LD [M]  $@", "cmd_btf_ko = x"},
			"tree/scripts/Makefile.modfinal:11: defines cmd_btf_ko: " + wired},
		{"vmlinux is a prerequisite", []string{modfinal, "module.lds FORCE", "module.lds vmlinux FORCE"},
			"tree/scripts/Makefile.modfinal:16: modules depend on vmlinux: " + wired},
		{"no Kbuild.include", []string{modfinal, "include $(srctree)/scripts/Kbuild.include\n", ""},
			"tree/scripts/Makefile.modfinal: does not include scripts/Kbuild.include, where if_changed comes from"},
		{"no rule", []string{modfinal, "$(modules): %.ko:", "$(mods): %.ko:"},
			"tree/scripts/Makefile.modfinal: has no rule $(modules): %.ko: that links modules"},
		{"pattern rule", []string{modfinal, "$(modules): %.ko:", "%.ko:"},
			"tree/scripts/Makefile.modfinal:16: modules are linked by the pattern rule %.ko, not by $(modules): %.ko: as in 5.10: this tree is not supported yet"},
		{"two rules", []string{modfinal, ".PHONY: FORCE", "$(modules): %.ko: %.o FORCE\n.PHONY: FORCE"},
			"tree/scripts/Makefile.modfinal:19: second rule that links modules, after line 16"},
		{"rule before the include", []string{modfinal, "include $(srctree)/scripts/Kbuild.include\n", "", modfinal, "FORCE:\n", "FORCE:\ninclude scripts/Kbuild.include\n"},
			"tree/scripts/Makefile.modfinal:15: the rule that links modules comes before the include of scripts/Kbuild.include"},
		{"no FORCE", []string{modfinal, "module.lds FORCE", "module.lds"},
			"tree/scripts/Makefile.modfinal:16: the rule that links modules does not end in FORCE, so its command would not be checked"},
		{"two lines", []string{modfinal, "module.lds FORCE", "module.lds \\\n\tFORCE"},
			"tree/scripts/Makefile.modfinal:16: the rule that links modules continues on a second line, which is not understood"},
		{"no recipe", []string{modfinal, "\t+$(call if_changed,ld_ko_o)\n", ""},
			"tree/scripts/Makefile.modfinal:16: the rule that links modules has no recipe"},
		{"long recipe", []string{modfinal, "if_changed,ld_ko_o)\n", "if_changed,ld_ko_o)\n\t@true\n"},
			"tree/scripts/Makefile.modfinal:18: second line in the recipe that links modules: only $(call if_changed,...) is understood"},
		{"other recipe", []string{modfinal, "\t+$(call if_changed,ld_ko_o)", "\t+$(call if_changed_rule,ld_ko_o)"},
			"tree/scripts/Makefile.modfinal:17: the recipe that links modules is not $(call if_changed,...)"},
		{"command from elsewhere", []string{modfinal, "      cmd_ld_ko_o", "      cmd_ld"},
			"tree/scripts/Makefile.modfinal:17: cmd_ld_ko_o is not defined in this file"},
		{"links vmlinux", []string{modfinal, "$(filter %.o, $^)", "$(real-prereqs)"},
			"tree/scripts/Makefile.modfinal:12: cmd_ld_ko_o links all its prerequisites, not $(filter %.o, $^): vmlinux would be linked into modules"},

		{"saved elsewhere", []string{kbuildInclude, "$(filter-out $(cmd_$@)", "$(filter-out $(savedcmd_$@)"},
			"tree/scripts/Kbuild.include:5: commands are saved as savedcmd_$@, not as cmd_$@ as in 5.10: this tree is not supported yet"},
		{"saved nowhere", []string{kbuildInclude, "$(filter-out $(cmd_$@)", "$(filter-out $(old)"},
			"tree/scripts/Kbuild.include:5: cmd-check does not look at cmd_$@: cannot tell how commands are saved"},
		{"no newer-prereqs", []string{kbuildInclude, "newer-prereqs =", "any-prereqs ="},
			"tree/scripts/Kbuild.include: does not define newer-prereqs"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if p, err := smallTree(t, tt.edits...).plan("tree", BTFKo); err == nil || err.Error() != tt.err {
				t.Errorf("got %v, %v\nwant %s", p, err, tt.err)
			}
		})
	}
}

func TestPlanForPaholeNeedsPAHOLE(t *testing.T) {
	s := smallTree(t, topMakefile, "export CC LD PAHOLE\n", "")
	const want = "tree/Makefile: does not export PAHOLE, which --encoder=pahole calls"
	if _, err := s.plan("tree", Pahole); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if _, err := s.plan("tree", BTFKo); err != nil {
		t.Errorf("btf-ko needs no PAHOLE: %v", err)
	}
}

// A tree with half of the patch, or with one line of it changed, is not taken
// for patched.
func TestUndoNeedsAll(t *testing.T) {
	before := smallTree(t)
	p, err := before.plan("tree", BTFKo)
	if err != nil {
		t.Fatal(err)
	}
	full := after(before, p)
	for path, text := range map[string]string{
		kconfigDebug: before[kconfigDebug],
		modfinal:     strings.Replace(full[modfinal], "BTF [M] $@", "BTF [M]  $@", 1),
	} {
		part := after(full, &Plan{Changes: []Change{{Path: path, New: text}}})
		if _, ok := part.undo(BTFKo); ok {
			t.Errorf("undone without its part in %s", path)
		}
		if _, err := part.plan("tree", BTFKo); err == nil {
			t.Errorf("planned again over its part outside of %s", path)
		}
	}
	if _, ok := full.undo(Pahole); ok {
		t.Error("undone as the patch for pahole")
	}
}
