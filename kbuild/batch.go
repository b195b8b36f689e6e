// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import "strings"

// This file has the batch rule: make links modules, then runs btf-ko once, which
// finds out from the modules which of them to encode.

// The recipe of __modfinal, which depends on all modules: the tree's and ours. The
// last is for trees whose rules stay.
const (
	modfinalRecipe = "\t@:\n"
	batchRecipe    = "\t+$(call cmd,btf_ko)\n"
	besidesRecipe  = "\t+$(call cmd,btf_modules)\n"
)

// modfinalRule matches the rule of __modfinal, up to its recipe.
var modfinalRule = lazy(`(?m)^__modfinal: \$\(modules[^\n]*\)\n`)

// batch returns the rule that links modules, with the command that encodes them
// all. In a dry run, btf-ko does nothing.
func (s shape) batch(r linkRule) ruleText {
	plus, definition := r.plusUnlessDryRun()
	return ruleText{definition + s.batchCommand("btf_ko"),
		r.head + " FORCE\n\t" + plus + "$(call if_changed," + r.command + ")\n"}
}

// batchCommand returns the command that encodes all modules.
func (s shape) batchCommand(name string) string {
	order := "$(MODORDER)"
	if s.extmod == "" {
		order = "modules.order"
	}
	return `# Encode the modules that lack the BTF for this vmlinux, encoder and flags
ifdef CONFIG_DEBUG_INFO_BTF_MODULES
btf-base := ` + s.source(BTFKo) + `
      cmd_` + name + ` = $(if $(btf-base),btf-ko --update ` + s.encoderFlags(BTFKo) + s.withoutRust() +
		` --btf_base '$(call escsq,$(btf-base))' --modules_order ` + order + `)
endif
`
}

// besides returns what the batch rule adds to a Makefile.modfinal whose rules for
// modules stay, as they are not recognised or could not be restored. If these
// encode modules, they no longer do.
func (s shape) besides() string {
	text := "\n" + s.batchCommand("btf_modules")
	if s.command != "" {
		text += `# In place of the command for each module
quiet_cmd_btf_ko =
      cmd_btf_ko = :
`
	}
	return text
}

// unrecognised returns the form of a tree with rules that match none. encodes is
// set if they encode modules.
func unrecognised(modfinal string, encodes bool) form {
	f := form{vmlinux: "$(objtree)/vmlinux", flags: modulePaholeFlags, stays: true}
	if encodes {
		f.command = "unrecognised"
	}
	if strings.Contains(modfinal, "gen-btf.sh") {
		f.genBTF = shellScript
	}
	return f
}
