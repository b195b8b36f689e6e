// SPDX-License-Identifier: GPL-2.0-only

package kbuild

import (
	"slices"
	"strings"
)

// Applied is the plan that led to the tree in dir as it is now, or nil if none
// did. Its changes' Old is what the files were before, byte for byte.
func Applied(dir string) (*Plan, error) {
	s, err := readTree(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range Encoders {
		for _, h := range Helpers {
			if p := s.applied(dir, Wiring{e, h}); p != nil {
				return p, nil
			}
		}
	}
	return nil, nil
}

// applied finds out what the files were before: those that would be planned to
// become what is there now.
func (s sources) applied(dir string, w Wiring) *Plan {
	for _, before := range s.undo(w) {
		p, err := before.plan(dir, w)
		if err != nil {
			continue
		}
		same := 0
		for _, path := range buildFiles {
			text := before[path]
			if i := slices.IndexFunc(p.Changes, func(c Change) bool { return c.Path == path }); i >= 0 {
				text = p.Changes[i].New
			}
			if text == s[path] {
				same++
			}
		}
		if same == len(buildFiles) {
			return p
		}
	}
	return nil
}

// undo takes the wiring's texts out: all trees that may result.
func (s sources) undo(w Wiring) []sources {
	probe := &planner{sources: s, Wiring: w}
	shape := probe.shape()
	head := ruleHead().FindStringSubmatch(s[modfinal])
	if head == nil || probe.err != nil {
		return nil
	}
	var trees []sources
	for _, f := range forms() {
		shape.form = f
		for _, plus := range []string{"+", ""} {
			r := linkRule{head: head[1], plus: plus, command: linkCommand(s[modfinal])}
			link, ok := shape.rule(w, r).replace(s[modfinal], f.text(shape.saved, r))
			if !ok {
				continue
			}
			if f.command == "" {
				link = strings.Replace(link, autoConfFragment, "", 1) // a tree may have had an include of its own
			}
			for _, kconfig := range s.undoKconfig(w, f) {
				tree := s.undoRest(w, shape)
				tree[modfinal] = link
				if !s.areHeaders() {
					tree[kconfigDebug] = kconfig
				}
				trees = append(trees, tree)
			}
		}
	}
	return trees
}

// linkCommand is the command that cmd_ko begins with.
func linkCommand(text string) string {
	_, rest, _ := strings.Cut(text, "\ncmd_ko = $(cmd_")
	name, _, _ := strings.Cut(rest, ")")
	return name
}

// undoRest takes the texts out of all files but Kconfig.debug and
// Makefile.modfinal.
func (s sources) undoRest(w Wiring, shape shape) sources {
	before := sources{}
	for path, text := range s {
		before[path] = text
	}
	if text, ok := s[topMakefile]; ok {
		for _, fragment := range []string{probeFragment(w.Encoder), cleanFragment(w.Encoder), shape.builtinFragment()} {
			text = strings.Replace(text, fragment, "", 1)
		}
		before[topMakefile] = text
	}
	if w.Helper == InKbuildInclude {
		before[kbuildInclude] = strings.Replace(before[kbuildInclude], "\n"+shape.helpers(), "", 1)
	}
	if script, ok := s[genBTFScript]; ok && shape.genBTF != "" {
		for _, e := range genBTFEdits {
			script = strings.Replace(script, e[1], e[0], 1)
		}
		before[genBTFScript] = script
	}
	return before
}

// undoKconfig is what lib/Kconfig.debug may have been.
func (s sources) undoKconfig(w Wiring, f form) []string {
	text := s[kconfigDebug]
	switch {
	case f.command == "":
		return []string{strings.Replace(text, "\n"+kconfigFragment, "", 1)}
	case w.Encoder == Pahole:
		return []string{text}
	}
	replaced, added := text, strings.Replace(text, splitBTFSymbol+"\n", "", 1)
	if before, after, ok := strings.Cut(text, forPahole); ok {
		replaced = before + "\tdef_bool " + strings.Replace(after, splitBTFValue, "", 1)
	}
	return []string{replaced, strings.Replace(added, modulesNeed+" && PAHOLE_HAS_SPLIT_BTF\n", modulesNeed+"\n", 1)}
}
