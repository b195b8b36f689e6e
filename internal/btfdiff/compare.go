// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfdiff

import (
	"fmt"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// A Result is the result of comparing two splits, a and b.
type Result struct {
	A, B         Side
	OnlyA, OnlyB []Class // in the order of the types' ids
}

// Equal reports whether both sides have the same classes beyond the base's.
func (r *Result) Equal() bool { return len(r.OnlyA) == 0 && len(r.OnlyB) == 0 }

// A Side has the counts of one split.
type Side struct {
	Types     int
	Classes   int // that the base does not have
	Redundant int // types that duplicate one of the base or of the split
	// Types that differ from one of the base only in that they lead to a definition where
	// that leads to a declaration.
	Completing int
	// FUNCs, and DECL_TAGs of FUNCs, that the base has too. They name code of the split.
	Functions int
	// Types that refer to a declaration of the base, perhaps through types of the base that
	// have no tag, although the split has the definition.
	Incomplete int
}

// A Class is a set of types of a split that no reader can distinguish.
type Class struct {
	ID   uint32 // of one of the types
	Kind btfraw.Kind
	Name string
	// The type in C-like words, on one line.
	Description string
	// Cause reports whether the class itself differs: either no type of the other side has its label,
	// or all types that it refers to are common to both sides. A class with Cause false differs
	// through another class.
	Cause bool
}

// Compare compares two pieces of split BTF, the contents of .BTF sections without an ELF
// file around them. Malformed input is an error.
func (b *Base) Compare(rawA, rawB []byte) (*Result, error) {
	a, z, err := b.compare(rawA, rawB)
	if err != nil {
		return nil, err
	}
	return result(a, z), nil
}

func result(a, z *summary) *Result {
	return &Result{A: a.side, B: z.side, OnlyA: a.without(z), OnlyB: z.without(a)}
}

func (b *Base) compare(rawA, rawB []byte) (a, z *summary, err error) {
	names := b.names()
	var wholes [2]*whole
	for i, raw := range [][]byte{rawA, rawB} {
		if wholes[i], err = newWhole(b, raw, names); err != nil {
			return nil, nil, fmt.Errorf("split: %w", err)
		}
	}
	a, z = compareWholes(wholes)
	return a, z, nil
}

// compareWholes compares two wholes over one base, which number labels in the same way.
func compareWholes(wholes [2]*whole) (a, z *summary) {
	var classes [2][]int32
	for again := true; again; {
		for _, w := range wholes {
			w.matchBase()
		}
		classes[0], classes[1] = refineTogether(wholes[0], wholes[1])
		again = false
		for i, w := range wholes {
			again = w.dropAmbiguous(classes[i]) || again
		}
	}
	return wholes[0].summary(classes[0]), wholes[1].summary(classes[1])
}

// Check returns an error for split BTF that cannot be compared.
func (b *Base) Check(raw []byte) error {
	_, err := newWhole(b, raw, b.names())
	return err
}

// names numbers labels for wholes over the base.
func (b *Base) names() *labels { return &labels{base: &b.labels, own: make(map[string]int32)} }

// Compare calls NewBase and its Compare, for a single comparison.
func Compare(base, a, b []byte) (*Result, error) {
	parsed, err := NewBase(base)
	if err != nil {
		return nil, err
	}
	return parsed.Compare(a, b)
}

// A whole is a graph of a base and a split, with declarations resolved across both.
type whole struct {
	base  *Base
	blob  *btfraw.BTF
	graph graph // node i is type firstID+i; ^c is class c of the base
	cut   []uint64
	// If the split was made for a distilled base: by id of it, the id of the base.
	relocated []uint32

	definitions  map[tag][]int32 // nodes
	declarations map[tag][]int32
	ambiguous    map[tag]bool // tags whose definitions have turned out to differ

	// What a declaration stands for: a node or, as ^c, a class of the base.
	standsFor map[int32]int32
	// The base's classes that a node can still be equal to.
	candidates [][]int32
	match      []int32 // by node: the base's class that it equals, or -1
}

func newWhole(base *Base, raw []byte, names *labels) (*whole, error) {
	blob, err := btfraw.Read(raw, base.blob)
	if err != nil {
		return nil, err
	}
	return over(blob, base, nil, names)
}

// over returns the whole of a split; relocated is as in whole.
func over(blob *btfraw.BTF, base *Base, relocated []uint32, names *labels) (*whole, error) {
	w := &whole{
		base:         base,
		blob:         blob,
		relocated:    relocated,
		definitions:  make(map[tag][]int32),
		declarations: make(map[tag][]int32),
		ambiguous:    make(map[tag]bool),
	}
	for r := range blob.All {
		node := int32(r.ID - blob.FirstID)
		base.addType(&w.graph, names, r, w.node)
		if t, ok := tagOf(r); !ok {
			continue
		} else if isDeclaration(r) {
			w.declarations[t] = append(w.declarations[t], node)
		} else {
			w.definitions[t] = append(w.definitions[t], node)
		}
	}
	var err error
	if w.cut, err = cutHashes(blob, &w.graph, names, base); err != nil {
		return nil, err
	}
	for i, ref := range w.graph.refs {
		if ref < 0 {
			w.graph.refs[i] = ^base.class[^ref]
		}
	}
	return w, nil
}

// node returns the node of a type of the split, or ^id for one of the base.
func (w *whole) node(id uint32) int32 {
	if id >= w.blob.FirstID {
		return int32(id - w.blob.FirstID)
	}
	if w.relocated != nil {
		id = w.relocated[id]
	}
	return ^int32(id)
}

// definer returns the node that defines what class c of the base only declares.
func (w *whole) definer(c int32) (int32, bool) {
	t, ok := w.base.declarations[c]
	if !ok || len(w.base.definitions[t]) > 0 || len(w.definitions[t]) == 0 || w.ambiguous[t] {
		return 0, false
	}
	return w.definitions[t][0], true
}

// resolve follows declarations to what they stand for.
func (w *whole) resolve(ref int32) int32 {
	if ref < 0 {
		if node, ok := w.definer(^ref); ok {
			return node
		}
	} else if target, ok := w.standsFor[ref]; ok {
		return target
	}
	return ref
}

// matchBase finds which class of the base each node equals, given what is known of
// ambiguous tags.
func (w *whole) matchBase() {
	w.standsFor = make(map[int32]int32)
	for t, nodes := range w.declarations {
		base := w.base.definitions[t]
		for _, node := range nodes {
			switch {
			case w.ambiguous[t] || len(base) > 1:
			case len(base) == 1:
				w.standsFor[node] = ^base[0]
			case len(w.definitions[t]) > 0:
				w.standsFor[node] = w.definitions[t][0]
			}
		}
	}

	w.candidates = make([][]int32, w.graph.len())
	for i := range w.candidates {
		if _, ok := w.standsFor[int32(i)]; ok {
			continue
		}
		for _, c := range w.base.byCut[w.cut[i]] {
			if w.base.graph.label[w.base.member[c]] == w.graph.label[i] {
				w.candidates[i] = append(w.candidates[i], c)
			}
		}
	}
	for changed := true; changed; {
		changed = false
		for i, candidates := range w.candidates {
			kept := candidates[:0]
			for _, c := range candidates {
				if w.refsCorrespond(int32(i), c) {
					kept = append(kept, c)
				}
			}
			if len(kept) < len(candidates) {
				w.candidates[i] = kept
				changed = true
			}
		}
	}
	w.match = make([]int32, w.graph.len())
	for i := range w.match {
		w.match[i] = -1
		if target, ok := w.standsFor[int32(i)]; ok {
			if target < 0 {
				w.match[i] = ^target
			}
		} else if len(w.candidates[i]) > 0 {
			w.match[i] = w.candidates[i][0]
		}
	}
}

// refsCorrespond reports whether each reference of a node equals, as far as is known, the
// same reference of class c.
func (w *whole) refsCorrespond(node, c int32) bool {
	baseRefs := w.base.graph.refsOf(w.base.member[c])
	for i, ref := range w.graph.refsOf(node) {
		if !w.corresponds(ref, w.base.class[baseRefs[i]]) {
			return false
		}
	}
	return true
}

func (w *whole) corresponds(ref, c int32) bool {
	if ref < 0 {
		return ^ref == c
	}
	ref = w.resolve(ref)
	if ref < 0 {
		return ^ref == c
	}
	if node, ok := w.definer(c); ok {
		// All definitions of the tag are taken to be one class: dropAmbiguous.
		want, _ := tagOf(w.record(node))
		got, _ := tagOf(w.record(ref))
		return got == want && !isDeclaration(w.record(ref))
	}
	for _, candidate := range w.candidates[ref] {
		if candidate == c {
			return true
		}
	}
	return false
}

func (w *whole) record(node int32) btfraw.Record { return w.blob.Record(w.blob.FirstID + uint32(node)) }

// final returns what a reference leads to: a node that the base does not have, or ^c.
func (w *whole) final(ref int32) int32 {
	ref = w.resolve(ref)
	if ref >= 0 && w.match[ref] >= 0 {
		return ^w.match[ref]
	}
	return ref
}

// refineTogether numbers the classes of the nodes of two wholes over one base, equal classes
// equally. The numbers of nodes that match the base are meaningless.
func refineTogether(a, b *whole) (classesA, classesB []int32) {
	var g graph
	for _, w := range []*whole{a, b} {
		offset := int32(g.len())
		for node := range w.graph.label {
			for _, ref := range w.graph.refsOf(int32(node)) {
				if ref = w.final(ref); ref >= 0 {
					ref += offset
				}
				g.refs = append(g.refs, ref)
			}
			g.addNode(w.graph.label[node])
		}
	}
	class := g.refine(nil)
	return class[:a.graph.len()], class[a.graph.len():]
}

// dropAmbiguous finds tags whose definitions are several classes, although declarations
// were taken to stand for one; it reports whether there were new ones.
func (w *whole) dropAmbiguous(class []int32) bool {
	found := false
	for t, nodes := range w.definitions {
		base := w.base.definitions[t]
		if w.ambiguous[t] || len(base) > 1 || len(w.declarations[t]) == 0 && !w.base.declared[t] {
			continue
		}
		for _, node := range nodes {
			same := w.match[node] == w.match[nodes[0]] && (w.match[node] >= 0 || class[node] == class[nodes[0]])
			if len(base) == 1 {
				same = w.match[node] == base[0]
			}
			if !same {
				w.ambiguous[t] = true
				found = true
				break
			}
		}
	}
	return found
}

// A summary is a whole's types by class.
type summary struct {
	whole   *whole
	side    Side
	class   []int32
	first   []int32 // of each class that the base does not have, its first node
	classes map[int32]bool
	labels  map[int32]bool
	// By class of the base that leads to a declaration: the first node that leads to the
	// definition.
	completes map[int32]int32
	// By class of the base: the first FUNC of the split, or its DECL_TAG. It names other code.
	functions map[int32]int32
}

func (w *whole) summary(class []int32) *summary {
	s := &summary{
		whole:     w,
		class:     class,
		classes:   make(map[int32]bool),
		labels:    make(map[int32]bool),
		completes: make(map[int32]int32),
		functions: make(map[int32]int32),
	}
	for i := range w.graph.label {
		node := int32(i)
		s.labels[w.graph.label[node]] = true
		if c := w.match[node]; c >= 0 && w.completesDeclaration(node, c) {
			if _, again := s.completes[c]; !again {
				s.completes[c] = node
			}
		} else if c >= 0 && w.namesCode(node) {
			if _, again := s.functions[c]; !again {
				s.functions[c] = node
			}
		}
		if _, ok := w.standsFor[node]; ok || w.match[node] >= 0 || s.classes[class[node]] {
			continue
		}
		s.classes[class[node]] = true
		s.first = append(s.first, node)
	}
	incomplete := 0
	for node := range w.graph.label {
		for _, ref := range w.graph.refsOf(int32(node)) {
			if ref < 0 && w.leavesIncomplete(^ref) {
				incomplete++
				break
			}
		}
	}
	s.side = Side{
		Completing: len(s.completes),
		Functions:  len(s.functions),
		Incomplete: incomplete,
		Types:      w.graph.len(),
		Classes:    len(s.first),
		Redundant:  w.graph.len() - len(s.first) - len(s.completes) - len(s.functions),
	}
	return s
}

// namesCode reports whether a node is a FUNC or the DECL_TAG of one.
func (w *whole) namesCode(node int32) bool {
	r := w.record(node)
	if r.Kind() == btfraw.DeclTag {
		r = w.blob.Record(r.Type())
	}
	return r.Kind() == btfraw.Func
}

// completesDeclaration reports whether a node that matches class c of the base leads to a
// definition, through nothing with a tag, where the class leads to a declaration.
func (w *whole) completesDeclaration(node, c int32) bool {
	r := w.record(node)
	if _, tagged := tagOf(r); tagged {
		_, declared := w.base.declarations[c]
		return declared && !isDeclaration(r)
	}
	baseRefs := w.base.graph.refsOf(w.base.member[c])
	for i, ref := range w.graph.refsOf(node) {
		if ref < 0 {
			continue
		}
		if ref = w.resolve(ref); ref >= 0 && w.completesDeclaration(ref, w.base.class[baseRefs[i]]) {
			return true
		}
	}
	return false
}

// leavesIncomplete reports whether a reference leads, through nothing with a tag, to a declaration
// of the base that the split defines.
func (w *whole) leavesIncomplete(c int32) bool {
	if _, ok := w.base.declarations[c]; ok {
		_, defined := w.definer(c)
		return defined
	}
	id := w.base.member[c]
	if id <= 0 {
		return false
	}
	if _, tagged := tagOf(w.base.blob.Record(uint32(id))); tagged {
		return false
	}
	for _, ref := range w.base.graph.refsOf(id) {
		if w.leavesIncomplete(w.base.class[ref]) {
			return true
		}
	}
	return false
}

// without describes the classes that the other side does not have.
func (s *summary) without(other *summary) []Class {
	var only []Class
	for _, node := range s.first {
		if other.classes[s.class[node]] {
			continue
		}
		refsCommon := true
		for _, ref := range s.whole.graph.refsOf(node) {
			if ref = s.whole.final(ref); ref >= 0 && !other.classes[s.class[ref]] {
				refsCommon = false
			}
		}
		r := s.whole.record(node)
		only = append(only, Class{
			ID:          s.whole.blob.FirstID + uint32(node),
			Kind:        r.Kind(),
			Name:        r.Name(),
			Description: describe(s.whole.blob, s.whole.blob.FirstID+uint32(node)),
			Cause:       refsCommon || !other.labels[s.whole.graph.label[node]],
		})
	}
	return only
}
