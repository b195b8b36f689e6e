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
	since   string // the first release that had it
	variant string // tells those of one release apart
	command string // what defines cmd_btf_ko; empty before there was one
	vmlinux string // how the file is spelled: make drops the ./ of $(objtree)/vmlinux
	prereq  string // the last prerequisite of modules before FORCE
	plain   bool   // modules are linked with if_changed, not if_changed_except
	resolve bool   // resolve_btfids fills in .BTF_ids in place
	noRust  bool   // modules in Rust get no BTF
	genBTF  string // how scripts/gen-btf.sh is called, which calls the encoder
}

func (f form) name() string { return f.since + f.variant }

const (
	quietBTFKo = "quiet_cmd_btf_ko = BTF [M] $@\n"
	skipping   = "\t\t" + `printf "Skipping BTF generation for %s due to unavailability of vmlinux\n" $@ 1>&2; \` + "\n"
	skipRust   = "\telif [ -n \"$(CONFIG_RUST)\" ] && $(srctree)/scripts/is_rust_module.sh $@; then \t\t\\\n" +
		"\t\t" + `printf "Skipping BTF generation for %s because it's a Rust module\n" $@ 1>&2; \` + "\n"
)

// mixedVmlinux is how Android's kernels spell it. KBUILD_MIXED_TREE is where
// the generic kernel was built that a vendor's modules are for; empty: here.
const mixedVmlinux = "$(mixed-build-prefix)vmlinux"

func (f form) mixed() bool { return f.vmlinux == mixedVmlinux }

// forms are all forms, in the order of releases.
var forms = sync.OnceValue(func() []form { return variants(releases) })

// releases are the forms without their variants. The white space is the kernel's.
var releases = []form{
	{since: "5.4", vmlinux: "vmlinux", plain: true},
	{since: "5.11", vmlinux: "vmlinux", command: quietBTFKo +
		"      cmd_btf_ko = LLVM_OBJCOPY=$(OBJCOPY) $(PAHOLE) -J --btf_base vmlinux $@\n"},
	{since: "5.12", vmlinux: "vmlinux", command: vmlinuxThere(encodes(unquoted, ""))},
	{since: "5.13", vmlinux: "vmlinux", command: vmlinuxThere(encodes(quoted, ""))},
	{since: "5.15", vmlinux: "vmlinux", command: vmlinuxThere(encodes(quoted, " $(PAHOLE_FLAGS)"))},
	{since: "5.16-rc1", vmlinux: "vmlinux", resolve: true,
		command: vmlinuxThere(encodes(quoted, "") + resolves)},
	{since: "5.16", vmlinux: "vmlinux", resolve: true,
		command: vmlinuxThere(encodes(quoted, " $(PAHOLE_FLAGS)") + resolves)},
	{since: "6.1", vmlinux: "vmlinux", resolve: true, noRust: true,
		command: vmlinuxMissing(skipRust, encodes(quoted, " $(PAHOLE_FLAGS)")+resolves)},
	{since: "6.3", vmlinux: "vmlinux", resolve: true,
		command: vmlinuxMissing("", encodes(quoted, " $(PAHOLE_FLAGS)")+resolves)},
	{since: "6.11", vmlinux: "vmlinux", resolve: true,
		command: vmlinuxMissing("", encodes(quoted, " $(PAHOLE_FLAGS) $(MODULE_PAHOLE_FLAGS)")+resolves)},
	{since: "6.13", vmlinux: "$(objtree)/vmlinux", resolve: true, command: inObjtree.Replace(
		vmlinuxMissing("", encodes(quoted, " $(PAHOLE_FLAGS) $(MODULE_PAHOLE_FLAGS)")+resolves))},
	{since: "7.0", vmlinux: "$(objtree)/vmlinux", genBTF: bashScript, command: withScript(bashScript)},
	{since: "7.1", vmlinux: "$(objtree)/vmlinux", genBTF: shellScript, command: withScript(shellScript)},
	{since: "7.2", vmlinux: "$(objtree)/vmlinux", genBTF: shellScript, command: withScript(shellScript), plain: true},
}

// variants are the forms with each way of saying that modules depend on
// vmlinux, and as Android has them. Which releases had which is not worth
// telling; the most frequent comes first.
func variants(forms []form) []form {
	var all []form
	for _, f := range forms {
		if f.command == "" {
			all = append(all, f)
			continue
		}
		spellings := []form{f}
		if f.vmlinux == "vmlinux" {
			f.variant, f.vmlinux = "-gki", mixedVmlinux
			f.command = strings.ReplaceAll(f.command, "vmlinux", mixedVmlinux)
			spellings = append(spellings, f)
		}
		for _, f := range spellings {
			for i, prereq := range []string{"$(and $(CONFIG_DEBUG_INFO_BTF_MODULES),$(KBUILD_BUILTIN)," + f.vmlinux + ")",
				"$(if $(KBUILD_BUILTIN)," + f.vmlinux + ")", f.vmlinux} {
				v := f
				v.variant, v.prereq = string(rune('a'+i))+f.variant, prereq
				all = append(all, v)
			}
		}
	}
	return all
}

const continuedCommand = "      cmd_btf_ko = \t\t\t\t\t\t\t\\\n"

const (
	unquoted = "LLVM_OBJCOPY=$(OBJCOPY)"
	quoted   = `LLVM_OBJCOPY="$(OBJCOPY)"`
)

func encodes(objcopy, flags string) string {
	return "\t\t" + objcopy + " $(PAHOLE) -J" + flags + " --btf_base vmlinux $@; \\\n"
}

const resolves = "\t\t$(RESOLVE_BTFIDS) -b vmlinux $@; \t\t\t\\\n"

// vmlinuxThere and vmlinuxMissing are the command by what it asks first.

func vmlinuxThere(encode string) string {
	return quietBTFKo + continuedCommand +
		"\tif [ -f vmlinux ]; then\t\t\t\t\t\t\\\n" + encode + "\telse\t\t\t\t\t\t\t\t\\\n" + skipping + "\tfi;\n"
}

func vmlinuxMissing(otherwise, encode string) string {
	return quietBTFKo + continuedCommand +
		"\tif [ ! -f vmlinux ]; then\t\t\t\t\t\\\n" + skipping + otherwise + "\telse\t\t\t\t\t\t\t\t\\\n" + encode + "\tfi;\n"
}

// inObjtree is what 6.13 has changed.
var inObjtree = strings.NewReplacer("-f vmlinux ]; then\t\t\t\t\t\\\n", "-f $(objtree)/vmlinux ]; then\t\t\t\t\\\n",
	"--btf_base vmlinux", "--btf_base $(objtree)/vmlinux",
	"-b vmlinux $@; \t\t\t\\\n", "-b $(objtree)/vmlinux $@;\t\t\\\n")

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
	line    int    // index of its first line
	head    string // targets and prerequisites, up to that on vmlinux
	plus    string // before the recipe's call of if_changed, or nothing
	command string // the link's, without cmd_
}

// ruleText is a rule that links modules, and what it calls. Makefiles may have
// something else between the two.
type ruleText struct{ commands, rule string }

// joined is the text where nothing is in between.
func (t ruleText) joined() string {
	if t.commands == "" {
		return t.rule
	}
	return t.commands + "\n" + t.rule
}

// replace puts another text into the place of the only occurrence of t, each
// part into that part's.
func (t ruleText) replace(text string, by ruleText) (string, bool) {
	if t.commands == "" || by.commands == "" {
		return replaceOnly(text, t.joined(), by.joined())
	}
	before, after, ok := cutOnly(text, t.commands)
	if !ok || strings.Contains(before, t.rule) {
		return text, false
	}
	after, ok = replaceOnly(after, t.rule, by.rule)
	return before + by.commands + after, ok
}

// text is the form's rule in a tree.
func (f form) text(saved string, r linkRule) ruleText {
	if f.command == "" {
		return ruleText{rule: r.head + " FORCE\n\t" + r.plus + "$(call if_changed," + r.command + ")\n"}
	}
	helpers, call := upstreamHelpers(saved), "if_changed_except,"+r.command+","+f.vmlinux
	if f.plain {
		helpers, call = "", "if_changed,"+r.command
	}
	return ruleText{f.command + helpers, ruleComment +
		r.head + " " + f.prereq + " FORCE\n" +
		"\t" + r.plus + "$(call " + call + ")\n" +
		"ifdef CONFIG_DEBUG_INFO_BTF_MODULES\n" +
		"\t" + r.plus + "$(if $(newer-prereqs),$(call cmd,btf_ko))\n" +
		"endif\n"}
}

const ruleComment = "# Re-generate module BTFs if either module's .ko or vmlinux changed\n"

// The line of the rule, in a tree's text or in ours.
var ruleHead = lazy(`(?m)^((?:\$\(modules\): )?%\.ko:(?: [^ \n]+)*?)(?: (?:\$\((?:and|if|btf-base)[^\n]*|(?:\$\([a-z-]+\)/?)?vmlinux))? FORCE\n`)

// expected is the first line of a tree's text that differs from the nearest
// form, and the form's text for it. command is the line that defines
// quiet_cmd_btf_ko, head that of the rule.
func expected(lines []string, command, head int, saved string, r linkRule) (index int, want, since string) {
	index = -1
	differs := func(at int, text string) (int, string) {
		for i, line := range splitLines(text) {
			if at+i >= len(lines) || lines[at+i] != line {
				return at + i, line
			}
		}
		return -1, ""
	}
	for _, f := range forms()[1:] {
		text := f.text(saved, r)
		i, line := differs(command, text.commands)
		if i < 0 {
			i, line = differs(head-1, text.rule) // after its comment
		}
		if i > index {
			index, want, since = i, strings.TrimRight(line, "\n"), f.since
		}
	}
	return index, want, since
}
