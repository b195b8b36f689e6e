// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import "slices"

// mapToBase maps the nodes of a view to types of the base. It starts from all pairs with equal cut
// hashes and removes those whose references disagree, until nothing changes: the result is the
// largest mapping that agrees on all references. Only nodes that reach a conflicting tag can lose
// their type.
func (r *resolution) mapToBase(v *view, conflicting []uint32) {
	v.mapped = slices.Clone(r.first)
	if len(conflicting) == 0 {
		return
	}
	choices := make(map[uint32][]uint32, len(r.more)) // r.more without the types removed so far
	for n, ids := range r.more {
		choices[n] = slices.Clone(ids)
	}
	candidate := func(n, id uint32) bool {
		if list, ok := choices[n]; ok {
			return slices.Contains(list, id)
		}
		return v.mapped[n] == id
	}
	agrees := func(ref Ref, id uint32) bool {
		switch {
		case ref == 0 || id == 0:
			return ref == 0 && id == 0
		case r.base.declares(id):
			return ref.isTag() || r.m.types[ref.index()].tagged() != notTag
		case !ref.isTag():
			return candidate(ref.index(), id)
		}
		def, ok := r.definition(v, ref.index())
		return !ok || candidate(def, id)
	}
	holds := func(n, id uint32) bool {
		r.scratch.refs = r.m.refsOf(n, r.scratch.refs[:0])
		r.scratch.ids = r.base.refsOf(id, r.scratch.ids[:0])
		for i, ref := range r.scratch.refs {
			if !agrees(ref, r.scratch.ids[i]) {
				return false
			}
		}
		return true
	}
	queued := make([]bool, len(r.m.types))
	var queue []uint32
	enqueue := func(n uint32) {
		if !queued[n] && v.mapped[n] != 0 {
			queued[n] = true
			queue = append(queue, n)
		}
	}
	for _, k := range conflicting {
		r.eachTagReferrer(k, enqueue)
	}
	for len(queue) > 0 {
		n := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		queued[n] = false
		ids, several := choices[n]
		if !several {
			if !holds(n, v.mapped[n]) {
				v.mapped[n] = 0
				r.eachReferrer(n, enqueue)
			}
			continue
		}
		left := ids[:0:0]
		for _, id := range ids {
			if holds(n, id) {
				left = append(left, id)
			}
		}
		if len(left) == len(ids) {
			continue
		}
		choices[n] = left
		v.mapped[n] = 0
		if len(left) > 0 {
			v.mapped[n] = left[0]
		}
		r.eachReferrer(n, enqueue)
	}
}
