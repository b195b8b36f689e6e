// SPDX-License-Identifier: GPL-2.0-only

package kbuild

import (
	"fmt"
	"path/filepath"
	"strings"
)

// Plan is what the wiring changes in one tree.
type Plan struct {
	Encoder Encoder
	Changes []Change
}

// Change is one file before and after.
type Change struct {
	Path     string // from the top of the tree
	Old, New string
}

// NewPlan reads the tree in dir and plans its wiring. The error is an *Error.
func NewPlan(dir string, e Encoder) (*Plan, error) {
	s, err := readTree(dir)
	if err != nil {
		return nil, err
	}
	return s.plan(dir, e)
}

// features is what differs between trees that are wired alike.
type features struct {
	paholeFlags bool // the top Makefile exports PAHOLE_FLAGS
}

func (s sources) features() features {
	return features{paholeFlags: s.exports("PAHOLE_FLAGS")}
}

func (s sources) exports(name string) bool {
	m := parseMakefile(splitLines(s[topMakefile]))
	for _, e := range m.exports {
		if e == name {
			return true
		}
	}
	return false
}

// plan decides by the texts alone; dir is for messages.
func (s sources) plan(dir string, e Encoder) (*Plan, error) {
	p := &planner{dir: dir, sources: s, encoder: e, features: s.features()}
	kconfig := p.kconfig()
	link := p.modfinal()
	p.kbuildInclude()
	if e == Pahole && !s.exports("PAHOLE") {
		p.refuse(topMakefile, -1, "does not export PAHOLE, which --encoder=pahole calls")
	}
	if p.err != nil {
		return nil, p.err
	}
	return &Plan{e, []Change{
		{kconfigDebug, s[kconfigDebug], kconfig},
		{modfinal, s[modfinal], link},
	}}, nil
}

// planner remembers the first reason to refuse the tree.
type planner struct {
	dir      string
	sources  sources
	encoder  Encoder
	features features
	err      error
}

// refuse takes the index of a line, or -1 for the file as a whole.
func (p *planner) refuse(path string, index int, format string, args ...any) string {
	if p.err == nil {
		p.err = &Error{filepath.Join(p.dir, path), index + 1, fmt.Sprintf(format, args...)}
	}
	return ""
}

// alreadyWired ends the messages about trees that have some form of it.
const alreadyWired = "this tree has module BTF already, from upstream or from a patch that differs from this one; nothing was changed"

// kconfig is lib/Kconfig.debug with the two symbols after DEBUG_INFO_BTF.
func (p *planner) kconfig() string {
	lines := splitLines(p.sources[kconfigDebug])
	var after []kconfigEntry
	for _, e := range parseKconfig(lines) {
		switch e.symbol {
		case "PAHOLE_HAS_SPLIT_BTF", "DEBUG_INFO_BTF_MODULES":
			return p.refuse(kconfigDebug, e.first, "config %s: %s", e.symbol, alreadyWired)
		case "DEBUG_INFO_BTF":
			after = append(after, e)
		}
	}
	if len(after) == 0 {
		return p.refuse(kconfigDebug, -1, "has no config DEBUG_INFO_BTF: this kernel cannot have BTF for vmlinux, which that of modules refers to")
	}
	if len(after) > 1 {
		return p.refuse(kconfigDebug, after[1].first, "second config DEBUG_INFO_BTF, after line %d: cannot tell which one to follow", after[0].first+1)
	}
	if last := after[0].end - 1; !strings.HasSuffix(lines[last], "\n") {
		return p.refuse(kconfigDebug, last, "no newline at the end of the file")
	}
	return edit(lines, after[0].end, 0, "\n"+kconfigFragment(p.encoder))
}

var linkRecipe = lazy(`^\t(\+?)\$\(call if_changed,([A-Za-z0-9_]+)\)\n$`)

// modfinal is scripts/Makefile.modfinal with the helpers, the command and the
// rule.
func (p *planner) modfinal() string {
	lines := splitLines(p.sources[modfinal])
	m := parseMakefile(lines)
	for _, name := range []string{"cmd_btf_ko", "newer_prereqs_except", "if_changed_except"} {
		if v, ok := m.find(name); ok {
			return p.refuse(modfinal, v.line, "defines %s: %s", name, alreadyWired)
		}
	}

	kbuild, autoConf := -1, false
	for _, i := range m.includes {
		switch {
		case strings.HasSuffix(i.file, "scripts/Kbuild.include"):
			kbuild = i.line
		case strings.HasSuffix(i.file, "include/config/auto.conf"):
			autoConf = true
		}
	}
	if kbuild < 0 {
		return p.refuse(modfinal, -1, "does not include scripts/Kbuild.include, where if_changed comes from")
	}

	r, ok := p.linkRule(&m)
	if !ok {
		return ""
	}
	before, found := strings.CutSuffix(lines[r.line], " FORCE\n")
	switch {
	case strings.HasSuffix(lines[r.line], "\\\n"):
		return p.refuse(modfinal, r.line, "the rule that links modules continues on a second line, which is not understood")
	case !found:
		return p.refuse(modfinal, r.line, "the rule that links modules does not end in FORCE, so its command would not be checked")
	case strings.Contains(r.prereqs, "vmlinux"):
		return p.refuse(modfinal, r.line, "modules depend on vmlinux: %s", alreadyWired)
	case r.line < kbuild:
		return p.refuse(modfinal, r.line, "the rule that links modules comes before the include of scripts/Kbuild.include")
	case len(r.recipe) == 0:
		return p.refuse(modfinal, r.line, "the rule that links modules has no recipe")
	case len(r.recipe) > 1:
		return p.refuse(modfinal, r.recipe[1], "second line in the recipe that links modules: only $(call if_changed,...) is understood")
	}
	recipe := r.recipe[0]
	call := linkRecipe().FindStringSubmatch(lines[recipe])
	if call == nil {
		return p.refuse(modfinal, recipe, "the recipe that links modules is not $(call if_changed,...)")
	}
	plus, command := call[1], call[2]
	if !p.linksOnlyObjects(&m, recipe, command) {
		return ""
	}

	// From the bottom up, so that the indexes above stay right.
	text := edit(lines, recipe, 1, recipeFragment(plus, command))
	text = edit(splitLines(text), r.line, 1, modfinalFragment(p.encoder, p.features)+before+" "+extraPrereq+" FORCE\n")
	if !autoConf {
		text = edit(splitLines(text), kbuild, 0, autoConfFragment)
	}
	return text
}

// linkRule finds the rule for $(modules).
func (p *planner) linkRule(m *makefile) (rule, bool) {
	var found []rule
	for _, r := range m.rules {
		switch {
		case r.targets == "$(modules)" && r.pattern == "%.ko":
			found = append(found, r)
		case r.targets == "%.ko":
			p.refuse(modfinal, r.line, "modules are linked by the pattern rule %%.ko, not by $(modules): %%.ko: as in 5.10: this tree is not supported yet")
			return rule{}, false
		}
	}
	switch len(found) {
	case 0:
		p.refuse(modfinal, -1, "has no rule $(modules): %%.ko: that links modules")
		return rule{}, false
	case 1:
		return found[0], true
	}
	p.refuse(modfinal, found[1].line, "second rule that links modules, after line %d", found[0].line+1)
	return rule{}, false
}

var (
	objectsOnly  = lazy(`\$\(filter %\.o, ?\$\^\)`)
	prerequisite = lazy(`\$[\^+?]|\$\(real-prereqs\)|\$\(\^\)`)
)

// linksOnlyObjects checks that a further prerequisite, vmlinux, would not be
// handed to the linker.
func (p *planner) linksOnlyObjects(m *makefile, recipe int, command string) bool {
	v, ok := m.find("cmd_" + command)
	if !ok {
		p.refuse(modfinal, recipe, "cmd_%s is not defined in this file", command)
		return false
	}
	if prerequisite().MatchString(objectsOnly().ReplaceAllString(v.value, "")) {
		p.refuse(modfinal, v.line, "cmd_%s links all its prerequisites, not $(filter %%.o, $^): vmlinux would be linked into modules", command)
		return false
	}
	return true
}

// kbuildInclude checks that the helpers will find what they build on.
func (p *planner) kbuildInclude() {
	m := parseMakefile(splitLines(p.sources[kbuildInclude]))
	for _, name := range []string{"dot-target", "cmd", "cmd-check", "make-cmd", "newer-prereqs", "if_changed"} {
		v, ok := m.find(name)
		if !ok {
			p.refuse(kbuildInclude, -1, "does not define %s", name)
			return
		}
		if name != "cmd-check" {
			continue
		}
		if strings.Contains(v.value, "$(savedcmd_$@)") {
			p.refuse(kbuildInclude, v.line, "commands are saved as savedcmd_$@, not as cmd_$@ as in 5.10: this tree is not supported yet")
			return
		}
		if !strings.Contains(v.value, "$(cmd_$@)") {
			p.refuse(kbuildInclude, v.line, "cmd-check does not look at cmd_$@: cannot tell how commands are saved")
			return
		}
	}
}

// splitLines keeps the newlines.
func splitLines(text string) []string {
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// edit is the text with n lines from index at replaced.
func edit(lines []string, at, n int, replacement string) string {
	return strings.Join(lines[:at], "") + replacement + strings.Join(lines[at+n:], "")
}
