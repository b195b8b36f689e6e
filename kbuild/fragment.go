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

// autoConfFragment defines CONFIG_ variables in Makefile.modfinal. The comment
// distinguishes it from an include that the tree has itself.
const autoConfFragment = `# for CONFIG_DEBUG_INFO_BTF_MODULES
include include/config/auto.conf
`

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
	extmod string // directory of external modules, or empty if make runs there (since 6.13)
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
		return probeFragment(w.Encoder) + strings.TrimSuffix(none.builtinFragment(), "\n"), true
	case "modfinal":
		s := shape{none, "cmd_", "$(dir $(MODORDER))"}
		r := linkRule{
			head:    "$(modules): %.ko: %.o %.mod.o scripts/module.lds",
			plus:    "+",
			command: "ld_ko_o",
		}
		return autoConfFragment + "\n" + s.strict(w, r).joined(), true
	}
	return "", false
}
