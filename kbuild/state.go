// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"maps"
	"slices"
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
	for _, w := range wirings() {
		if p := s.applied(dir, w); p != nil {
			return p, nil
		}
	}
	return nil, nil
}

// Replan plans another wiring of the tree in dir, to which p is applied.
// [Plan.Switch] applies it.
func (p *Plan) Replan(dir string, w Wiring) (*Plan, error) {
	s, err := readTree(dir)
	if err != nil {
		return nil, err
	}
	for _, c := range p.Changes {
		s[c.Path] = c.Old
	}
	return s.planRevertible(dir, w.Normal())
}

// wirings returns all wirings.
func wirings() (all []Wiring) {
	for _, e := range Encoders {
		for _, h := range Helpers {
			all = append(all, Wiring{Strict, e, h}, Wiring{Simple, e, h})
		}
	}
	return append(all, Wiring{Batch, BTFKo, InModfinal})
}

// original is a tree that a plan may have been applied to.
type original struct {
	form form
	plan *Plan
}

// applied returns the plan that results in s, or nil. Several original rules may
// result in the same text. The tree had the latest of them that is not later than
// its release, as upstream's rule changes little within a release.
func (s sources) applied(dir string, w Wiring) *Plan {
	all := s.originals(dir, w)
	if len(all) == 0 {
		return nil
	}
	equal := func(o original) bool { return slices.Equal(o.plan.Changes, all[0].plan.Changes) }
	if !slices.ContainsFunc(all, func(o original) bool { return !equal(o) }) {
		return all[0].plan
	}
	var latest original
	for _, o := range all {
		if !o.form.release().after(s.release()) && !latest.form.release().after(o.form.release()) {
			latest = o
		}
	}
	if latest.plan == nil {
		all[0].plan.Unknown = sinces(all)
		return all[0].plan
	}
	return latest.plan
}

// sinces returns the first releases of the forms.
func sinces(all []original) (names []string) {
	for _, o := range all {
		if !slices.Contains(names, o.form.since) {
			names = append(names, o.form.since)
		}
	}
	return names
}

// unknownAfter returns Plan.Unknown for a plan: the releases whose rules have the
// same result, unless applied would find the one of s.
func (s sources) unknownAfter(dir string, p *Plan) []string {
	after := maps.Clone(s)
	for _, c := range p.Changes {
		after[c.Path] = c.New
	}
	if found := after.applied(dir, p.Wiring); found != nil && len(found.Unknown) == 0 &&
		slices.Equal(found.Changes, p.Changes) {
		return nil
	}
	return sinces(after.originals(dir, p.Wiring))
}

// originals returns the trees that the wiring results in s for. It plans every
// tree that undo finds, and compares.
func (s sources) originals(dir string, w Wiring) (found []original) {
	s.undo(w, func(f form, before sources) {
		p, err := before.planFor(dir, w, f.stays)
		if err != nil {
			return
		}
		planned := maps.Clone(before)
		for _, c := range p.Changes {
			planned[c.Path] = c.New
		}
		if maps.Equal(planned, s) {
			found = append(found, original{f, p})
		}
	})
	return found
}

// undo calls yield with the trees that the wiring may have been applied to.
func (s sources) undo(w Wiring, yield func(form, sources)) {
	probe := &planner{sources: s, Wiring: w}
	shape := probe.shape()
	if probe.err != nil {
		return
	}
	if w.Rule == Batch {
		s.undoBesides(w, shape, yield)
	}
	head := ruleHead().FindStringSubmatch(s[modfinal])
	if head == nil {
		return
	}
	text, command := s[modfinal], linkCommand(s[modfinal])
	if w.Rule == Batch {
		var ok bool
		if text, ok = replaceRecipe(text, batchRecipe, modfinalRecipe); !ok {
			return
		}
	}
	for _, f := range forms() {
		if f.command != "" && strings.Contains(s[modfinal], autoConfFragment) {
			continue
		}
		shape.form = f
		for _, plus := range []string{"+", ""} {
			r := linkRule{head: head[1], plus: plus, command: command}
			link, ok := shape.rule(w, r).replace(text, f.text(shape.saved, r))
			if !ok {
				continue
			}
			if f.command == "" { // else the tree had an include itself
				link = strings.Replace(link, autoConfFragment, "", 1)
			}
			s.undoOthers(w, shape, link, yield)
		}
	}
}

// undoBesides is undo for trees whose rules stay.
func (s sources) undoBesides(w Wiring, shape shape, yield func(form, sources)) {
	for _, encodes := range []bool{false, true} {
		shape.form = unrecognised(s[modfinal], encodes)
		link, added := strings.CutSuffix(s[modfinal], shape.besides())
		link, ok := replaceRecipe(link, besidesRecipe, modfinalRecipe)
		if added && ok {
			s.undoOthers(w, shape, strings.Replace(link, autoConfFragment, "", 1), yield)
		}
	}
}

// undoOthers calls yield with the trees that had link as their Makefile.modfinal.
func (s sources) undoOthers(w Wiring, shape shape, link string, yield func(form, sources)) {
	for _, kconfig := range s.undoKconfig(w, shape.form) {
		tree := s.undoRest(w, shape)
		tree[modfinal] = link
		if !s.areHeaders() {
			tree[kconfigDebug] = kconfig
		}
		yield(shape.form, tree)
	}
}

// linkCommand returns linkRule.command of a patched Makefile.modfinal.
func linkCommand(text string) string {
	if m := patchedRecipe().FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return ""
}

var patchedRecipe = lazy(`(?m)^(?:\$\(modules\): )?%\.ko: .*\n` +
	`\t(?:\$\(plus\)|\+)?\$\(call if_changed[a-z_]*,([A-Za-z0-9_]+)`)

// undoRest removes the inserted text from all files except Kconfig.debug and
// Makefile.modfinal.
func (s sources) undoRest(w Wiring, shape shape) sources {
	before := maps.Clone(s)
	if text, ok := s[topMakefile]; ok {
		for _, fragment := range []string{
			w.probeFragment(), shape.builtinFragment(),
		} {
			text = strings.Replace(text, fragment, "", 1)
		}
		before[topMakefile] = text
	}
	if w.Helper == InKbuildInclude {
		before[kbuildInclude] = strings.Replace(before[kbuildInclude], "\n"+shape.helpers(w), "", 1)
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
		return []string{strings.Replace(text, "\n"+w.kconfigFragment(), "", 1)}
	case w.Encoder == Pahole:
		return []string{text}
	}
	original := text // with PAHOLE_HAS_SPLIT_BTF
	if before, after, ok := strings.Cut(text, forPahole); ok {
		original = before + "\tdef_bool " + strings.Replace(after, w.splitBTFValue(), "", 1)
	}
	without := strings.Replace(text, w.splitBTFSymbol()+"\n", "", 1)
	without = strings.Replace(without, modulesNeed, "", 1)
	return []string{original, without}
}
