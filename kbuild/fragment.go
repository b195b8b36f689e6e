// SPDX-License-Identifier: GPL-2.0-only

package kbuild

import "strings"

// The texts that go into a kernel tree. Kernel style: tabs, 80 columns where
// the kernel's own line allows.

// kconfigFragment follows the entry of DEBUG_INFO_BTF. $(shell,...) is quoted
// because without kconfig-probe it expands to nothing, which unquoted is a
// syntax error and quoted is n.
func kconfigFragment(e Encoder) string {
	probe := "kconfig-probe split-btf" // asks $PAHOLE, which the tree exports
	if e == BTFKo {
		probe += " --encoder=btf-ko"
	}
	return `config PAHOLE_HAS_SPLIT_BTF
	def_bool "$(shell,` + probe + `)"

config DEBUG_INFO_BTF_MODULES
	def_bool y
	depends on DEBUG_INFO_BTF && MODULES && PAHOLE_HAS_SPLIT_BTF
	help
	  Generate compact split BTF type information for kernel modules.
`
}

// autoConfFragment makes CONFIG_ symbols known to Makefile.modfinal. The
// comment tells it from an include that the tree had before.
const autoConfFragment = `# for CONFIG_DEBUG_INFO_BTF_MODULES
include include/config/auto.conf
`

// encodeCommand is the shell command that encodes $@.
func encodeCommand(e Encoder, f features) string {
	if e == BTFKo {
		return "btf-ko --btf_base vmlinux $@"
	}
	flags := ""
	if f.paholeFlags {
		flags = "$(PAHOLE_FLAGS) "
	}
	return `LLVM_OBJCOPY="$(OBJCOPY)" $(PAHOLE) -J ` + flags + "--btf_base vmlinux $@"
}

// modfinalFragment goes before the rule that links modules. The second
// condition on vmlinux is for external modules, which are often built against
// a tree without it.
func modfinalFragment(e Encoder, f features) string {
	return `quiet_cmd_btf_ko = BTF [M] $@
      cmd_btf_ko =` + continued("", 18) + `
` + continued("\tif [ -f vmlinux ]; then", 0) + `
` + continued("\t\t"+encodeCommand(e, f)+";", 0) + `
` + continued("\telse", 0) + `
		printf "Skipping BTF generation for %s due to unavailability of vmlinux\n" $@ 1>&2; \
	fi

# Same as newer-prereqs, but allows to exclude specified extra dependencies
newer_prereqs_except = $(filter-out $(PHONY) $(1),$?)

# Same as if_changed, but allows to exclude specified extra dependencies
` + continued("if_changed_except = $(if $(call newer_prereqs_except,$(2))$(cmd-check),", 0) + `
` + continued("\t$(cmd);", 0) + `
	printf '%s\n' 'cmd_$@ := $(make-cmd)' > $(dot-target).cmd, @:)

# Re-generate a module's BTF if the module is linked, for whatever reason, or
# if vmlinux changed. External modules may have to do without a vmlinux.
`
}

// continued puts a backslash at column 72, counting from column already.
func continued(line string, already int) string {
	width := already
	for _, c := range line {
		if c == '\t' {
			width += 8 - width%8
		} else {
			width++
		}
	}
	tabs := max((72-width+7)/8, 0)
	if tabs == 0 {
		return line + ` \`
	}
	return line + strings.Repeat("\t", tabs) + `\`
}

// extraPrereq is the prerequisite that the link rule gets.
const extraPrereq = "$(wildcard vmlinux)"

// recipeFragment replaces the recipe line that links a module with command.
// The recipe is expanded before its first line runs, so cmd-check still tells
// in the second whether the first will link.
func recipeFragment(plus, command string) string {
	return "\t" + plus + "$(call if_changed_except," + command + ",vmlinux)\n" +
		"ifdef CONFIG_DEBUG_INFO_BTF_MODULES\n" +
		"\t+$(if $(newer-prereqs)$(call cmd-check," + command + "),$(call cmd,btf_ko))\n" +
		"endif\n"
}

// Fragment is the text for the named file, "kconfig" or "modfinal", for those
// who merge by hand. It is what [NewPlan] inserts into an unremarkable tree.
func Fragment(name string, e Encoder) (string, bool) {
	switch name {
	case "kconfig":
		return kconfigFragment(e), true
	case "modfinal":
		return autoConfFragment + "\n" + modfinalFragment(e, features{paholeFlags: true}) +
			"$(modules): %.ko: %.o %.mod.o scripts/module.lds " + extraPrereq + " FORCE\n" +
			recipeFragment("+", "ld_ko_o"), true
	}
	return "", false
}
