// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"strings"
	"sync"
)

// form is a version of upstream's rule for module BTF. Forms are recognised by
// their text, as distributions backport changes.
type form struct {
	since   string // first release with this form
	stable  string // earlier release whose stable versions have it, too
	variant string // distinguishes the forms of a release
	command string // definition of cmd_btf_ko; empty before 5.11
	vmlinux string // name of vmlinux; make drops the ./ of $(objtree)/vmlinux
	flags   string // variables with the flags of pahole
	prereq  string // last prerequisite of modules before FORCE
	plain   bool   // modules are linked with if_changed, not if_changed_except
	resolve bool   // resolve_btfids resolves .BTF_ids in place
	noRust  bool   // Rust modules get no BTF
	genBTF  string // call of scripts/gen-btf.sh, which runs the encoder
	stays   bool   // not recognised: the rule stays, beside the batch rule
}

func (f form) name() string { return f.since + f.variant }

const (
	quietBTFKo = "quiet_cmd_btf_ko = BTF [M] $@\n"
	skipping   = "\t\t" +
		`printf "Skipping BTF generation for %s due to unavailability of vmlinux\n" $@ 1>&2; \` + "\n"
	skipRust = "\t" +
		`elif [ -n "$(CONFIG_RUST)" ] && $(srctree)/scripts/is_rust_module.sh $@; then ` + "\t\t\\\n" +
		"\t\t" +
		`printf "Skipping BTF generation for %s because it's a Rust module\n" $@ 1>&2; \` + "\n"
)

// mixedVmlinux is the name of vmlinux in Android's kernels. KBUILD_MIXED_TREE
// is the output directory of the generic kernel that a vendor builds modules
// for, or empty.
const mixedVmlinux = "$(mixed-build-prefix)vmlinux"

func (f form) mixed() bool { return f.vmlinux == mixedVmlinux }

// forms returns all forms in the order of releases.
var forms = sync.OnceValue(func() []form { return variants(releases) })

// Variables with flags of pahole.
const (
	paholeFlags       = "$(PAHOLE_FLAGS)"
	modulePaholeFlags = "$(PAHOLE_FLAGS) $(MODULE_PAHOLE_FLAGS)"
)

// releases lists the forms without their variants. White space is upstream's.
var releases = []form{
	{since: "5.4", vmlinux: "vmlinux", flags: paholeFlags, plain: true},
	{since: "5.11", vmlinux: "vmlinux", command: quietBTFKo +
		"      cmd_btf_ko = LLVM_OBJCOPY=$(OBJCOPY) $(PAHOLE) -J --btf_base vmlinux $@\n"},
	{since: "5.12", vmlinux: "vmlinux", command: ifVmlinux(encodes(unquoted, ""))},
	{since: "5.13", vmlinux: "vmlinux", command: ifVmlinux(encodes(quoted, ""))},
	{since: "5.15", vmlinux: "vmlinux", flags: paholeFlags,
		command: ifVmlinux(encodes(quoted, " "+paholeFlags))},
	{since: "5.16-rc1", vmlinux: "vmlinux", resolve: true,
		command: ifVmlinux(encodes(quoted, "") + resolves)},
	{since: "5.16", vmlinux: "vmlinux", flags: paholeFlags, resolve: true,
		command: ifVmlinux(encodes(quoted, " "+paholeFlags) + resolves)},
	{since: "6.1", vmlinux: "vmlinux", flags: paholeFlags, resolve: true, noRust: true,
		command: unlessVmlinux(skipRust, encodes(quoted, " "+paholeFlags)+resolves)},
	{since: "6.3", stable: "6.1", vmlinux: "vmlinux", flags: paholeFlags, resolve: true,
		command: unlessVmlinux("", encodes(quoted, " "+paholeFlags)+resolves)},
	{since: "6.11", vmlinux: "vmlinux", flags: modulePaholeFlags, resolve: true,
		command: unlessVmlinux("", encodes(quoted, " "+modulePaholeFlags)+resolves)},
	{since: "6.13", vmlinux: "$(objtree)/vmlinux", flags: modulePaholeFlags, resolve: true,
		command: inObjtree.Replace(unlessVmlinux("", encodes(quoted, " "+modulePaholeFlags)+resolves))},
	{since: "7.0", vmlinux: "$(objtree)/vmlinux", flags: paholeFlags, genBTF: bashScript,
		command: runs(bashScript)},
	{since: "7.1", vmlinux: "$(objtree)/vmlinux", flags: paholeFlags, genBTF: shellScript,
		command: runs(shellScript)},
	{since: "7.2", vmlinux: "$(objtree)/vmlinux", flags: paholeFlags, genBTF: shellScript,
		command: runs(shellScript), plain: true},
}

// variants returns each form with each prerequisite on vmlinux, the most
// frequent first, in upstream's and Android's version. Which release has which
// prerequisite is not distinguished.
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
			for i, prereq := range []string{
				"$(and $(CONFIG_DEBUG_INFO_BTF_MODULES),$(KBUILD_BUILTIN)," + f.vmlinux + ")",
				"$(if $(KBUILD_BUILTIN)," + f.vmlinux + ")",
				f.vmlinux,
			} {
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

// encodes returns the lines of cmd_btf_ko that run pahole.
func encodes(objcopy, flags string) string {
	return "\t\t" + objcopy + " $(PAHOLE) -J" + flags + " --btf_base vmlinux $@; \\\n"
}

const resolves = "\t\t$(RESOLVE_BTFIDS) -b vmlinux $@; \t\t\t\\\n"

// ifVmlinux returns cmd_btf_ko of 5.12 to 6.0.
func ifVmlinux(encode string) string {
	return quietBTFKo + continuedCommand +
		"\tif [ -f vmlinux ]; then\t\t\t\t\t\t\\\n" + encode +
		"\telse\t\t\t\t\t\t\t\t\\\n" + skipping + "\tfi;\n"
}

// unlessVmlinux returns cmd_btf_ko from 6.1 until gen-btf.sh. otherwise has
// further conditions of the if, or is empty.
func unlessVmlinux(otherwise, encode string) string {
	return quietBTFKo + continuedCommand +
		"\tif [ ! -f vmlinux ]; then\t\t\t\t\t\\\n" + skipping + otherwise +
		"\telse\t\t\t\t\t\t\t\t\\\n" + encode + "\tfi;\n"
}

// inObjtree makes the changes of 6.13.
var inObjtree = strings.NewReplacer(
	"-f vmlinux ]; then\t\t\t\t\t\\\n", "-f $(objtree)/vmlinux ]; then\t\t\t\t\\\n",
	"--btf_base vmlinux", "--btf_base $(objtree)/vmlinux",
	"-b vmlinux $@; \t\t\t\\\n", "-b $(objtree)/vmlinux $@;\t\t\\\n")

const (
	bashScript  = "$(srctree)/scripts/gen-btf.sh"
	shellScript = "$(CONFIG_SHELL) $(srctree)/scripts/gen-btf.sh"
)

// runs returns cmd_btf_ko since 7.0.
func runs(script string) string {
	return quietBTFKo + continuedCommand +
		"\tif [ ! -f $(objtree)/vmlinux ]; then\t\t\t\t\\\n" + skipping +
		"\telse\t\\\n" +
		"\t\t" + script + " --btf_base $(objtree)/vmlinux $@; \\\n\tfi;\n"
}

// upstreamHelpers returns upstream's definition of if_changed_except. saved is
// the prefix of the variable for the saved command: cmd_ before 6.4, then
// savedcmd_.
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

// linkRule describes the rule of a tree that links modules.
type linkRule struct {
	line    int    // index of the first line
	head    string // targets and prerequisites before vmlinux and FORCE
	plus    string // "+" if the recipe's call of if_changed has one
	command string // name of the link command without cmd_
}

// ruleText is the text of a rule that links modules. A makefile may have other
// text between the two parts.
type ruleText struct{ commands, rule string }

// joined returns the text with nothing in between.
func (t ruleText) joined() string {
	if t.commands == "" {
		return t.rule
	}
	return t.commands + "\n" + t.rule
}

// replace replaces the only occurrence of t by another text, each part by its
// counterpart.
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

// text returns upstream's rule of form f with the properties of r.
func (f form) text(saved string, r linkRule) ruleText {
	if f.command == "" {
		return ruleText{rule: r.head + " FORCE\n\t" + r.plus + "$(call if_changed," + r.command + ")\n"}
	}
	helpers := upstreamHelpers(saved)
	call := "if_changed_except," + r.command + "," + f.vmlinux
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

// ruleHead matches the first line of the rule, upstream's or ours. Its group
// is linkRule.head.
var ruleHead = lazy(`(?m)^((?:\$\(modules\): )?%\.ko:(?: [^ \n]+)*?)` +
	`(?: (?:\$\((?:and|if|btf-deps)[^\n]*|(?:\$\([a-z-]+\)/?)?vmlinux))? FORCE\n`)

// expected compares a tree's rule, which matches no form, with all of them. It
// returns the first line that differs from the closest form, and the text and
// release of this form. command is the line index of quiet_cmd_btf_ko, head
// that of the rule.
func expected(lines []string, command, head int, saved string, r linkRule) (
	index int, want, since string) {
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
			i, line = differs(head-1, text.rule) // starts with ruleComment
		}
		if i > index {
			index, want, since = i, strings.TrimRight(line, "\n"), f.since
		}
	}
	return index, want, since
}
