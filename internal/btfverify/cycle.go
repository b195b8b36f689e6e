// SPDX-License-Identifier: GPL-2.0-only

package btfverify

// cycles finds types that cannot exist because they refer to themselves. All references have been checked.
func (v *verifier) cycles() {
	v.ring(inside, "contains itself")
	v.ring(spelled, "refers to itself, and no struct or union is in between")
}

// inside says that a type of this kind contains what it refers to.
var inside = modifiers | set(Array, Struct, Union)

// spelled says that what a type of this kind refers to is part of how C spells it. A struct or union ends that: it has a name, or
// its contents are checked by themselves.
var spelled = modifiers | set(Ptr, Array, FuncProto)

// ring refuses a type on each ring of types of these kinds.
func (v *verifier) ring(kinds kindSet, reason string) {
	const (
		unseen = iota
		open   // on the path to the type that is looked at
		done
	)
	state := make([]uint8, len(v.records))
	var visit func(id uint32)
	visit = func(id uint32) {
		if id < v.firstID || state[id-v.firstID] == done {
			return // a base has been checked by itself
		}
		r := v.record(id)
		if state[id-v.firstID] == open {
			v.refuseType(r, reason)
			return
		}
		state[id-v.firstID] = open
		if kinds.has(r.kind()) {
			for _, ref := range r.references {
				visit(ref)
			}
		}
		state[id-v.firstID] = done
	}
	for id := v.firstID; id < v.end(); id++ {
		visit(id)
	}
}
