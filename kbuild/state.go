// SPDX-License-Identifier: GPL-2.0-only

package kbuild

import "strings"

// Applied is the plan that led to the tree in dir as it is now, or nil if none
// did. Its changes' Old is what the files were before, byte for byte.
func Applied(dir string) (*Plan, error) {
	s, err := readTree(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range Encoders {
		before, ok := s.undo(e)
		if !ok {
			continue
		}
		// Only what the planner itself would have written counts.
		p, err := before.plan(dir, e)
		if err != nil {
			continue
		}
		same := true
		for _, c := range p.Changes {
			same = same && c.New == s[c.Path]
		}
		if same {
			return p, nil
		}
	}
	return nil, nil
}

var wiredRecipe = lazy(`\t(\+?)\$\(call if_changed_except,([A-Za-z0-9_]+),vmlinux\)\n`)

// undo takes the fragments out. It reports false when one is not there.
func (s sources) undo(e Encoder) (sources, bool) {
	kconfig, ok := remove(s[kconfigDebug], "\n"+kconfigFragment(e), "")
	if !ok {
		return nil, false
	}
	link, ok := remove(s[modfinal], modfinalFragment(e, s.features()), "")
	if !ok {
		return nil, false
	}
	if link, ok = remove(link, " "+extraPrereq+" FORCE\n", " FORCE\n"); !ok {
		return nil, false
	}
	call := wiredRecipe().FindStringSubmatch(link)
	if call == nil {
		return nil, false
	}
	if link, ok = remove(link, recipeFragment(call[1], call[2]), "\t"+call[1]+"$(call if_changed,"+call[2]+")\n"); !ok {
		return nil, false
	}
	link, _ = remove(link, autoConfFragment, "") // a tree may have had an include of its own
	return sources{
		topMakefile:   s[topMakefile],
		kbuildInclude: s[kbuildInclude],
		kconfigDebug:  kconfig,
		modfinal:      link,
	}, true
}

// remove replaces the only occurrence of old.
func remove(text, old, by string) (string, bool) {
	if strings.Count(text, old) != 1 {
		return text, false
	}
	return strings.Replace(text, old, by, 1), true
}
