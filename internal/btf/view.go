// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// view is how a group of units sees the module: which definition each tag has.
//
// Only tags that matter distinguish views: those with several definitions in the module, and those
// whose definition in the base may differ. The usual module has a single view.
type view struct {
	defines     []uint64          // bits by tag: defined, not only declared; nil: as in the module
	chosen      map[uint32]uint32 // by tag with several definitions: the node of this view's
	conflicting string            // key of the definitions of conflicting tags; determines mapped
	mapped      []uint32          // by node: type of the base, or 0
}

// viewNode is a node as one view sees it.
type viewNode struct {
	view int
	node uint32
}

// noView is the view of a tag that no unit defines.
const noView = -1

// conflictingTags returns the tags whose definition in the base may differ from the module's, and
// those that the module defines in several ways.
func (r *resolution) conflictingTags() (conflicting, redefined []uint32) {
	for k := range r.m.tags {
		t := &r.m.tags[k]
		if len(t.defs) == 0 {
			continue
		}
		if len(t.defs) > 1 {
			redefined = append(redefined, uint32(k))
		}
		def := r.first[t.defs[0]]
		if len(t.defs) == 1 && def != 0 &&
			!r.base.sharesTag(def, tagHash(t.class, r.m.Names.hash[t.name])) {
			continue // the usual case
		}
		inBase := 0
		r.scratch.ids = r.typesByTag(t)
		for _, id := range r.scratch.ids {
			if !r.base.declares(id) {
				inBase++
			}
		}
		r.completesBase = r.completesBase || inBase == 0 && len(r.scratch.ids) > 0
		if inBase > 0 && (inBase > 1 || len(t.defs) > 1 || r.first[t.defs[0]] == 0) {
			conflicting = append(conflicting, uint32(k))
		}
	}
	return conflicting, redefined
}

// typesByTag returns the definitions and declarations of a tag in the base. They are valid until
// the next use of scratch.ids.
func (r *resolution) typesByTag(t *tag) []uint32 {
	names := r.m.Names
	return r.base.typesByTag(t.class, names.Bytes(t.name), names.hash[t.name], r.scratch.ids[:0])
}

// groupUnits assigns each unit to the view of the units with the same definitions of the
// conflicting and redefined tags.
func (r *resolution) groupUnits(conflicting, redefined []uint32) {
	m := r.m
	r.viewOf = make([]int, len(m.units))
	// By tag: its position in a view's key, from 1; 0: not part of it
	slot := make([]int, len(m.tags))
	slots := 0
	for _, list := range [][]uint32{conflicting, redefined} {
		for _, k := range list {
			if slot[k] == 0 {
				slots++
				slot[k] = slots
			}
		}
	}
	if slots == 0 || len(m.units) == 0 {
		r.views = []view{{}}
		return
	}
	type keyedDef struct {
		slot int
		node uint32
	}
	var defs []keyedDef
	r.usual = make([]viewNode, len(m.tags))
	for k := range r.usual {
		r.usual[k].view = noView
	}
	unitsWith := map[uint32]int{} // by definition of a tag that has several
	byKey := map[string]int{}
	var key, conflictKey []byte // conflictKey is the prefix of key for the conflicting tags
	for u, nodes := range m.units {
		defs = defs[:0]
		for _, n := range nodes {
			if k, ok := m.definedTag(n); ok && slot[k] > 0 {
				defs = append(defs, keyedDef{slot[k], n})
			}
		}
		slices.SortStableFunc(defs, func(a, b keyedDef) int { return cmp.Compare(a.slot, b.slot) })
		key, conflictKey = key[:0], conflictKey[:0]
		for i, d := range defs {
			if i+1 < len(defs) && defs[i+1].slot == d.slot { // the unit's last definition counts
				continue
			}
			key = binary.LittleEndian.AppendUint32(key, uint32(d.slot))
			key = binary.LittleEndian.AppendUint32(key, d.node)
			if d.slot <= len(conflicting) {
				conflictKey = key
			}
			unitsWith[d.node]++
		}
		i, ok := byKey[string(key)]
		if !ok {
			i = len(r.views)
			byKey[string(key)] = i
			r.views = append(r.views, view{defines: make([]uint64, len(m.tags)/64+1),
				chosen:      map[uint32]uint32{},
				conflicting: string(conflictKey)})
		}
		r.viewOf[u] = i
		v := &r.views[i]
		for _, n := range nodes {
			k, ok := m.definedTag(n)
			// An earlier unit of the view defines it.
			if !ok || slot[k] == 0 && v.defines[k/64]&(1<<(k%64)) != 0 {
				continue
			}
			v.defines[k/64] |= 1 << (k % 64)
			if len(m.tags[k].defs) > 1 {
				v.chosen[k] = n
			}
			if r.usual[k].view == noView {
				r.usual[k] = viewNode{i, n}
			}
		}
	}
	// More units have another definition than the first.
	for i := range r.views {
		for _, k := range redefined {
			if n, ok := r.definition(&r.views[i], k); ok &&
				unitsWith[n] > unitsWith[r.usual[k].node] {
				r.usual[k] = viewNode{i, n}
			}
		}
	}
	r.indexReferrers(m)
}

// definition returns the node that defines a tag in a view; ok is false if the view only declares
// the tag.
func (r *resolution) definition(v *view, k uint32) (node uint32, ok bool) {
	defs := r.m.tags[k].defs
	switch {
	case len(defs) == 0, v.defines != nil && v.defines[k/64]&(1<<(k%64)) == 0:
		return 0, false
	case len(defs) == 1:
		return defs[0], true
	}
	return v.chosen[k], true
}
