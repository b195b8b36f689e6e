// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Plan has the changes that wire one tree, sorted as in a patch.
type Plan struct {
	Wiring
	Changes []Change
	// Releases whose rule a patched tree may have had, if it is not known that it
	// was the one in Changes. Such a plan is not written to the tree.
	Unknown []string
}

// Change is a changed file.
type Change struct {
	Path     string // relative to the top of the tree
	Old, New string // text
}

// NewPlan plans the wiring of the kernel tree in dir. It refuses trees that are
// wired already: see [Applied]. Errors name the file and, if possible, the line.
func NewPlan(dir string, w Wiring) (*Plan, error) {
	s, err := readTree(dir)
	if err != nil {
		return nil, err
	}
	return s.planRevertible(dir, w.Normal())
}

// planRevertible is like plan, and sets Plan.Unknown.
func (s sources) planRevertible(dir string, w Wiring) (*Plan, error) {
	p, err := s.plan(dir, w)
	if err != nil {
		return nil, err
	}
	p.Unknown = s.unknownAfter(dir, p)
	if len(p.Unknown) > 0 && w.Rule == Batch {
		return s.planFor(dir, w, true)
	}
	return p, nil
}

// plan plans the wiring of a tree. dir is for error messages only.
func (s sources) plan(dir string, w Wiring) (*Plan, error) { return s.planFor(dir, w, false) }

// planFor is plan, and with stays the batch rule leaves other rules as they are.
func (s sources) planFor(dir string, w Wiring, stays bool) (*Plan, error) {
	p := &planner{dir: dir, sources: s, Wiring: w, stays: stays}
	shape := p.shape()
	after := sources{modfinal: p.modfinal(&shape)}
	if w.Encoder == Pahole && w.Rule == Batch {
		p.refuse(modfinal, -1, "the batch rule runs btf-ko --update: use --encoder=btf-ko")
	}
	if w.Encoder == Pahole && w.Rule == Simple && shape.command != "" {
		p.refuse(modfinal, -1, "has upstream's rule already, which is the simple rule for pahole: use --rule=strict")
	}
	if s.areHeaders() {
		if shape.command == "" {
			p.refuse(modfinal, -1, "does not define cmd_btf_ko, but %s sets "+
				"CONFIG_DEBUG_INFO_BTF_MODULES: reinstall the headers", autoConf)
		}
	} else {
		after[kconfigDebug] = p.kconfig(shape)
		after[topMakefile] = p.topMakefile(shape)
	}
	if w.Helper == InKbuildInclude {
		after[kbuildInclude] = p.kbuildInclude(shape)
	}
	if shape.genBTF != "" {
		p.embedsOnlyBTF()
	}
	if shape.genBTF != "" && w.Encoder == Pahole {
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

// planner plans the wiring of one tree. It keeps only the first error.
type planner struct {
	dir     string
	sources sources
	Wiring
	stays bool
	err   error
}

// refuse sets the error, unless there is one. index is that of the line, or -1
// for the whole file.
func (p *planner) refuse(path string, index int, format string, args ...any) string {
	if p.err == nil {
		p.err = &fileError{filepath.Join(p.dir, path), index + 1, fmt.Sprintf(format, args...)}
	}
	return ""
}

// shape returns the shape of the tree without its form. It checks the
// definitions in scripts/Kbuild.include that the rule uses.
func (p *planner) shape() shape {
	s := shape{newer: "newer-prereqs"}
	if strings.Contains(p.sources[modfinal], "$(MODORDER)") {
		s.extmod = "$(dir $(MODORDER))"
	}
	m := parseMakefile(splitLines(p.sources[kbuildInclude]))
	if _, ok := m.find("any-prereq"); ok {
		s.newer = "any-prereq"
	}
	needed := []string{"dot-target", "cmd", "cmd-check", "make-cmd", "if_changed"}
	if p.Rule == Strict {
		needed = append(needed, "if_changed_rule", "filechk")
	}
	for _, name := range needed {
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
			p.refuse(kbuildInclude, v.line, "cmd-check reads neither cmd_$@ nor savedcmd_$@")
		}
	}
	return s
}

// kbuildInclude returns scripts/Kbuild.include with if_changed_except.
func (p *planner) kbuildInclude(s shape) string {
	lines := splitLines(p.sources[kbuildInclude])
	m := parseMakefile(lines)
	if v, ok := m.find("if_changed_except"); ok {
		return p.refuse(kbuildInclude, v.line, "already defines if_changed_except")
	}
	v, ok := m.find("if_changed_rule")
	switch {
	case !ok:
		return p.refuse(kbuildInclude, -1, "does not define if_changed_rule: use --helper=modfinal")
	case strings.HasSuffix(lines[v.line], "\\\n"):
		return p.refuse(kbuildInclude, v.line,
			"the definition of if_changed_rule has several lines: use --helper=modfinal")
	}
	return edit(lines, v.line+1, 0, "\n"+s.helpers(p.Wiring))
}

// modulesNeed is the dependency that DEBUG_INFO_BTF_MODULES gets in trees without
// PAHOLE_HAS_SPLIT_BTF.
const modulesNeed = "\tdepends on PAHOLE_HAS_SPLIT_BTF\n"

// kconfig returns lib/Kconfig.debug with PAHOLE_HAS_SPLIT_BTF, set by
// kconfig-probe, and DEBUG_INFO_BTF_MODULES. With pahole as the encoder,
// upstream's symbols do not change.
func (p *planner) kconfig(s shape) string {
	lines := splitLines(p.sources[kconfigDebug])
	entries := map[string]kconfigEntry{}
	symbols := []string{"DEBUG_INFO_BTF", "PAHOLE_HAS_SPLIT_BTF", "DEBUG_INFO_BTF_MODULES"}
	for _, e := range parseKconfig(lines) {
		if !slices.Contains(symbols, e.symbol) {
			continue
		}
		if first, ok := entries[e.symbol]; ok {
			return p.refuse(kconfigDebug, e.first, "second config %s, first at line %d: expected one",
				e.symbol, first.first+1)
		}
		entries[e.symbol] = e
	}
	base, ok := entries["DEBUG_INFO_BTF"]
	if !ok {
		return p.refuse(kconfigDebug, -1,
			"no config DEBUG_INFO_BTF: this kernel does not support BTF for vmlinux")
	}
	splits, hasSplits := entries["PAHOLE_HAS_SPLIT_BTF"]
	modules, hasModules := entries["DEBUG_INFO_BTF_MODULES"]

	if s.command == "" {
		for _, symbol := range symbols[1:] {
			if e, ok := entries[symbol]; ok {
				return p.refuse(kconfigDebug, e.first, "config %s, but %s does not define cmd_btf_ko: %s",
					symbol, modfinal, partlyPatched)
			}
		}
		if last := base.end - 1; !strings.HasSuffix(lines[last], "\n") {
			return p.refuse(kconfigDebug, last, "no newline at end of file")
		}
		return edit(lines, base.end, 0, "\n"+p.kconfigFragment())
	}
	switch {
	case !hasModules:
		return p.refuse(kconfigDebug, -1,
			"no config DEBUG_INFO_BTF_MODULES, but %s defines cmd_btf_ko: %s", modfinal, partlyPatched)
	case p.Encoder == Pahole:
		return p.sources[kconfigDebug]
	case hasSplits:
		for i := splits.first; i < splits.end; i++ {
			if value, ok := strings.CutPrefix(lines[i], "\tdef_bool "); ok {
				return edit(lines, i, 1, forPahole+value+p.splitBTFValue())
			}
		}
		return p.refuse(kconfigDebug, splits.first,
			"config PAHOLE_HAS_SPLIT_BTF: expected a line def_bool")
	}
	for i := modules.first; i < modules.end; i++ {
		if strings.HasPrefix(lines[i], "\tdepends on ") {
			text := edit(lines, i, 0, modulesNeed)
			return edit(splitLines(text), modules.first, 0, p.splitBTFSymbol()+"\n")
		}
	}
	return p.refuse(kconfigDebug, modules.first, "config DEBUG_INFO_BTF_MODULES: expected a line depends on")
}

var (
	configBuild  = lazy(`(?m)^ifdef config-build\n`)
	modulesRule  = lazy(`(?m)^modules: \$\(if \$\(KBUILD_BUILTIN\),`)
	needsVmlinux = lazy(`(?m)^ifdef CONFIG_DEBUG_INFO_BTF_MODULES\n`)
)

// topMakefile returns Makefile with the call of kconfig-probe, and vmlinux built
// before modules.
func (p *planner) topMakefile(s shape) string {
	text := p.sources[topMakefile]
	insert := func(before *regexp.Regexp, line, fragment string) {
		place := before.FindStringIndex(text)
		if place == nil {
			p.refuse(topMakefile, -1, "expected a line that starts with %q", line)
			return
		}
		text = text[:place[0]] + fragment + text[place[0]:]
	}
	m := parseMakefile(splitLines(text))
	if p.Encoder == Pahole && !slices.Contains(m.exports, "PAHOLE") {
		return p.refuse(topMakefile, -1, "does not export PAHOLE: use --encoder=btf-ko")
	}
	if before, _, ok := strings.Cut(text, "PAHOLE_HAS_SPLIT_BTF"); ok {
		line := strings.Count(before, "\n")
		return p.refuse(topMakefile, line, "defines PAHOLE_HAS_SPLIT_BTF: %s", alreadyWired)
	}
	if p.Rule == Simple {
		return text
	}
	if p.Encoder == BTFKo || s.command == "" {
		// Before this line, for config and build targets.
		insert(configBuild(), "ifdef config-build", p.probeFragment())
	}
	if !needsVmlinux().MatchString(text) {
		insert(modulesRule(), "modules: $(if $(KBUILD_BUILTIN),", s.builtinFragment())
	}
	return text
}

var embeddedSection = lazy(`--(?:add|update)-section[= ]+"?([^= \n"]+)=`)

// embedsOnlyBTF checks that scripts/gen-btf.sh adds no section to modules that
// btf-ko does not write, and that the patch for pahole does not remove.
func (p *planner) embedsOnlyBTF() {
	for i, line := range splitLines(p.sources[genBTFScript]) {
		for _, m := range embeddedSection().FindAllStringSubmatch(line, -1) {
			if m[1] != ".BTF" && m[1] != ".BTF.base" {
				p.refuse(genBTFScript, i, "adds a section %s to modules: only .BTF and .BTF.base are supported", m[1])
			}
		}
	}
}

// genBTFScript returns scripts/gen-btf.sh with genBTFEdits.
func (p *planner) genBTFScript() string {
	text, ok := p.sources[genBTFScript], true
	for _, e := range genBTFEdits {
		if text, ok = replaceOnly(text, e[0], e[1]); !ok {
			return p.refuse(genBTFScript, -1, "expected exactly one line %q", strings.TrimSpace(e[0]))
		}
	}
	return text
}

// What to do about trees that were patched before.
const (
	alreadyWired = "the tree was patched by another version of kconfig-probe, or edited afterwards: " +
		"restore the original files first"
	partlyPatched = "revert the incomplete patch first"
)

// modfinal returns scripts/Makefile.modfinal with our rule in place of the
// tree's. It sets the form of the shape.
func (p *planner) modfinal(s *shape) (planned string) {
	text := p.sources[modfinal]
	lines := splitLines(text)
	m := parseMakefile(lines)
	for _, name := range []string{"btf-base", "btf-deps"} {
		if v, ok := m.find(name); ok {
			return p.refuse(modfinal, v.line, "defines %s: %s", name, alreadyWired)
		}
	}
	if v, ok := m.find("cmd_btf_ko"); ok && strings.Contains(v.value, "btf-ko") {
		return p.refuse(modfinal, v.line, "cmd_btf_ko runs btf-ko: %s", alreadyWired)
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
		return p.refuse(modfinal, -1, "does not include scripts/Kbuild.include")
	}
	if p.stays {
		return p.besides(s, text, kbuild, autoConf)
	}
	if p.Rule == Batch && p.err == nil {
		defer func() {
			if p.err != nil && !strings.HasSuffix(p.err.Error(), partlyPatched) {
				p.err = nil
				planned = p.besides(s, text, kbuild, autoConf)
			}
		}()
	}
	r, ok := p.linkRule(&m, kbuild)
	if !ok {
		return ""
	}
	if p.Rule == Batch {
		batch, ok := replaceRecipe(text, modfinalRecipe, batchRecipe)
		if !ok {
			return p.refuseRecipe()
		}
		original := p.sources
		p.sources = maps.Clone(original)
		p.sources[modfinal] = batch
		defer func() { p.sources = original }()
	}
	s.form = forms()[0]
	if _, wired := m.find("cmd_btf_ko"); wired {
		return p.upstreamRule(s, &m, r)
	}
	text = p.sources[modfinal]
	for _, name := range []string{"newer_prereqs_except", "if_changed_except"} {
		if v, ok := m.find(name); ok {
			return p.refuse(modfinal, v.line, "defines %s, but not cmd_btf_ko: %s", name, partlyPatched)
		}
	}
	text, ok = s.text(s.saved, r).replace(text, s.rule(p.Wiring, r))
	if !ok {
		return p.refuse(modfinal, -1, "second rule that links modules: expected one")
	}
	if !autoConf {
		text = edit(splitLines(text), kbuild, 0, autoConfFragment)
	}
	return text
}

func (p *planner) refuseRecipe() string {
	return p.refuse(modfinal, -1, "expected one rule __modfinal: $(modules) with the recipe @:")
}

// besides returns Makefile.modfinal with the batch rule, and all other rules as
// they are. kbuild is the line index of the include of Kbuild.include.
func (p *planner) besides(s *shape, text string, kbuild int, autoConf bool) string {
	m := parseMakefile(splitLines(text))
	_, encodes := m.find("cmd_btf_ko")
	s.form = unrecognised(text, encodes)
	text, ok := replaceRecipe(text, modfinalRecipe, besidesRecipe)
	switch {
	case !ok:
		return p.refuseRecipe()
	case !strings.HasSuffix(text, "\n"):
		return p.refuse(modfinal, -1, "no newline at end of file")
	case !autoConf:
		text = edit(splitLines(text), kbuild, 0, autoConfFragment)
	}
	return text + s.besides()
}

// upstreamRule returns Makefile.modfinal with our rule in place of upstream's
// rule for module BTF.
func (p *planner) upstreamRule(s *shape, m *makefile, r linkRule) string {
	text := p.sources[modfinal]
	for _, name := range []string{"cmd_btf_ko", "newer_prereqs_except", "if_changed_except"} {
		if all := m.all(name); len(all) > 1 {
			return p.refuse(modfinal, all[1].line, "second definition of %s, first at line %d: expected one",
				name, all[0].line+1)
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
			return p.refuse(modfinal, i,
				"unknown rule for module BTF: expected %q, as in Linux %s", want, since)
		}
	}
	return p.refuse(modfinal, command.line,
		"unknown definition of cmd_btf_ko: expected the line %q before it", strings.TrimSpace(quietBTFKo))
}

// linkRecipe matches the recipe of the rule that links modules. Its groups are
// linkRule.plus and linkRule.command.
var linkRecipe = lazy(`^\t(\+?)\$\(call if_changed(?:_except)?,([A-Za-z0-9_]+)` +
	`(?:,(?:\$\([a-z-]+\)/?)?vmlinux)?\)\n$`)

// linkRule returns the rule that links modules. kbuild is the line index of the
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
		return refuse(-1, "no rule links modules: expected $(modules): %%.ko: or %%.ko:")
	case 1:
	default:
		return refuse(found[1].line, "second rule that links modules, first at line %d: expected one",
			found[0].line+1)
	}
	r := found[0]
	head := ruleHead().FindStringSubmatch(lines[r.line])
	switch {
	case strings.HasSuffix(lines[r.line], "\\\n"):
		return refuse(r.line, "the rule that links modules has a continuation line: expected one line")
	case !strings.HasSuffix(lines[r.line], " FORCE\n"):
		return refuse(r.line, "the rule that links modules does not end in FORCE")
	case head == nil:
		return refuse(r.line,
			"unknown rule that links modules: expected %%.ko: %%.o and other prerequisites")
	case r.line < kbuild:
		return refuse(r.line,
			"the rule that links modules precedes the include of scripts/Kbuild.include")
	case len(r.recipe) == 0:
		return refuse(r.line, "the rule that links modules has no recipe")
	}
	_, wired := m.find("cmd_btf_ko")
	if !wired && strings.Contains(r.prereqs, "vmlinux") {
		return refuse(r.line,
			"modules depend on vmlinux, but cmd_btf_ko is not defined: %s", partlyPatched)
	}
	if !wired && len(r.recipe) > 1 {
		return refuse(r.recipe[1],
			"second line in the recipe that links modules: expected only $(call if_changed,...)")
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

// linksOnlyObjects checks that the link command ignores other prerequisites,
// such as the base file.
func (p *planner) linksOnlyObjects(m *makefile, recipe int, command string) bool {
	all := m.all("cmd_" + command)
	if len(all) == 0 {
		p.refuse(modfinal, recipe, "cmd_%s is not defined in this file", command)
		return false
	}
	for _, v := range all { // += and conditionals
		if prerequisite().MatchString(objectsOnly().ReplaceAllString(v.value, "")) {
			p.refuse(modfinal, v.line,
				"cmd_%s links all prerequisites, vmlinux's BTF included: expected $(filter %%.o, $^)", command)
			return false
		}
	}
	return true
}

// splitLines returns the lines of text, each with its newline.
func splitLines(text string) []string {
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// edit returns the text with n lines at an index replaced.
func edit(lines []string, at, n int, replacement string) string {
	return strings.Join(lines[:at], "") + replacement + strings.Join(lines[at+n:], "")
}

// cutOnly cuts the text around the only occurrence of whole lines.
func cutOnly(text, lines string) (before, after string, ok bool) {
	before, after, ok = strings.Cut(text, lines)
	whole := before == "" || strings.HasSuffix(before, "\n")
	return before, after, ok && whole && !strings.Contains(after, lines)
}

// replaceOnly replaces the only occurrence of whole lines.
func replaceOnly(text, lines, by string) (string, bool) {
	before, after, ok := cutOnly(text, lines)
	if !ok {
		return text, false
	}
	return before + by + after, true
}

// replaceRecipe replaces the recipe of __modfinal.
func replaceRecipe(text, recipe, by string) (string, bool) {
	heads := modfinalRule().FindAllStringIndex(text, -1)
	if len(heads) != 1 {
		return text, false
	}
	end := heads[0][1]
	rest, ok := strings.CutPrefix(text[end:], recipe)
	return text[:end] + by + rest, ok && !strings.HasPrefix(rest, "\t")
}
