// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfdiff

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// A plan is a type without ids or layout: references are indices into a list of plans,
// or ^id for a type of the base.
type plan struct {
	kind btfraw.Kind
	name string
	refs []int
}

// randomPlans makes a few types out of so few names that clashes, repetition and
// declarations of the same tag are common. Only structs refer forwards.
func randomPlans(rng *rand.Rand, n, baseTypes int) []plan {
	plans := make([]plan, n)
	for i := range plans {
		ref := func(below int) int {
			if k := rng.IntN(below + baseTypes); k >= below {
				return ^(k - below + 1)
			} else {
				return k
			}
		}
		p := &plans[i]
		p.name = string(rune('a' + rng.IntN(3)))
		kinds := []btfraw.Kind{btfraw.Int, btfraw.Struct, btfraw.Struct, btfraw.Fwd, btfraw.Typedef,
			btfraw.Ptr, btfraw.Ptr}
		switch p.kind = kinds[rng.IntN(len(kinds))]; p.kind {
		case btfraw.Struct:
			for range rng.IntN(3) {
				p.refs = append(p.refs, ref(n))
			}
		case btfraw.Typedef, btfraw.Ptr:
			if i+baseTypes == 0 {
				p.kind = btfraw.Int
			} else {
				p.refs = []int{ref(i)}
			}
		}
	}
	return plans
}

// write writes the plans in the given order, order[i] being the plan of the i-th type.
func write(w *writer, plans []plan, order []int) {
	ids := make([]uint32, len(plans))
	for i, p := range order {
		ids[p] = w.Next + uint32(i)
	}
	id := func(ref int) uint32 {
		if ref < 0 {
			return uint32(^ref)
		}
		return ids[ref]
	}
	for _, i := range order {
		switch p := plans[i]; p.kind {
		case btfraw.Int:
			w.Int(p.name, 4)
		case btfraw.Fwd:
			w.forward(p.name)
		case btfraw.Typedef:
			w.typedef(p.name, id(p.refs[0]))
		case btfraw.Ptr:
			w.ptr(id(p.refs[0]))
		case btfraw.Struct:
			var fields []field
			for _, ref := range p.refs {
				fields = append(fields, field{"m", id(ref)})
			}
			w.structure(p.name, fields...)
		}
	}
}

// wholeRedundant counts a split's redundant types the plain way: one refinement of base
// and split together, repeated while declarations have to be dropped.
func wholeRedundant(t *testing.T, baseRaw, splitRaw []byte) int {
	t.Helper()
	base, err := btfraw.Read(baseRaw, nil)
	if err != nil {
		t.Fatal(err)
	}
	split, err := btfraw.Read(splitRaw, base)
	if err != nil {
		t.Fatal(err)
	}
	var g graph
	names := &labels{own: make(map[string]int32)}
	type group struct{ baseDefinitions, splitDefinitions, baseForwards, splitForwards []int32 }
	groups := make(map[tag]*group)
	g.addNode(-1)
	for id := uint32(1); id < split.End(); id++ {
		r := split.Record(id)
		for _, ref := range references(r, nil) {
			g.refs = append(g.refs, int32(ref))
		}
		g.addNode(names.number(label(r, nil)))
		tag, ok := tagOf(r)
		if !ok {
			continue
		}
		if groups[tag] == nil {
			groups[tag] = new(group)
		}
		list := &groups[tag].splitDefinitions
		switch inBase := id < split.FirstID; {
		case inBase && isDeclaration(r):
			list = &groups[tag].baseForwards
		case inBase:
			list = &groups[tag].baseDefinitions
		case isDeclaration(r):
			list = &groups[tag].splitForwards
		}
		*list = append(*list, int32(id))
	}
	redirect := make([]int32, g.len())
	for i := range redirect {
		redirect[i] = -1
	}
	type rule struct{ forwards, definitions []int32 }
	var rules []rule
	for _, group := range groups {
		all := append(append([]int32(nil), group.baseDefinitions...), group.splitDefinitions...)
		rules = append(rules, rule{group.splitForwards, all})
		if len(group.baseDefinitions) > 0 {
			all = group.baseDefinitions
		}
		rules = append(rules, rule{group.baseForwards, all})
	}
	for _, rule := range rules {
		for _, id := range rule.forwards {
			if len(rule.definitions) > 0 {
				redirect[id] = rule.definitions[0]
			}
		}
	}
	var class []int32
	for again := true; again; {
		class = g.refine(redirect)
		again = false
		for _, rule := range rules {
			for _, definition := range rule.definitions {
				for _, id := range rule.forwards {
					if redirect[id] >= 0 && class[definition] != class[rule.definitions[0]] {
						redirect[id] = -1
						again = true
					}
				}
			}
		}
	}
	// completes reports whether references of a split's type lead, through the split's types without a
	// tag, to a definition where those of the base's type lead to a declaration.
	var completes func(id, inBase int32) bool
	completes = func(id, inBase int32) bool {
		if target := redirect[inBase]; target >= 0 && uint32(target) < split.FirstID {
			inBase = target
		}
		r := split.Record(uint32(id))
		if _, tagged := tagOf(r); tagged {
			return inBase > 0 && isDeclaration(split.Record(uint32(inBase))) && !isDeclaration(r)
		}
		var baseRefs []int32
		for _, ref := range references(split.Record(uint32(inBase)), nil) {
			baseRefs = append(baseRefs, int32(ref))
		}
		i := 0
		for _, ref := range references(r, nil) {
			if uint32(ref) >= split.FirstID {
				target := int32(ref)
				if redirect[ref] >= 0 {
					target = redirect[ref]
				}
				if uint32(target) >= split.FirstID && completes(target, baseRefs[i]) {
					return true
				}
			}
			i++
		}
		return false
	}
	inBase := make(map[int32]int32) // by class: a type of the base
	for id := split.FirstID - 1; id > 0; id-- {
		inBase[class[id]] = int32(id)
	}
	completed := make(map[int32]bool) // by class
	seen := make(map[int32]bool)
	redundant := 0
	for id := range class {
		inSplit := uint32(id) >= split.FirstID
		if b, ok := inBase[class[id]]; ok && inSplit && redirect[id] < 0 && !completed[class[id]] {
			if _, tagged := tagOf(split.Record(uint32(id))); !tagged && completes(int32(id), b) {
				completed[class[id]] = true
				continue
			}
		}
		switch {
		case inSplit && (redirect[id] >= 0 || seen[class[id]]):
			redundant++
		case redirect[id] < 0:
			seen[class[id]] = true
		}
	}
	return redundant
}

// TestRandom checks, on types that are as entangled as C's never are, that refining the
// base once comes to the same as refining everything together, that the order of types
// does not matter, and that the two sides are treated alike.
func TestRandom(t *testing.T) {
	for seed := range uint64(20000) {
		rng := rand.New(rand.NewPCG(seed, 0))
		w := newWriter(binary.LittleEndian)
		basePlans := randomPlans(rng, 1+rng.IntN(12), 0)
		write(w, basePlans, rng.Perm(len(basePlans)))
		base, err := NewBase(w.Bytes(24))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		plans := randomPlans(rng, 1+rng.IntN(12), len(basePlans))
		a, b, other := w.split(), w.split(), w.split()
		write(a, plans, rng.Perm(len(plans)))
		write(b, plans, rng.Perm(len(plans)))
		otherPlans := randomPlans(rng, 1+rng.IntN(12), len(basePlans))
		write(other, otherPlans, rng.Perm(len(otherPlans)))

		got, err := base.Compare(a.Bytes(24), b.Bytes(24))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if want := wholeRedundant(t, w.Bytes(24), a.Bytes(24)); got.A.Redundant != want {
			t.Fatalf("seed %d: %d redundant, want %d", seed, got.A.Redundant, want)
		}
		if !got.Equal() || got.A != got.B {
			t.Fatalf("seed %d: order matters: %+v", seed, got)
		}
		there, err := base.Compare(a.Bytes(24), other.Bytes(24))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		back, err := base.Compare(other.Bytes(24), a.Bytes(24))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if there.A != back.B || there.B != back.A ||
			len(there.OnlyA) != len(back.OnlyB) || len(there.OnlyB) != len(back.OnlyA) {
			t.Fatalf("seed %d: sides are not treated alike: %+v, %+v", seed, there, back)
		}
		if there.A.Classes-len(there.OnlyA) != there.B.Classes-len(there.OnlyB) {
			t.Fatalf("seed %d: the classes in common are not: %+v", seed, there)
		}
		e, err := base.Explain(a.Bytes(24), other.Bytes(24))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if len(e.Changes)+len(e.OnlyA) != len(there.OnlyA) || len(e.Changes)+len(e.OnlyB) != len(there.OnlyB) ||
			len(e.RepeatsA) != there.A.Redundant || len(e.RepeatsB) != there.B.Redundant || e.Equal != there.Equal() {
			t.Fatalf("seed %d: the explanation does not match: %+v, %+v", seed, e, there)
		}
		for _, c := range e.Changes {
			// What is compared last is kind_flag, which none of these types has.
			if c.First == "" || strings.Contains(c.First, "kind_flag") {
				t.Fatalf("seed %d: %v %s: %q", seed, c.A.Kind, c.A.Name, c.First)
			}
		}
	}
}
