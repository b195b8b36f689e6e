// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

// numberCopies numbers the new types from 1. A node that looks the same in all views gets one
// number. A node that reaches a tag with several definitions, or a node that is in the base for
// some views only, gets one for each class of equal copies.
func (r *resolution) numberCopies(redefined []uint32) {
	m := r.m
	next := uint32(0)
	r.soleCopy = make([]uint32, len(m.types))
	r.copies = map[viewNode]uint32{}
	if len(r.views) == 1 && len(redefined) == 0 {
		for n := range m.types {
			if r.views[0].mapped[n] == 0 {
				next++
				r.soleCopy[n] = next
			}
		}
		return
	}
	var queue []uint32
	reaches := make([]bool, len(m.types)) // such a tag or node, through new nodes only
	isNew := func(n uint32) bool {
		for i := range r.views {
			if r.views[i].mapped[n] == 0 {
				return true
			}
		}
		return false
	}
	mark := func(n uint32) {
		if !reaches[n] && isNew(n) {
			reaches[n] = true
			queue = append(queue, n)
		}
	}
	for _, k := range redefined {
		r.eachTagReferrer(k, mark)
	}
	for n := range m.types {
		for i := range r.views {
			if r.views[i].mapped[n] != r.views[0].mapped[n] {
				mark(uint32(n))
				break
			}
		}
	}
	for len(queue) > 0 {
		n := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		r.eachReferrer(n, mark)
	}
	for n := range m.types {
		switch {
		case reaches[n]:
			r.soleCopy[n] = multipleCopies
		case isNew(uint32(n)):
			next++
			r.soleCopy[n] = next
		}
	}
	var list []viewNode
	add := func(unit int, n uint32) {
		c := viewNode{r.viewOf[unit], n}
		if reaches[n] && r.views[c.view].mapped[n] == 0 {
			if _, ok := r.copies[c]; !ok {
				list = append(list, c)
				r.copies[c] = uint32(len(list))
			}
		}
	}
	for u, nodes := range m.units {
		for _, n := range nodes {
			add(u, n)
		}
	}
	for _, a := range m.added {
		add(a.unit, a.node)
	}
	r.refine(list, next)
}

// refine merges equal copies by partition refinement. Copies with one cut hash start in one class.
// Each round splits the classes whose members refer to different classes, until a round splits
// none. used is the last number that numberCopies has assigned.
func (r *resolution) refine(list []viewNode, used uint32) {
	r.class = make([]uint32, len(list)+1)
	classes := newClasses(len(list))
	first := used + 1
	// Targets of the references of each copy. Between rounds only the classes of copies change.
	var refs []Ref
	var targets []refTarget
	end := make([]int, len(list))
	for i, c := range list {
		r.class[i+1] = first + classes.of(r.m.hash[c.node])
		refs = r.m.refsOf(c.node, refs[:0])
		for _, ref := range refs {
			targets = append(targets, r.resolveRef(c.view, ref))
		}
		end[i] = len(targets)
	}
	next := make([]uint32, len(r.class))
	for {
		before := len(classes.hash)
		classes.clear()
		start := 0
		for i := range list {
			h := Hash{mix0, uint64(r.class[i+1])}
			for _, t := range targets[start:end[i]] {
				id, inBase := r.targetID(t)
				x := uint64(id) << 1
				if inBase {
					x |= 1
				}
				h.mix(x, x)
			}
			next[i+1] = first + classes.of(h)
			start = end[i]
		}
		r.class, next = next, r.class
		if len(classes.hash) == before {
			return
		}
	}
}

// classes numbers distinct hashes from 0, in the order of their first use.
type classes struct {
	hash  []Hash
	table idTable
}

func newClasses(n int) *classes { return &classes{make([]Hash, 0, n), newIDTable(n)} }

func (c *classes) clear() {
	c.hash = c.hash[:0]
	clear(c.table.slots)
}

func (c *classes) of(h Hash) uint32 {
	it := c.table.find(h.lo)
	for n := it.next(); n != 0; n = it.next() {
		if c.hash[n-1] == h {
			return n - 1
		}
	}
	c.hash = append(c.hash, h)
	c.table.insert(h.lo, uint32(len(c.hash)))
	return uint32(len(c.hash) - 1)
}
