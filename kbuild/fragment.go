// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import "strings"

// This file has the text for kernel trees, in kernel style: tabs, and 80
// columns where possible. docs/wiring.md explains it line by line. Applied
// compares it byte by byte: trees patched with earlier text are not recognised.

// question returns the command that Kconfig asks. Without --encoder it is about
// $PAHOLE.
func (w Wiring) question() string {
	command := "kconfig-probe split-btf"
	if w.Encoder == BTFKo {
		command += " --encoder=btf-ko"
	}
	return command
}

// splitBTFValue returns the value of PAHOLE_HAS_SPLIT_BTF. Quotes make an empty
// answer, without kconfig-probe, an n instead of a syntax error. See probeFragment
// for the variable.
func (w Wiring) splitBTFValue() string {
	question := w.question()
	if w.Rule != Simple {
		question += " --answer=$(PAHOLE_HAS_SPLIT_BTF)"
	}
	return "\tdef_bool \"$(shell," + question + ")\"\n"
}

func (w Wiring) splitBTFSymbol() string { return "config PAHOLE_HAS_SPLIT_BTF\n" + w.splitBTFValue() }

// forPahole precedes the original value of PAHOLE_HAS_SPLIT_BTF, which Revert
// restores.
const forPahole = "\t# for pahole: "

// kconfigFragment returns what is inserted after the entry of DEBUG_INFO_BTF.
func (w Wiring) kconfigFragment() string {
	return w.splitBTFSymbol() + `
config DEBUG_INFO_BTF_MODULES
	def_bool y
	depends on DEBUG_INFO_BTF && MODULES && PAHOLE_HAS_SPLIT_BTF
	help
	  Generate compact split BTF type information for kernel modules.
`
}

// probeFragment returns the lines of Makefile that set PAHOLE_HAS_SPLIT_BTF in the
// environment. Kconfig records the variables that it reads in auto.conf.cmd, but
// not the output of $(shell,...). See env_write_dep in
// scripts/kconfig/preprocess.c.
func (w Wiring) probeFragment() string {
	return `# The answer to Kconfig's question: if it changes, make runs Kconfig again
export PAHOLE_HAS_SPLIT_BTF := $(shell ` + w.question() + ` 2>/dev/null)

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

// autoConfFragment defines CONFIG_ variables in Makefile.modfinal. The comment
// distinguishes it from an include that the tree has itself.
const autoConfFragment = `# for CONFIG_DEBUG_INFO_BTF_MODULES
include $(objtree)/include/config/auto.conf
`

// shape has the properties of a tree that our rules depend on.
type shape struct {
	form
	saved  string // cmd_ or savedcmd_, before $@
	newer  string // newer-prereqs, or any-prereq before 5.5
	extmod string // directory of external modules, or empty if make runs there (since 6.13)
}

// rule returns the rule of the wiring, with its commands.
func (s shape) rule(w Wiring, r linkRule) ruleText {
	switch w.Rule {
	case Simple:
		return s.simple(w, r)
	case Batch:
		return s.batch(r)
	}
	return s.strict(w, r)
}

// helpers returns the definition of if_changed_except that the wiring uses.
func (s shape) helpers(w Wiring) string {
	if w.Rule == Simple {
		return s.simpleHelpers()
	}
	return strictHelpers
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
// others, and for makefile with Simple, which does not change it.
func Fragment(name string, w Wiring) (text string, ok bool) {
	none, w := forms()[0], w.Normal()
	switch {
	case name == "kconfig":
		return w.kconfigFragment(), true
	case name == "makefile" && w.Rule != Simple:
		return w.probeFragment() + strings.TrimSuffix(none.builtinFragment(), "\n"), true
	case name == "modfinal":
		s := shape{none, "cmd_", "newer-prereqs", "$(dir $(MODORDER))"}
		r := linkRule{
			head:    "$(modules): %.ko: %.o %.mod.o scripts/module.lds",
			plus:    "+",
			command: "ld_ko_o",
		}
		text := autoConfFragment + "\n"
		if w.Rule == Batch {
			text += "__modfinal: $(modules)\n" + batchRecipe + "\n"
		}
		return text + s.rule(w, r).joined(), true
	}
	return "", false
}
