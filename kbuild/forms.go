// SPDX-License-Identifier: GPL-2.0-only

package kbuild

import (
	"strings"
	"sync"
)

// A form is one way in which kernels have given modules their BTF. They are
// told apart by the text of the command, not by the kernel's version: the
// changes have been backported.
type form struct {
	since   string // the first release that had it; a letter tells variants apart
	command string // what defines cmd_btf_ko; empty before there was one
	vmlinux string // how the file is spelled: make drops the ./ of $(objtree)/vmlinux
	prereq  string // the last prerequisite of modules before FORCE
	blank   string // lines before the comment on the rule
	plain   bool   // modules are linked with if_changed, not if_changed_except
	resolve bool   // resolve_btfids fills in .BTF_ids in place
	genBTF  string // how scripts/gen-btf.sh is called, which calls the encoder
}

const (
	quietBTFKo = "quiet_cmd_btf_ko = BTF [M] $@\n"
	skipping   = "\t\t" + `printf "Skipping BTF generation for %s due to unavailability of vmlinux\n" $@ 1>&2; \` + "\n"
)

// forms are all forms, in the order of releases.
var forms = sync.OnceValue(func() []form { return variants(releases) })

// releases are the forms without their variants. The white space is the kernel's.
var releases = []form{
	{since: "5.4", vmlinux: "vmlinux", plain: true},
	{since: "5.11", vmlinux: "vmlinux", command: quietBTFKo +
		"      cmd_btf_ko = LLVM_OBJCOPY=$(OBJCOPY) $(PAHOLE) -J --btf_base vmlinux $@\n"},
	{since: "5.12", vmlinux: "vmlinux", command: withoutResolve("LLVM_OBJCOPY=$(OBJCOPY) $(PAHOLE) -J")},
	{since: "5.13", vmlinux: "vmlinux", command: withoutResolve(`LLVM_OBJCOPY="$(OBJCOPY)" $(PAHOLE) -J`)},
	{since: "5.15", vmlinux: "vmlinux", command: withoutResolve(`LLVM_OBJCOPY="$(OBJCOPY)" $(PAHOLE) -J $(PAHOLE_FLAGS)`)},
	{since: "5.16", vmlinux: "vmlinux", resolve: true, command: withResolve("$(PAHOLE_FLAGS)", "vmlinux",
		"\t\t\t\t\t", " \t\t\t")},
	{since: "6.11", vmlinux: "vmlinux", resolve: true, command: withResolve("$(PAHOLE_FLAGS) $(MODULE_PAHOLE_FLAGS)", "vmlinux",
		"\t\t\t\t\t", " \t\t\t")},
	{since: "6.13", vmlinux: "$(objtree)/vmlinux", resolve: true, command: withResolve("$(PAHOLE_FLAGS) $(MODULE_PAHOLE_FLAGS)", "$(objtree)/vmlinux",
		"\t\t\t\t", "\t\t")},
	{since: "7.0", vmlinux: "$(objtree)/vmlinux", genBTF: bashScript, command: withScript(bashScript)},
	{since: "7.1", vmlinux: "$(objtree)/vmlinux", genBTF: shellScript, command: withScript(shellScript)},
	{since: "7.2", vmlinux: "$(objtree)/vmlinux", genBTF: shellScript, command: withScript(shellScript), plain: true},
}

// variants are the forms with each way of saying that modules depend on
// vmlinux, and of one or two blank lines after the helpers. Which releases had
// which is not worth telling; the most frequent comes first.
func variants(forms []form) []form {
	var all []form
	for _, f := range forms {
		if f.command == "" {
			all = append(all, f)
			continue
		}
		letter := 'a'
		for _, blank := range []string{"\n", "\n\n"} {
			for _, prereq := range []string{"$(and $(CONFIG_DEBUG_INFO_BTF_MODULES),$(KBUILD_BUILTIN)," + f.vmlinux + ")",
				"$(if $(KBUILD_BUILTIN)," + f.vmlinux + ")", f.vmlinux} {
				v := f
				v.since, v.blank, v.prereq = f.since+string(letter), blank, prereq
				all = append(all, v)
				letter++
			}
		}
	}
	return all
}

const continuedCommand = "      cmd_btf_ko = \t\t\t\t\t\t\t\\\n"

func withoutResolve(pahole string) string {
	return quietBTFKo + continuedCommand +
		"\tif [ -f vmlinux ]; then\t\t\t\t\t\t\\\n" +
		"\t\t" + pahole + " --btf_base vmlinux $@; \\\n" +
		"\telse\t\t\t\t\t\t\t\t\\\n" + skipping + "\tfi;\n"
}

func withResolve(flags, vmlinux, afterThen, afterResolve string) string {
	return quietBTFKo + continuedCommand +
		"\tif [ ! -f " + vmlinux + " ]; then" + afterThen + "\\\n" + skipping +
		"\telse\t\t\t\t\t\t\t\t\\\n" +
		"\t\t" + `LLVM_OBJCOPY="$(OBJCOPY)" $(PAHOLE) -J ` + flags + " --btf_base " + vmlinux + " $@; \\\n" +
		"\t\t$(RESOLVE_BTFIDS) -b " + vmlinux + " $@;" + afterResolve + "\\\n\tfi;\n"
}

const (
	bashScript  = "$(srctree)/scripts/gen-btf.sh"
	shellScript = "$(CONFIG_SHELL) $(srctree)/scripts/gen-btf.sh"
)

func withScript(script string) string {
	return quietBTFKo + continuedCommand +
		"\tif [ ! -f $(objtree)/vmlinux ]; then\t\t\t\t\\\n" + skipping +
		"\telse\t\\\n" +
		"\t\t" + script + " --btf_base $(objtree)/vmlinux $@; \\\n\tfi;\n"
}

// upstreamHelpers is how these kernels define if_changed_except. The variable
// that holds a saved command is cmd_$@ up to 6.3, then savedcmd_$@.
func upstreamHelpers(saved string) string {
	return `
# Same as newer-prereqs, but allows to exclude specified extra dependencies
newer_prereqs_except = $(filter-out $(PHONY) $(1),$?)

# Same as if_changed, but allows to exclude specified extra dependencies
if_changed_except = $(if $(call newer_prereqs_except,$(2))$(cmd-check),      \
	$(cmd);                                                              \
	printf '%s\n' '` + saved + `$@ := $(make-cmd)' > $(dot-target).cmd, @:)
`
}

// linkRule is what a tree's rule that links modules has of its own.
type linkRule struct {
	head    string // targets and prerequisites, up to that on vmlinux
	plus    string // before the recipe's call of if_changed, or nothing
	command string // the link's, without cmd_
}

// text is the rule and what belongs to it.
func (f form) text(saved string, r linkRule) string {
	if f.command == "" {
		return r.head + " FORCE\n\t" + r.plus + "$(call if_changed," + r.command + ")\n"
	}
	helpers, call := upstreamHelpers(saved), "if_changed_except,"+r.command+","+f.vmlinux
	if f.plain {
		helpers, call = "", "if_changed,"+r.command
	}
	return f.command + helpers + f.blank +
		"# Re-generate module BTFs if either module's .ko or vmlinux changed\n" +
		r.head + " " + f.prereq + " FORCE\n" +
		"\t" + r.plus + "$(call " + call + ")\n" +
		"ifdef CONFIG_DEBUG_INFO_BTF_MODULES\n" +
		"\t" + r.plus + "$(if $(newer-prereqs),$(call cmd,btf_ko))\n" +
		"endif\n"
}

// The line of the rule, in a tree's text or in ours.
var ruleHead = lazy(`(?m)^((?:\$\(modules\): )?%\.ko:(?: [^ \n]+)*?)(?: (?:\$\((?:and|if|btf-base)[^\n]*|(?:\$\(objtree\)/)?vmlinux))? FORCE\n`)

// expected is the first line of a tree's text that differs from the nearest
// form, counting from the line that defines quiet_cmd_btf_ko: its index there
// and the form's text for it.
func expected(lines []string, saved string, r linkRule) (index int, want, since string) {
	index = -1
	for _, f := range forms()[1:] {
		for i, line := range splitLines(f.text(saved, r)) {
			if i < len(lines) && lines[i] == line {
				continue
			}
			if i > index {
				index, want, since = i, strings.TrimRight(line, "\n"), strings.TrimRight(f.since, "abcdef")
			}
			break
		}
	}
	return index, want, since
}
