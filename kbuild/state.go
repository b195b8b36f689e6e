// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"maps"
	"strings"
)

// Applied returns the plan that was applied to the tree in dir, or nil if there
// is none. The plan has the original text of the files, byte for byte.
//
// Only trees patched with exactly the current text are recognised: [NewPlan]
// refuses trees that were patched by another version or edited afterwards.
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

// applied returns the plan that results in s, or nil. It plans every original
// tree that undo finds, and compares.
func (s sources) applied(dir string, w Wiring) *Plan {
	for _, before := range s.undo(w) {
		p, err := before.plan(dir, w)
		if err != nil {
			continue
		}
		planned := maps.Clone(before)
		for _, c := range p.Changes {
			planned[c.Path] = c.New
		}
		if maps.Equal(planned, s) {
			return p
		}
	}
	return nil
}

// undo returns the trees that the wiring may have been applied to.
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
			if f.command == "" { // else the tree had an include itself
				link = strings.Replace(link, autoConfFragment, "", 1)
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

// linkCommand returns linkRule.command of a patched Makefile.modfinal.
func linkCommand(text string) string {
	_, rest, _ := strings.Cut(text, "\ncmd_ko = $(cmd_")
	name, _, _ := strings.Cut(rest, ")")
	return name
}

// undoRest removes the inserted text from all files except Kconfig.debug and
// Makefile.modfinal.
func (s sources) undoRest(w Wiring, shape shape) sources {
	before := maps.Clone(s)
	if text, ok := s[topMakefile]; ok {
		for _, fragment := range []string{
			probeFragment(w.Encoder), cleanFragment(w.Encoder), shape.builtinFragment(),
		} {
			text = strings.Replace(text, fragment, "", 1)
		}
		before[topMakefile] = text
	}
	if w.Helper == InKbuildInclude {
		before[kbuildInclude] = strings.Replace(before[kbuildInclude], "\n"+shape.helpers(), "", 1)
	}
	if script, ok := s[genBTFScript]; ok && shape.genBTF != "" && w.Encoder == Pahole {
		for _, e := range genBTFEdits {
			script = strings.Replace(script, e[1], e[0], 1)
		}
		before[genBTFScript] = script
	}
	return before
}

// undoKconfig returns the possible originals of lib/Kconfig.debug.
func (s sources) undoKconfig(w Wiring, f form) []string {
	text := s[kconfigDebug]
	switch {
	case f.command == "":
		return []string{strings.Replace(text, "\n"+kconfigFragment, "", 1)}
	case w.Encoder == Pahole:
		return []string{text}
	}
	original := text // with PAHOLE_HAS_SPLIT_BTF
	if before, after, ok := strings.Cut(text, forPahole); ok {
		original = before + "\tdef_bool " + strings.Replace(after, splitBTFValue, "", 1)
	}
	without := strings.Replace(text, splitBTFSymbol+"\n", "", 1)
	without = strings.Replace(without, modulesNeed+" && PAHOLE_HAS_SPLIT_BTF\n", modulesNeed+"\n", 1)
	return []string{original, without}
}
