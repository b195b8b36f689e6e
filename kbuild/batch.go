// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

// This file has the batch rule: make links modules, then runs btf-ko once, which
// finds out from the modules which of them to encode.

// The recipe of __modfinal, which depends on all modules: the tree's and ours.
const (
	modfinalRecipe = "\t@:\n"
	batchRecipe    = "\t+$(call cmd,btf_ko)\n"
)

// modfinalRule matches the rule of __modfinal, up to its recipe.
var modfinalRule = lazy(`(?m)^__modfinal: \$\(modules[^\n]*\)\n`)

// batch returns the rule that links modules, with the command that encodes them
// all. In a dry run, btf-ko does nothing.
func (s shape) batch(r linkRule) ruleText {
	plus, definition := r.plusUnlessDryRun()
	order := "$(MODORDER)"
	if s.extmod == "" {
		order = "modules.order"
	}
	return ruleText{definition + `# Encode the modules that lack the BTF for this vmlinux, encoder and flags
ifdef CONFIG_DEBUG_INFO_BTF_MODULES
btf-base := ` + s.source(BTFKo) + `
      cmd_btf_ko = $(if $(btf-base),btf-ko --update ` + s.encoderFlags(BTFKo) + s.withoutRust() +
		` --btf_base '$(call escsq,$(btf-base))' --modules_order ` + order + `)
endif
`,
		r.head + " FORCE\n\t" + plus + "$(call if_changed," + r.command + ")\n"}
}
