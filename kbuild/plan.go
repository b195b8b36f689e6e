// SPDX-License-Identifier: GPL-2.0-only

package kbuild

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Plan is what the wiring changes in one tree.
type Plan struct {
	Wiring
	Changes []Change
}

// Change is one file before and after.
type Change struct {
	Path     string // from the top of the tree
	Old, New string
}

// NewPlan reads the tree in dir and plans its wiring. The error is an *Error.
func NewPlan(dir string, w Wiring) (*Plan, error) {
	s, err := readTree(dir)
	if err != nil {
		return nil, err
	}
	return s.plan(dir, w)
}

// plan decides by the texts alone; dir is for messages.
func (s sources) plan(dir string, w Wiring) (*Plan, error) {
	p := &planner{dir: dir, sources: s, Wiring: w}
	shape := p.shape()
	after := sources{modfinal: p.modfinal(&shape)}
	if s.areHeaders() {
		if shape.command == "" {
			p.refuse(modfinal, -1, "gives modules no BTF, but %s has CONFIG_DEBUG_INFO_BTF_MODULES=y: half of a patch?", autoConf)
		}
	} else {
		after[kconfigDebug] = p.kconfig(shape)
		after[topMakefile] = p.topMakefile(shape)
	}
	if w.Helper == InKbuildInclude {
		after[kbuildInclude] = p.kbuildInclude(shape)
	}
	if shape.genBTF != "" {
		after[genBTFScript] = p.genBTFScript()
	}
	if p.err != nil {
		return nil, p.err
	}
	plan := &Plan{Wiring: w}
	for _, path := range buildFiles {
		if text, ok := after[path]; ok && text != s[path] {
			plan.Changes = append(plan.Changes, Change{path, s[path], text})
		}
	}
	return plan, nil
}

// planner remembers the first reason to refuse the tree.
type planner struct {
	dir     string
	sources sources
	Wiring
	err error
}

// refuse takes the index of a line, or -1 for the file as a whole.
func (p *planner) refuse(path string, index int, format string, args ...any) string {
	if p.err == nil {
		p.err = &Error{filepath.Join(p.dir, path), index + 1, fmt.Sprintf(format, args...)}
	}
	return ""
}

// shape checks that scripts/Kbuild.include has what the rule builds on, and
// under which names.
func (p *planner) shape() shape {
	s := shape{newer: "newer-prereqs"}
	if strings.Contains(p.sources[modfinal], "$(MODORDER)") {
		s.extmod = "$(dir $(MODORDER))"
	}
	m := parseMakefile(splitLines(p.sources[kbuildInclude]))
	if _, ok := m.find("any-prereq"); ok {
		s.newer = "any-prereq"
	}
	for _, name := range []string{"dot-target", "cmd", "cmd-check", "make-cmd", s.newer, "if_changed"} {
		v, ok := m.find(name)
		switch {
		case !ok:
			p.refuse(kbuildInclude, -1, "does not define %s", name)
		case name != "cmd-check":
		case strings.Contains(v.value, "$(savedcmd_$@)"):
			s.saved = "savedcmd_"
		case strings.Contains(v.value, "$(cmd_$@)"):
			s.saved = "cmd_"
		default:
			p.refuse(kbuildInclude, v.line, "cmd-check looks neither at cmd_$@ nor at savedcmd_$@: cannot tell how commands are saved")
		}
	}
	return s
}

// kbuildInclude is scripts/Kbuild.include with the helpers.
func (p *planner) kbuildInclude(s shape) string {
	lines := splitLines(p.sources[kbuildInclude])
	m := parseMakefile(lines)
	if v, ok := m.find("if_changed_except"); ok {
		return p.refuse(kbuildInclude, v.line, "defines if_changed_except already")
	}
	v, ok := m.find("if_changed_rule")
	switch {
	case !ok:
		return p.refuse(kbuildInclude, -1, "does not define if_changed_rule, which if_changed_except goes after")
	case strings.HasSuffix(lines[v.line], "\\\n"):
		return p.refuse(kbuildInclude, v.line, "expected the definition of if_changed_rule, which if_changed_except goes after, in one line")
	}
	return edit(lines, v.line+1, 0, "\n"+s.helpers())
}

const modulesNeed = "\tdepends on DEBUG_INFO_BTF && MODULES"

// kconfig is lib/Kconfig.debug with both symbols, and with the probe's answer
// in the first. What upstream's asks is kept if pahole is to be called.
func (p *planner) kconfig(s shape) string {
	lines := splitLines(p.sources[kconfigDebug])
	entries := map[string]kconfigEntry{}
	for _, e := range parseKconfig(lines) {
		switch first, twice := entries[e.symbol]; {
		case e.symbol != "PAHOLE_HAS_SPLIT_BTF" && e.symbol != "DEBUG_INFO_BTF_MODULES" && e.symbol != "DEBUG_INFO_BTF":
		case twice:
			return p.refuse(kconfigDebug, e.first, "second config %s, after line %d: cannot tell which one to follow", e.symbol, first.first+1)
		default:
			entries[e.symbol] = e
		}
	}
	base, ok := entries["DEBUG_INFO_BTF"]
	if !ok {
		return p.refuse(kconfigDebug, -1, "has no config DEBUG_INFO_BTF: this kernel cannot have BTF for vmlinux, which that of modules refers to")
	}
	splits, hasSplits := entries["PAHOLE_HAS_SPLIT_BTF"]
	modules, hasModules := entries["DEBUG_INFO_BTF_MODULES"]

	if s.command == "" {
		for symbol, e := range entries {
			if symbol != "DEBUG_INFO_BTF" {
				return p.refuse(kconfigDebug, e.first, "config %s, but %s gives modules no BTF: expected both or neither; half of a patch?", symbol, modfinal)
			}
		}
		if last := base.end - 1; !strings.HasSuffix(lines[last], "\n") {
			return p.refuse(kconfigDebug, last, "no newline at the end of the file")
		}
		return edit(lines, base.end, 0, "\n"+kconfigFragment)
	}
	switch {
	case !hasModules:
		return p.refuse(kconfigDebug, -1, "has no config DEBUG_INFO_BTF_MODULES, which %s asks for: half of a patch?", modfinal)
	case p.Encoder == Pahole:
		return p.sources[kconfigDebug]
	case hasSplits:
		for i := splits.first; i < splits.end; i++ {
			if value, ok := strings.CutPrefix(lines[i], "\tdef_bool "); ok {
				return edit(lines, i, 1, forPahole+value+splitBTFValue)
			}
		}
		return p.refuse(kconfigDebug, splits.first, "config PAHOLE_HAS_SPLIT_BTF: expected a line def_bool")
	}
	for i := modules.first; i < modules.end; i++ {
		if lines[i] == modulesNeed+"\n" {
			text := edit(lines, i, 1, modulesNeed+" && PAHOLE_HAS_SPLIT_BTF\n")
			return edit(splitLines(text), modules.first, 0, splitBTFSymbol+"\n")
		}
	}
	return p.refuse(kconfigDebug, modules.first, "config DEBUG_INFO_BTF_MODULES: expected the line %q", strings.TrimSpace(modulesNeed))
}

var (
	configBuild  = lazy(`(?m)^ifdef config-build\n`)
	cleanFiles   = lazy(`(?m)^CLEAN_FILES\s*\+?=`)
	modulesRule  = lazy(`(?m)^modules: \$\(if \$\(KBUILD_BUILTIN\),`)
	needsVmlinux = lazy(`(?m)^ifdef CONFIG_DEBUG_INFO_BTF_MODULES\n`)
)

// topMakefile is Makefile with the probe, with vmlinux built before modules,
// and with the base file cleaned.
func (p *planner) topMakefile(s shape) string {
	text := p.sources[topMakefile]
	insert := func(before *regexp.Regexp, line, fragment string) {
		place := before.FindStringIndex(text)
		if place == nil {
			p.refuse(topMakefile, -1, "expected a line that begins with %q", line)
			return
		}
		text = text[:place[0]] + fragment + text[place[0]:]
	}
	m := parseMakefile(splitLines(text))
	if p.Encoder == Pahole && !slices.Contains(m.exports, "PAHOLE") {
		return p.refuse(topMakefile, -1, "does not export PAHOLE, which --encoder=pahole calls")
	}
	if strings.Contains(text, "PAHOLE_HAS_SPLIT_BTF") {
		i := slices.IndexFunc(splitLines(text), func(l string) bool { return strings.Contains(l, "PAHOLE_HAS_SPLIT_BTF") })
		return p.refuse(topMakefile, i, "has PAHOLE_HAS_SPLIT_BTF: %s", alreadyWired)
	}
	if p.Encoder == BTFKo || s.command == "" {
		insert(configBuild(), "ifdef config-build", probeFragment(p.Encoder)) // both sides need it
	}
	insert(cleanFiles(), "CLEAN_FILES +=", cleanFragment(p.Encoder))
	if !needsVmlinux().MatchString(text) {
		insert(modulesRule(), "modules: $(if $(KBUILD_BUILTIN),", s.builtinFragment())
	}
	return text
}

// genBTFScript is scripts/gen-btf.sh, repeatable.
func (p *planner) genBTFScript() string {
	text, ok := p.sources[genBTFScript], true
	for _, e := range genBTFEdits {
		if text, ok = replaceOnly(text, e[0], e[1]); !ok {
			return p.refuse(genBTFScript, -1, "expected once the line %q", strings.TrimSpace(e[0]))
		}
	}
	return text
}

// alreadyWired ends the messages about trees that have some form of it.
const alreadyWired = "this tree has module BTF from a patch that is not, or no longer, the one that would be made; nothing was changed"

// modfinal is scripts/Makefile.modfinal with the helpers, the commands and the
// rule in the place of what the tree has. It completes the shape.
func (p *planner) modfinal(s *shape) string {
	text := p.sources[modfinal]
	lines := splitLines(text)
	m := parseMakefile(lines)
	for _, name := range []string{"btf-base", "cmd_ko"} {
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
	r, ok := p.linkRule(&m, kbuild)
	if !ok {
		return ""
	}
	s.form = forms()[0]
	if _, wired := m.find("cmd_btf_ko"); wired {
		return p.upstreamRule(s, &m, r)
	}
	for _, name := range []string{"newer_prereqs_except", "if_changed_except"} {
		if v, ok := m.find(name); ok {
			return p.refuse(modfinal, v.line, "defines %s, but not cmd_btf_ko: expected both or neither; half of a patch?", name)
		}
	}
	text, ok = s.text(s.saved, r).replace(text, s.rule(p.Wiring, r))
	if !ok {
		return p.refuse(modfinal, -1, "has the rule that links modules twice")
	}
	if !autoConf {
		text = edit(splitLines(text), kbuild, 0, autoConfFragment)
	}
	return text
}

// upstreamRule is Makefile.modfinal with our rule in the place of upstream's.
func (p *planner) upstreamRule(s *shape, m *makefile, r linkRule) string {
	text := p.sources[modfinal]
	for _, name := range []string{"cmd_btf_ko", "newer_prereqs_except", "if_changed_except"} {
		if all := m.all(name); len(all) > 1 {
			return p.refuse(modfinal, all[1].line, "defines %s again, after line %d: cannot tell which one counts", name, all[0].line+1)
		}
	}
	for _, f := range forms()[1:] {
		s.form = f
		if wired, ok := f.text(s.saved, r).replace(text, s.rule(p.Wiring, r)); ok {
			return wired
		}
	}
	lines := splitLines(text)
	command, _ := m.find("cmd_btf_ko")
	if start := command.line - 1; start >= 0 && lines[start] == quietBTFKo {
		if i, want, since := expected(lines, start, r.line, s.saved, r); want != "" {
			return p.refuse(modfinal, i, "gives modules BTF, but not as a release does: expected %q, as in %s", want, since)
		}
	}
	return p.refuse(modfinal, command.line, "defines cmd_btf_ko, but not as a release does: expected the line %q before it", strings.TrimSpace(quietBTFKo))
}

var linkRecipe = lazy(`^\t(\+?)\$\(call if_changed(?:_except)?,([A-Za-z0-9_]+)(?:,(?:\$\([a-z-]+\)/?)?vmlinux)?\)\n$`)

// linkRule finds the rule that links modules. kbuild is the line of the
// include of Kbuild.include.
func (p *planner) linkRule(m *makefile, kbuild int) (linkRule, bool) {
	refuse := func(index int, format string, args ...any) (linkRule, bool) {
		p.refuse(modfinal, index, format, args...)
		return linkRule{}, false
	}
	lines := splitLines(p.sources[modfinal])
	var found []rule
	for _, r := range m.rules {
		if r.targets == "$(modules)" && r.pattern == "%.ko" || r.targets == "%.ko" {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		return refuse(-1, "has no rule that links modules: expected $(modules): %%.ko: or %%.ko:")
	case 1:
	default:
		return refuse(found[1].line, "second rule that links modules, after line %d", found[0].line+1)
	}
	r := found[0]
	head := ruleHead().FindStringSubmatch(lines[r.line])
	switch {
	case strings.HasSuffix(lines[r.line], "\\\n"):
		return refuse(r.line, "the rule that links modules continues on a second line, which is not understood")
	case !strings.HasSuffix(lines[r.line], " FORCE\n"):
		return refuse(r.line, "the rule that links modules does not end in FORCE, so its command would not be checked")
	case head == nil:
		return refuse(r.line, "the rule that links modules is not understood: expected %%.ko: %%.o and further prerequisites")
	case r.line < kbuild:
		return refuse(r.line, "the rule that links modules comes before the include of scripts/Kbuild.include")
	case len(r.recipe) == 0:
		return refuse(r.line, "the rule that links modules has no recipe")
	}
	_, wired := m.find("cmd_btf_ko")
	if !wired && strings.Contains(r.prereqs, "vmlinux") {
		return refuse(r.line, "modules depend on vmlinux, but there is no cmd_btf_ko: half of a patch?")
	}
	if !wired && len(r.recipe) > 1 {
		return refuse(r.recipe[1], "second line in the recipe that links modules: only $(call if_changed,...) is understood")
	}
	recipe := r.recipe[0]
	call := linkRecipe().FindStringSubmatch(lines[recipe])
	if call == nil {
		return refuse(recipe, "the recipe that links modules is not $(call if_changed,...)")
	}
	return linkRule{r.line, head[1], call[1], call[2]}, p.linksOnlyObjects(m, recipe, call[2])
}

var (
	objectsOnly  = lazy(`\$\(filter %\.o, ?\$\^\)`)
	prerequisite = lazy(`\$[\^+?]|\$\(real-prereqs\)|\$\(\^\)`)
)

// linksOnlyObjects checks that a further prerequisite, the base, would not be
// handed to the linker.
func (p *planner) linksOnlyObjects(m *makefile, recipe int, command string) bool {
	all := m.all("cmd_" + command)
	if len(all) == 0 {
		p.refuse(modfinal, recipe, "cmd_%s is not defined in this file", command)
		return false
	}
	for _, v := range all { // it may be put together, and in several ways
		if prerequisite().MatchString(objectsOnly().ReplaceAllString(v.value, "")) {
			p.refuse(modfinal, v.line, "cmd_%s links all its prerequisites, not $(filter %%.o, $^): the base would be linked into modules", command)
			return false
		}
	}
	return true
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

// cutOnly cuts the text around the only occurrence of some whole lines.
func cutOnly(text, lines string) (before, after string, ok bool) {
	before, after, ok = strings.Cut(text, lines)
	return before, after, ok && (before == "" || strings.HasSuffix(before, "\n")) && !strings.Contains(after, lines)
}

// replaceOnly replaces the only occurrence of some whole lines.
func replaceOnly(text, lines, by string) (string, bool) {
	before, after, ok := cutOnly(text, lines)
	if !ok {
		return text, false
	}
	return before + by + after, true
}
