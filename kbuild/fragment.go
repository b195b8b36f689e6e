// SPDX-License-Identifier: GPL-2.0-only

package kbuild

import (
	"strconv"
	"strings"
)

// The texts that go into a kernel tree. Kernel style: tabs, 80 columns where
// the kernel's own line allows. docs/wiring.md gives the reasons line by line.

// The value is quoted because it is empty without kconfig-probe, which unquoted
// is a syntax error and quoted is n.
const (
	splitBTFValue  = "\tdef_bool \"$(PAHOLE_HAS_SPLIT_BTF)\"\n"
	splitBTFSymbol = "config PAHOLE_HAS_SPLIT_BTF\n" + splitBTFValue
	// forPahole keeps the value that a tree has.
	forPahole = "\t# for pahole: "
)

// kconfigFragment follows the entry of DEBUG_INFO_BTF.
const kconfigFragment = splitBTFSymbol + `
config DEBUG_INFO_BTF_MODULES
	def_bool y
	depends on DEBUG_INFO_BTF && MODULES && PAHOLE_HAS_SPLIT_BTF
	help
	  Generate compact split BTF type information for kernel modules.
`

// probeFragment asks about the encoder. A variable of make is something that
// Kconfig knows to configure again for; what its own $(shell,...) said is not.
func probeFragment(e Encoder) string {
	encoder := e.program()
	if e == Pahole {
		encoder = strconv.Quote(encoder) // it may have several words
	}
	return `# Can the encoder of modules write split BTF? Kconfig reads it, and make
# configures again when it changes.
export PAHOLE_HAS_SPLIT_BTF := $(shell kconfig-probe split-btf --encoder=` + encoder + ` 2>/dev/null)

`
}

// builtinFragment has make build vmlinux before the modules. It goes before
// the rule for modules, which depends on vmlinux if KBUILD_BUILTIN is set.
func (f form) builtinFragment() string {
	value := "1"
	if f.mixed() {
		value = "$(if $(KBUILD_MIXED_TREE),$(KBUILD_BUILTIN),1)"
	}
	return `# The BTF of modules refers to that of vmlinux
ifdef CONFIG_DEBUG_INFO_BTF_MODULES
KBUILD_BUILTIN := ` + value + `
endif

`
}

func cleanFragment(e Encoder) string { return "CLEAN_FILES += " + e.base("vmlinux") + "\n" }

// autoConfFragment makes CONFIG_ symbols known to Makefile.modfinal. The
// comment tells it from an include that the tree had before.
const autoConfFragment = `# for CONFIG_DEBUG_INFO_BTF_MODULES
include include/config/auto.conf
`

// base is the name of the file that holds vmlinux's BTF and nothing that
// changes more often: btf-ko's has an index, pahole takes the bare bytes.
func (e Encoder) base(vmlinux string) string {
	if e == Pahole {
		return vmlinux + ".btf"
	}
	return vmlinux + ".btfbase"
}

// program is how makefiles call the encoder.
func (e Encoder) program() string {
	if e == Pahole {
		return "$(PAHOLE)"
	}
	return string(e)
}

// shape is what the rule depends on besides the tree's form.
type shape struct {
	form
	saved  string // cmd_ or savedcmd_, before $@
	newer  string // newer-prereqs, or any-prereq before 5.5
	extmod string // where external modules are made, from where make runs: since 6.13 it runs there
}

// helpers go into Makefile.modfinal or Kbuild.include.
func (s shape) helpers() string {
	return `# Same as ` + s.newer + `, but without those in $(1); make knows ./foo as foo
newer_prereqs_except = $(filter-out $(PHONY) $(1:./%=%),$(?:./%=%))

# Same as if_changed_rule, but if nothing has changed except prerequisites in
# $(2), execute rule_$(3) instead
if_changed_except = $(if $(call newer_prereqs_except,$(2))$(cmd-check),$(rule_$(1)),\
	$(if $(` + s.newer + `),$(rule_$(3)),@:))
`
}

// baseRules say where the base of modules is, and make it.
func (s shape) baseRules(e Encoder) string {
	base := e.base(s.vmlinux)
	if s.mixed() {
		base = e.base("vmlinux") // that tree may be read-only
	}
	text := `# The BTF of vmlinux in a file that is written only when it changes. External
# modules take vmlinux, if it is there: its directory may be read-only.
btf-base := $(wildcard ` + s.vmlinux + `)
ifeq ($(KBUILD_EXTMOD),)
btf-base := $(if $(KBUILD_BUILTIN)$(btf-base),` + base + `)
`
	// resolve_btfids needs ELF or the bare BTF: no base file, and no vmlinuz.
	raw := s.extmod + ".vmlinux.btf.tmp"
	if e == BTFKo {
		text += `else
# Often it is not there: then KBTF_BASE says where it is, or btf-ko finds that
# of this release. What it holds is put where make clean removes it.
btf-source := $(or $(KBTF_BASE),$(if $(btf-base),,$(shell btf-ko base --find --release '$(call escsq,$(KERNELRELEASE))')))
btf-base := $(if $(btf-source),` + raw + `,$(btf-base))
`
	}
	text += `endif
# Modules are encoded side by side, with one thread each
btf-flags := $(filter-out -j%,$(PAHOLE_FLAGS) $(MODULE_PAHOLE_FLAGS))
btf-version := $(shell ` + e.program() + ` --version 2>/dev/null)

`
	if e == Pahole {
		return text + "cmd_btf_base = " + s.paholeBase() + "\n\n" + base + ": FORCE\n\t$(call cmd,btf_base)\n"
	}
	return text + "cmd_btf_base = btf-ko base -o $@ " + s.vmlinux + "\n" +
		"cmd_btf_raw = btf-ko base --raw --release '$(call escsq,$(KERNELRELEASE))' -o $@ '$(call escsq,$(btf-source))'\n" +
		"\n" + base + ": FORCE\n\t$(call cmd,btf_base)\n" +
		"\n" + raw + ": FORCE\n\t$(call cmd,btf_raw)\n"
}

// paholeBase writes the bare BTF of vmlinux, unless the file has just that.
func (s shape) paholeBase() string {
	tmp := "$(dot-target).tmp"
	return "$(OBJCOPY) -O binary --only-section=.BTF " + s.vmlinux + " " + tmp + "; \\\n" +
		"\tif cmp -s " + tmp + " $@; then rm -f " + tmp + "; else mv -f " + tmp + " $@; fi"
}

// encode gives $@ its BTF.
func (s shape) encode(e Encoder) string {
	// resolve_btfids cannot read a base file; btf-ko finds it beside vmlinux.
	base := "$(if $(KBUILD_EXTMOD),$(btf-base)," + s.vmlinux + ")"
	if e == Pahole {
		base = "$(btf-base)"
	}
	if s.genBTF != "" {
		script := `PAHOLE_FLAGS="$(btf-flags)" ` + s.genBTF + " --btf_base " + base + " $@"
		if e == BTFKo {
			script = "PAHOLE=btf-ko " + script
		}
		return script
	}
	command := "btf-ko $(btf-flags) --btf_base $(btf-base) $@"
	if e == Pahole {
		command = `LLVM_OBJCOPY="$(OBJCOPY)" $(PAHOLE) -J $(btf-flags) --btf_base $(btf-base) $@`
	}
	if s.resolve {
		command += " && \\\n\t$(RESOLVE_BTFIDS) -b " + base + " $@"
	}
	return command
}

// encodeUnlessRust asks what trees from 6.1 on ask that cannot leave out Rust.
func (s shape) encodeUnlessRust(e Encoder) string {
	if !s.noRust {
		return s.encode(e)
	}
	return `if [ -n "$(CONFIG_RUST)" ] && $(srctree)/scripts/is_rust_module.sh $@; then \
	printf "Skipping BTF generation for %s because it is a Rust module\n" $@ 1>&2; \
	else ` + s.encode(e) + "; fi"
}

// rule is the rule that links modules and what belongs to it.
func (s shape) rule(w Wiring, r linkRule) ruleText {
	var b strings.Builder
	if s.command != "" {
		// Which form it was can no longer be told from the rest.
		b.WriteString("# kconfig-probe: in place of form " + s.name() + " of this rule\n")
	}
	b.WriteString("ifdef CONFIG_DEBUG_INFO_BTF_MODULES\n" + s.baseRules(w.Encoder) + `endif

# The .cmd file is emptied first and written last: a module that was not
# finished is linked again
ifneq ($(btf-base),)
quiet_cmd_btf_ko = BTF [M] $@
      cmd_btf_ko = : > $(dot-target).cmd; { \
	` + s.encodeUnlessRust(w.Encoder) + `; \
	} || { rm -f $@; exit 1; }
else ifdef CONFIG_DEBUG_INFO_BTF_MODULES
      cmd_btf_ko = printf "Skipping BTF generation for %s due to unavailability of vmlinux\n" $@ 1>&2
else
      cmd_btf_ko = :
endif

# All that makes a module, to be compared with what did make it
cmd_ko = $(cmd_` + r.command + `); $(cmd_btf_ko); : $(btf-version)

`)
	plus := ""
	if r.plus != "" {
		plus = "$(plus)"
		b.WriteString(`# Commands share make's jobs, but are not executed for make -n
plus = $(if $(findstring n,$(filter-out --%,$(firstword -$(MAKEFLAGS)))),,+)

`)
	}
	b.WriteString(`define rule_ko
	` + plus + `@: > $(dot-target).cmd
	` + plus + `$(call cmd,` + r.command + `)
	$(rule_btf_ko)
endef

define rule_btf_ko
	` + plus + `$(call cmd,btf_ko); \
	printf '%s\n' '` + s.saved + `$@ := $(call make-cmd,ko)' > $(dot-target).cmd
endef

`)
	if w.Helper == InModfinal {
		b.WriteString(s.helpers() + "\n")
	}
	except := "$(btf-base)"
	if s.resolve || s.genBTF != "" {
		b.WriteString(`# The sets in .BTF_ids are sorted in place, which goes wrong the second time:
# a module that has some is linked again
btf-ids = $(if $(and $(wildcard $@),$(` + s.newer + `)),$(shell grep -lF .BTF_ids $<))

`)
		except = "$(if $(btf-ids),,$(btf-base))"
	}
	return ruleText{strings.TrimSuffix(b.String(), "\n"),
		r.head + " $(btf-base) FORCE\n\t$(call if_changed_except,ko," + except + ",btf_ko)\n"}
}

// genBTFEdits make scripts/gen-btf.sh repeatable: pairs of lines before and
// after.
var genBTFEdits = [][2]string{
	// dash does not run the EXIT trap when a signal ends it.
	{"trap cleanup EXIT\n", "trap cleanup EXIT\ntrap 'exit 1' HUP INT PIPE TERM\n"},
	{"gen_btf_data\n", "# What a killed run left would be taken for this one's\ncleanup\ngen_btf_data\n"},
	// Not in place: objcopy, killed then, leaves a file that nobody cleans, or half a module.
	{"\t${OBJCOPY} --add-section .BTF=${ELF_FILE}.BTF ${ELF_FILE}\n",
		"\t${OBJCOPY} --remove-section .BTF --remove-section .BTF.base \\\n" +
			"\t\t--add-section .BTF=${ELF_FILE}.BTF ${ELF_FILE} ${ELF_FILE}.BTF.tmp\n" +
			"\tmv -f ${ELF_FILE}.BTF.tmp ${ELF_FILE}\n"},
	{"\trm -f \"${ELF_FILE}.BTF\"\n", "\trm -f \"${ELF_FILE}.BTF\" \"${ELF_FILE}.BTF.tmp\"\n"},
}

// Fragment is the text for the named file, "kconfig" or "modfinal", for those
// who merge by hand. It is what [NewPlan] inserts into a tree like 5.10's.
func Fragment(name string, w Wiring) (string, bool) {
	switch name {
	case "kconfig":
		return kconfigFragment, true
	case "makefile":
		return probeFragment(w.Encoder) + cleanFragment(w.Encoder) + "\n" + strings.TrimSuffix(forms()[0].builtinFragment(), "\n"), true
	case "modfinal":
		s := shape{forms()[0], "cmd_", "newer-prereqs", "$(dir $(MODORDER))"}
		return autoConfFragment + "\n" + s.rule(w, linkRule{head: "$(modules): %.ko: %.o %.mod.o scripts/module.lds", plus: "+", command: "ld_ko_o"}).joined(), true
	}
	return "", false
}
