// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

// referrers is the reverse of all references between the nodes and tags of a module. The target
// for node n is n, for tag k it is len(m.types)+k.
type referrers struct {
	nodes []uint32 // referring nodes, grouped by target
	end   []uint32 // by target: end of its group in nodes
}

// indexReferrers fills r from all nodes of m.
func (r *referrers) indexReferrers(m *Module) {
	target := func(ref Ref) uint32 {
		if ref.isTag() {
			return uint32(len(m.types)) + ref.index()
		}
		return ref.index()
	}
	var refs []Ref
	r.end = make([]uint32, len(m.types)+len(m.tags)+1)
	for n := range m.types {
		refs = m.refsOf(uint32(n), refs[:0])
		for _, ref := range refs {
			if ref != 0 {
				r.end[target(ref)]++
			}
		}
	}
	total := uint32(0)
	for i, n := range r.end {
		r.end[i] = total // the start for now; filling advances it to the end
		total += n
	}
	r.nodes = make([]uint32, total)
	for n := range m.types {
		refs = m.refsOf(uint32(n), refs[:0])
		for _, ref := range refs {
			if ref != 0 {
				at := &r.end[target(ref)]
				r.nodes[*at] = uint32(n)
				*at++
			}
		}
	}
}

// of returns the nodes that refer to a target.
func (r *referrers) of(target uint32) []uint32 {
	start := uint32(0)
	if target > 0 {
		start = r.end[target-1]
	}
	return r.nodes[start:r.end[target]]
}

// eachReferrer visits the nodes that refer to a node, or to the tag that it defines.
func (r *resolution) eachReferrer(n uint32, visit func(n uint32)) {
	for _, p := range r.referrers.of(n) {
		visit(p)
	}
	if k, ok := r.m.definedTag(n); ok {
		for _, p := range r.referrers.of(uint32(len(r.m.types)) + k) {
			visit(p)
		}
	}
}

// eachTagReferrer visits the nodes that refer to a tag, or to one of its definitions.
func (r *resolution) eachTagReferrer(k uint32, visit func(n uint32)) {
	for _, def := range r.m.tags[k].defs {
		r.eachReferrer(def, visit)
	}
}
