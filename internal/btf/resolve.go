// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"fmt"
	"slices"
)

// resolution maps each node of a module to a type of the base, one new type, or several copies
// of a new type. It works in three steps:
//
//   - Units are grouped into views, by their definitions of the tags that have several (view.go).
//   - In each view, nodes are mapped to types of the base (basemap.go).
//   - Nodes without a tag that differ between views are copied (copies.go).
//
// A declaration agrees with every definition, in the module and in the base. In a view without a
// definition it refers to the definition that most units have, the first of equals.
type resolution struct {
	m    *Module
	base *Base

	first []uint32            // by node: first base type with its cut hash, or 0
	more  map[uint32][]uint32 // by node: all such base types, if there are several

	referrers

	completesBase bool // the module defines a tag that the base only declares

	views  []view
	viewOf []int      // by unit: index into views
	usual  []viewNode // by tag: its definition for units that only declare it; nil: a single view

	numbers   uint32              // of the new types so far
	soleCopy  []uint32            // by node: number of its only copy, 0 or multipleCopies
	home      map[uint32]int      // by varying node with a tag: the view to write it in
	copies    map[viewNode]uint32 // numbers of other varying nodes
	byContent map[Hash]uint32     // the same, by cut hash and targets

	tagBase map[uint32]uint32 // by tag without definition: its type in the base, or 0
	scratch struct {
		refs []Ref
		ids  []uint32
	}
}

// maxMapped limits the size of all mappings to the base together, in entries of 4 bytes (1 GiB).
// Units of real modules agree on the types of the base, with a handful of exceptions.
const maxMapped = 1 << 28

func (m *Module) resolve() (*resolution, error) {
	r := &resolution{m: m, base: m.base, first: make([]uint32, len(m.types)),
		more:   map[uint32][]uint32{},
		copies: map[viewNode]uint32{}, byContent: map[Hash]uint32{},
		tagBase: map[uint32]uint32{}}
	for n := range m.types {
		if m.namesCode(uint32(n)) {
			continue
		}
		r.scratch.ids = r.base.typesByHash(m.hash[n], r.scratch.ids[:0])
		if ids := r.scratch.ids; len(ids) > 0 {
			r.first[n] = ids[0]
			if len(ids) > 1 {
				r.more[uint32(n)] = slices.Clone(ids)
			}
		}
	}
	conflicting, redefined := r.conflictingTags()
	r.groupUnits(conflicting, redefined)
	mapped := map[string][]uint32{}
	for i := range r.views {
		v := &r.views[i]
		if mapped[v.conflicting] == nil {
			if n := len(mapped) + 1; n*len(m.types) > maxMapped {
				return nil, fmt.Errorf("units define types of the base in more than %d ways: "+
					"damaged DWARF?", n)
			}
			r.mapToBase(v, conflicting)
			mapped[v.conflicting] = v.mapped
		}
		v.mapped = mapped[v.conflicting]
	}
	r.numberCopies(conflicting, redefined)
	return r, nil
}

// namesCode reports whether a node is a FUNC or belongs to one. It names code of the module, even
// if the base has a function of that name and prototype: tools look for a module's functions in its
// own BTF.
func (m *Module) namesCode(n uint32) bool {
	t := &m.types[n]
	return t.Kind == KindFunc ||
		t.Kind == KindDeclTag && !t.To.isTag() && m.types[t.To.index()].Kind == KindFunc
}

// forward is set in the result of target for a tag that is only declared.
const forward = 1 << 31

// target resolves a reference in a view. The result is the id of a type of the base, or else the
// number of a copy, or forward plus the number of a tag.
func (r *resolution) target(view int, ref Ref) (id uint32, inBase bool) {
	at, ok := r.locate(view, ref)
	switch {
	case !ok && ref == 0:
		return 0, true
	case !ok:
		if id := r.tagInBase(ref.index()); id != 0 {
			return id, true
		}
		return ref.index() | forward, false
	}
	if id := r.views[at.view].mapped[at.node]; id != 0 {
		return id, true
	}
	return r.copyOf(at), false
}

// locate returns the node that a reference leads to, and the view to read it in. ok is false for
// void and for a tag without a definition in the module.
func (r *resolution) locate(view int, ref Ref) (at viewNode, ok bool) {
	switch {
	case ref == 0:
		return viewNode{}, false
	case !ref.isTag():
		return viewNode{view, ref.index()}, true
	}
	if def, ok := r.definition(&r.views[view], ref.index()); ok {
		return viewNode{view, def}, true
	}
	if r.usual == nil || r.usual[ref.index()].view == noView {
		return viewNode{}, false
	}
	return r.usual[ref.index()], true
}

// tagInBase returns the base type for a tag that the module only declares: its only definition;
// of several, the one that a base type shared with this module refers to; else its declaration.
func (r *resolution) tagInBase(k uint32) uint32 {
	if id, ok := r.tagBase[k]; ok {
		return id
	}
	t := &r.m.tags[k]
	var def, decl uint32
	defs := 0
	r.scratch.ids = r.typesByTag(t)
	for _, id := range r.scratch.ids {
		if r.base.declares(id) {
			decl = id
		} else {
			def = id
			defs++
		}
	}
	switch {
	case defs == 0:
		def = decl
	case defs > 1:
		if def = r.baseRefTo(k); def == 0 {
			def = decl
		}
	}
	r.tagBase[k] = def
	return def
}

// baseRefTo finds a node that refers to a tag and is a type of the base, and returns the
// definition that the base type refers to; 0 if there is none.
func (r *resolution) baseRefTo(k uint32) uint32 {
	var ids []uint32
	for n, id := range r.views[0].mapped {
		if id == 0 {
			continue
		}
		for i, ref := range r.m.refsOf(uint32(n), r.scratch.refs[:0]) {
			if ref == tagRef(k) {
				if ids = r.base.refsOf(id, ids[:0]); !r.base.declares(ids[i]) {
					return ids[i]
				}
			}
		}
	}
	return 0
}
