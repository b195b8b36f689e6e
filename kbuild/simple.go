// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

// This file has the simple rule: the first version of upstream's, with btf-ko or
// pahole, and for all trees.

// simple returns the simple rule with its commands. The prerequisite on vmlinux is
// the tree's own, if it has one.
func (s shape) simple(w Wiring, r linkRule) ruleText {
	commands := quietBTFKo + "      cmd_btf_ko = if [ -f " + s.vmlinux + " ]; then " +
		s.simpleEncode(w.Encoder) + `; else \
	printf "Skipping BTF generation for %s due to unavailability of vmlinux\n" $@ 1>&2; fi
`
	if w.Helper == InModfinal {
		commands += "\n" + s.simpleHelpers()
	}
	prereq := s.prereq
	if prereq == "" {
		prereq = "$(and $(CONFIG_DEBUG_INFO_BTF_MODULES),$(KBUILD_BUILTIN)," + s.vmlinux + ")"
	}
	return ruleText{commands, ruleComment + r.head + " " + prereq + " FORCE\n" +
		"\t" + r.plus + "$(call if_changed_except," + r.command + "," + s.vmlinux + ")\n" +
		"ifdef CONFIG_DEBUG_INFO_BTF_MODULES\n" +
		"\t" + r.plus + "$(if $(" + s.newer + "),$(call cmd,btf_ko))\n" +
		"endif\n"}
}

// simpleEncode returns the command that encodes module $@.
func (s shape) simpleEncode(e Encoder) string {
	flags := s.flags
	if flags != "" {
		flags = " " + flags
	}
	if e == Pahole {
		return `LLVM_OBJCOPY="$(OBJCOPY)" $(PAHOLE) -J` + flags + " --btf_base " + s.vmlinux + " $@"
	}
	return "btf-ko" + flags + s.withoutRust() + s.distilled() + " --btf_base " + s.vmlinux + " $@"
}

// simpleHelpers returns upstream's if_changed_except, which also excludes names
// that start with ./
func (s shape) simpleHelpers() string {
	return `# Same as newer-prereqs, but allows to exclude specified extra dependencies
newer_prereqs_except = $(filter-out $(PHONY) $(1:./%=%),$(?:./%=%))

# Same as if_changed, but allows to exclude specified extra dependencies
if_changed_except = $(if $(call newer_prereqs_except,$(2))$(cmd-check),      \
	$(cmd);                                                              \
	printf '%s\n' '` + s.saved + `$@ := $(make-cmd)' > $(dot-target).cmd, @:)
`
}
