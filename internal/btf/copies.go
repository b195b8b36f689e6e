// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

// Units that define a tag differently see different graphs. To copy all that leads to such a tag
// would multiply a driver's types for one struct that two files define differently. Therefore a
// struct, union or enum with a tag is there once for each of its definitions, whatever it leads to:
// it is written as one view sees it, its home. Types without a tag (pointers, arrays, typedefs,
// prototypes) are copied, so that a function's parameters lead to the definition that the
// function's own unit has. Copies end at the next tag, and equal ones are merged.
//
// A view that agrees with the base uses the base's types, next to the module's copy for the other
// views: a driver that brings a newer version of a kernel's header needs its own.

// multipleCopies in resolution.soleCopy marks a node that views may see differently.
const multipleCopies = ^uint32(0)

// numberCopies numbers the new types that need one number from 1. copyOf numbers the others.
func (r *resolution) numberCopies(conflicting, redefined []uint32) {
	varies := r.varyingNodes(redefined)
	r.soleCopy = make([]uint32, len(r.m.types))
	for n := range r.m.types {
		switch {
		case varies != nil && varies[n] && r.m.tag[n] == noTag:
			r.soleCopy[n] = multipleCopies
		case r.isNew(uint32(n)):
			r.numbers++
			r.soleCopy[n] = r.numbers
		}
	}
	if varies != nil {
		r.chooseHomes(varies, conflicting, redefined)
	}
}

// isNew reports whether some view does not have a node in the base.
func (r *resolution) isNew(n uint32) bool {
	for i := range r.views {
		if r.views[i].mapped[n] == 0 {
			return true
		}
	}
	return false
}

// varyingNodes returns the new nodes whose references lead to different types in different views;
// nil if there are none.
func (r *resolution) varyingNodes(redefined []uint32) []bool {
	if len(r.views) == 1 && len(redefined) == 0 {
		return nil
	}
	var queue []uint32
	varies := make([]bool, len(r.m.types))
	mark := func(n uint32) {
		if !varies[n] && r.isNew(n) {
			varies[n] = true
			queue = append(queue, n)
		}
	}
	for _, k := range redefined {
		r.eachTagReferrer(k, mark)
	}
	differs := func(n uint32) bool {
		for i := range r.views {
			if r.views[i].mapped[n] != r.views[0].mapped[n] {
				return true
			}
		}
		return false
	}
	for n := range r.m.types {
		if differs(uint32(n)) {
			mark(uint32(n))
		}
	}
	for len(queue) > 0 {
		n := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		// A node with a tag has one copy, but may be in the base for some views.
		if r.m.tag[n] == noTag || differs(n) {
			r.eachReferrer(n, mark)
		}
	}
	return varies
}

// chooseHomes chooses the view that each varying node with a tag is written in: of those where the
// node is new, one that defines most of the tags in question to which the node refers; of these,
// the one with most units that have the node; then the first.
func (r *resolution) chooseHomes(varies []bool, conflicting, redefined []uint32) {
	m := r.m
	inQuestion := make([]bool, len(m.tags))
	for _, list := range [][]uint32{conflicting, redefined} {
		for _, k := range list {
			inQuestion[k] = true
		}
	}
	units := map[viewNode]int{}
	var list []viewNode // the keys of units, in order of their first unit
	for u, nodes := range m.units {
		for _, n := range nodes {
			if c := (viewNode{r.viewOf[u], n}); varies[n] && m.tag[n] != noTag &&
				r.views[c.view].mapped[n] == 0 {
				if units[c] == 0 {
					list = append(list, c)
				}
				units[c]++
			}
		}
	}
	r.home = map[uint32]int{}
	tags := map[uint32][]uint32{}
	defined := func(c viewNode) (count int) {
		if _, ok := tags[c.node]; !ok {
			tags[c.node] = r.tagsOf(c.node, inQuestion, nil)
		}
		for _, k := range tags[c.node] {
			if _, ok := r.definition(&r.views[c.view], k); ok {
				count++
			}
		}
		return count
	}
	for _, c := range list {
		best, ok := r.home[c.node]
		if !ok {
			r.home[c.node] = c.view
			continue
		}
		old := viewNode{best, c.node}
		if a, b := defined(c), defined(old); a > b || a == b && units[c] > units[old] {
			r.home[c.node] = c.view
		}
	}
}

// tagsOf appends the tags in question that a node refers to, directly or through nodes without a
// tag.
func (r *resolution) tagsOf(n uint32, inQuestion []bool, to []uint32) []uint32 {
	for _, ref := range r.m.refsOf(n, nil) {
		switch {
		case ref == 0:
		case ref.isTag():
			if inQuestion[ref.index()] {
				to = append(to, ref.index())
			}
		case r.m.tag[ref.index()] == noTag:
			to = r.tagsOf(ref.index(), inQuestion, to)
		}
	}
	return to
}

// copyOf returns the number of a node's copy in a view; equal copies have one number. Recursion
// ends at tags: in C, every cycle of references passes through one.
func (r *resolution) copyOf(c viewNode) uint32 {
	if number := r.soleCopy[c.node]; number != multipleCopies {
		return number
	}
	if number, ok := r.copies[c]; ok {
		return number
	}
	h := r.m.hash[c.node]
	for _, ref := range r.m.refsOf(c.node, nil) {
		id, inBase := r.target(c.view, ref)
		x := uint64(id) << 1
		if inBase {
			x |= 1
		}
		h.mix(x, x)
	}
	number, ok := r.byContent[h]
	if !ok {
		r.numbers++
		number = r.numbers
		r.byContent[h] = number
	}
	r.copies[c] = number
	return number
}
