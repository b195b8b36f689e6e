// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"strconv"
	"strings"
)

// This file has the text for kernel trees, in kernel style: tabs, and 80
// columns where possible. docs/wiring.md explains it line by line. Applied
// compares it byte by byte: trees patched with earlier text are not recognised.

// Quotes make an empty value, without kconfig-probe, an n instead of a syntax
// error.
const (
	splitBTFValue  = "\tdef_bool \"$(PAHOLE_HAS_SPLIT_BTF)\"\n"
	splitBTFSymbol = "config PAHOLE_HAS_SPLIT_BTF\n" + splitBTFValue
	// forPahole precedes the original value, which Revert restores.
	forPahole = "\t# for pahole: "
)

// kconfigFragment is inserted after the entry of DEBUG_INFO_BTF.
const kconfigFragment = splitBTFSymbol + `
config DEBUG_INFO_BTF_MODULES
	def_bool y
	depends on DEBUG_INFO_BTF && MODULES && PAHOLE_HAS_SPLIT_BTF
	help
	  Generate compact split BTF type information for kernel modules.
`

// probeFragment returns the lines of Makefile that run kconfig-probe. They set
// an environment variable: Kconfig records those it reads in auto.conf.cmd, but
// not the output of $(shell,...). See env_write_dep in
// scripts/kconfig/preprocess.c.
func probeFragment(e Encoder) string {
	encoder := e.program()
	if e == Pahole {
		encoder = strconv.Quote(encoder) // PAHOLE may have several words
	}
	return `# Whether the encoder of modules supports split BTF. Kconfig reads this
# variable, so syncconfig runs again if the value changes
export PAHOLE_HAS_SPLIT_BTF := $(shell kconfig-probe split-btf --encoder=` + encoder + ` 2>/dev/null)

`
}

// builtinFragment returns the lines of Makefile that build vmlinux before
// modules. They precede the rule for modules, which depends on vmlinux if
// KBUILD_BUILTIN is set.
func (f form) builtinFragment() string {
	value := "1"
	if f.mixed() {
		value = "$(if $(KBUILD_MIXED_TREE),$(KBUILD_BUILTIN),1)"
	}
	return `# Module BTF refers to the BTF of vmlinux: build vmlinux, too
ifdef CONFIG_DEBUG_INFO_BTF_MODULES
KBUILD_BUILTIN := ` + value + `
endif

`
}

func cleanFragment(e Encoder) string { return "CLEAN_FILES += " + e.base("vmlinux") + "\n" }

// autoConfFragment defines CONFIG_ variables in Makefile.modfinal. The comment
// distinguishes it from an include that the tree has itself.
const autoConfFragment = `# for CONFIG_DEBUG_INFO_BTF_MODULES
include include/config/auto.conf
`

// base returns the name of the base file, which has the BTF of vmlinux:
// btf-ko's also has an index, pahole's is raw BTF.
func (e Encoder) base(vmlinux string) string {
	if e == Pahole {
		return vmlinux + ".btf"
	}
	return vmlinux + ".btfbase"
}

// program returns the command that makefiles run.
func (e Encoder) program() string {
	if e == Pahole {
		return "$(PAHOLE)"
	}
	return string(e)
}

// shape has the properties of a tree that our rule depends on.
type shape struct {
	form
	saved  string // cmd_ or savedcmd_, before $@
	newer  string // newer-prereqs, or any-prereq before 5.5
	extmod string // directory of external modules, or empty if make runs there (since 6.13)
}

// helpers returns the definition of if_changed_except, for Makefile.modfinal or
// Kbuild.include.
func (s shape) helpers() string {
	return `# Same as ` + s.newer + `, but excludes the prerequisites in $(1). make drops a
# leading ./ from names
newer_prereqs_except = $(filter-out $(PHONY) $(1:./%=%),$(?:./%=%))

# Same as if_changed_rule, but executes rule_$(3) if only prerequisites in $(2)
# have changed
if_changed_except = $(if $(call newer_prereqs_except,$(2))$(cmd-check),$(rule_$(1)),\
	$(if $(` + s.newer + `),$(rule_$(3)),@:))
`
}

// baseRules returns the definition of btf-base, which modules are encoded
// against, and the rules to build it.
func (s shape) baseRules(e Encoder) string {
	base := e.base(s.vmlinux)
	if s.mixed() {
		base = e.base("vmlinux") // the generic kernel's directory may be read-only
	}
	text := `# The BTF of vmlinux, in a file that is updated only when this BTF changes.
# External modules use vmlinux itself, as its directory may be read-only.
btf-base := $(wildcard ` + s.vmlinux + `)
ifeq ($(KBUILD_EXTMOD),)
btf-base := $(if $(KBUILD_BUILTIN)$(btf-base),` + base + `)
`
	// make clean of every tree removes files with the suffix of raw.
	raw := s.extmod + ".vmlinux.btf.tmp"
	if e == BTFKo {
		text += `else
# KBTF_BASE overrides vmlinux. Without either, btf-ko finds BTF of this release
btf-source := $(or $(KBTF_BASE),$(if $(btf-base),,` +
			`$(shell btf-ko base --find --release '$(call escsq,$(KERNELRELEASE))')))
btf-base := $(if $(btf-source),` + raw + `,$(btf-base))
`
	}
	text += `endif
# make runs encoders in parallel already: one thread each
btf-flags := $(filter-out -j%,$(PAHOLE_FLAGS) $(MODULE_PAHOLE_FLAGS))` + s.distilled(e) + `
btf-version := $(shell ` + e.program() + ` --version 2>/dev/null)

`
	if e == Pahole {
		return text + "cmd_btf_base = " + s.paholeBase() + "\n\n" +
			base + ": FORCE\n\t$(call cmd,btf_base)\n"
	}
	return text + "cmd_btf_base = btf-ko base -o $@ " + s.vmlinux + "\n" +
		"cmd_btf_raw = btf-ko base --raw --release '$(call escsq,$(KERNELRELEASE))'" +
		" -o $@ '$(call escsq,$(btf-source))'\n" +
		"\n" + base + ": FORCE\n\t$(call cmd,btf_base)\n" +
		"\n" + raw + ": FORCE\n\t$(call cmd,btf_raw)\n"
}

// distilled returns the flag for external modules that gen-btf.sh passes to
// resolve_btfids. Before 7.0 it is in MODULE_PAHOLE_FLAGS.
func (s shape) distilled(e Encoder) string {
	if s.genBTF == "" || e == Pahole {
		return ""
	}
	return " $(if $(KBUILD_EXTMOD),--btf_features=distilled_base)"
}

// paholeBase returns the command that updates pahole's base file.
func (s shape) paholeBase() string {
	tmp := "$(dot-target).tmp"
	return "$(OBJCOPY) -O binary --only-section=.BTF " + s.vmlinux + " " + tmp + "; \\\n" +
		"\tif cmp -s " + tmp + " $@; then rm -f " + tmp + "; else mv -f " + tmp + " $@; fi"
}

// encode returns the command that encodes module $@. btf-ko fills in .BTF_ids
// itself; pahole needs resolve_btfids.
func (s shape) encode(e Encoder) string {
	const base = " --btf_base $(btf-base) $@"
	switch {
	case e == BTFKo:
		return "btf-ko $(btf-flags)" + base
	case s.genBTF != "":
		return `PAHOLE_FLAGS="$(btf-flags)" ` + s.genBTF + base
	case s.resolve:
		return s.pahole() + " && \\\n\t$(RESOLVE_BTFIDS) -b $(btf-base) $@"
	}
	return s.pahole()
}

func (s shape) pahole() string {
	return `LLVM_OBJCOPY="$(OBJCOPY)" $(PAHOLE) -J $(btf-flags) --btf_base $(btf-base) $@`
}

// encodeUnlessRust returns the command that encodes module $@. In trees that
// skip Rust modules, it does so as well.
func (s shape) encodeUnlessRust(e Encoder) string {
	if !s.noRust {
		return s.encode(e)
	}
	return `if [ -n "$(CONFIG_RUST)" ] && $(srctree)/scripts/is_rust_module.sh $@; then \
	printf "Skipping BTF generation for %s because it is a Rust module\n" $@ 1>&2; \
	else ` + s.encode(e) + "; fi"
}

// rule returns our rule that links modules, with its commands.
func (s shape) rule(w Wiring, r linkRule) ruleText {
	var b strings.Builder
	if s.command != "" {
		// Revert restores this form.
		b.WriteString("# kconfig-probe: replaces form " + s.name() + " of this rule\n")
	}
	b.WriteString("ifdef CONFIG_DEBUG_INFO_BTF_MODULES\n" + s.baseRules(w.Encoder) + `endif

# The .cmd file is emptied first and written last: an interrupted build starts
# over with the link
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

# Saved in the .cmd file, never executed: a module is rebuilt if it changes
cmd_ko = $(cmd_` + r.command + `); $(cmd_btf_ko); : $(btf-version)

`)
	plus := ""
	if r.plus != "" {
		plus = "$(plus)"
		b.WriteString(`# Share the jobserver with the commands, but do not run them for make -n
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
	if w.Encoder == Pahole && (s.resolve || s.genBTF != "") {
		b.WriteString(`# resolve_btfids sorts the sets in .BTF_ids in place, which works only once:
# relink modules with .BTF_ids before they are encoded again
btf-ids = $(if $(and $(wildcard $@),$(` + s.newer + `)),$(shell grep -lF .BTF_ids $<))

`)
		except = "$(if $(btf-ids),,$(btf-base))"
	}
	return ruleText{strings.TrimSuffix(b.String(), "\n"),
		r.head + " $(btf-base) FORCE\n\t$(call if_changed_except,ko," + except + ",btf_ko)\n"}
}

// genBTFEdits allow scripts/gen-btf.sh to be interrupted and to run twice on a
// module. Each is a pair of old and new lines.
var genBTFEdits = [][2]string{
	// When a signal terminates dash, it does not run the EXIT trap.
	{"trap cleanup EXIT\n", "trap cleanup EXIT\ntrap 'exit 1' HUP INT PIPE TERM\n"},
	{"gen_btf_data\n", "# Remove files of an interrupted run: a stale .BTF.base would be embedded\n" +
		"cleanup\ngen_btf_data\n"},
	// An objcopy in place that is killed leaves a temporary file, which make
	// clean does not remove, or a truncated module.
	{"\t${OBJCOPY} --add-section .BTF=${ELF_FILE}.BTF ${ELF_FILE}\n",
		"\t${OBJCOPY} --remove-section .BTF --remove-section .BTF.base \\\n" +
			"\t\t--add-section .BTF=${ELF_FILE}.BTF ${ELF_FILE} ${ELF_FILE}.BTF.tmp\n" +
			"\tmv -f ${ELF_FILE}.BTF.tmp ${ELF_FILE}\n"},
	{"\trm -f \"${ELF_FILE}.BTF\"\n", "\trm -f \"${ELF_FILE}.BTF\" \"${ELF_FILE}.BTF.tmp\"\n"},
}

// Fragment returns the text that [NewPlan] inserts into one file of a tree like
// 5.10, to be merged by hand. Names are kconfig for lib/Kconfig.debug, makefile
// for Makefile and modfinal for scripts/Makefile.modfinal; ok is false for
// others.
func Fragment(name string, w Wiring) (text string, ok bool) {
	none := forms()[0]
	switch name {
	case "kconfig":
		return kconfigFragment, true
	case "makefile":
		return probeFragment(w.Encoder) + cleanFragment(w.Encoder) + "\n" +
			strings.TrimSuffix(none.builtinFragment(), "\n"), true
	case "modfinal":
		s := shape{none, "cmd_", "newer-prereqs", "$(dir $(MODORDER))"}
		r := linkRule{
			head:    "$(modules): %.ko: %.o %.mod.o scripts/module.lds",
			plus:    "+",
			command: "ld_ko_o",
		}
		return autoConfFragment + "\n" + s.rule(w, r).joined(), true
	}
	return "", false
}
