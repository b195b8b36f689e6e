// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfdiff

import (
	"fmt"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// A Base is the BTF that split BTF refers to, usually vmlinux's, partitioned into classes. It may
// be used from several goroutines at once.
type Base struct {
	blob  *btfraw.BTF
	graph graph // node i is type i
	class []int32
	// By class: a type of it, a definition if there is one.
	member []int32

	labels labels
	cut    []uint64
	byCut  map[uint64][]int32 // classes
	// Classes of the definitions of a tag, and of its unresolved declarations: those of a
	// tag with no definition, or with more than one.
	definitions  map[tag][]int32
	declarations map[int32]tag // by class
	declared     map[tag]bool

	apart Tags // see Apart
}

// NewBase reads the contents of a .BTF section that stands alone. The bytes are used in
// place and must not change.
func NewBase(raw []byte) (*Base, error) {
	blob, err := btfraw.Read(raw, nil)
	if err != nil {
		return nil, err
	}
	return newBase(blob, nil)
}

// NoBase is a base without types and strings, for comparing stand-alone BTF.
func NoBase() *Base {
	b, _ := newBase(btfraw.New(btfraw.Header{}, nil, nil), nil) // cannot fail: no contents
	return b
}

func newBase(blob *btfraw.BTF, apart Tags) (*Base, error) {
	b := &Base{
		blob:   blob,
		labels: labels{own: make(map[string]int32)},
		byCut:  make(map[uint64][]int32),
		apart:  apart,
	}
	b.graph.addNode(-1) // void
	for r := range blob.All {
		b.addType(&b.graph, &b.labels, r, func(ref uint32) int32 { return int32(ref) })
	}
	var err error
	if b.cut, err = cutHashes(blob, &b.graph, &b.labels, nil); err != nil {
		return nil, err
	}
	b.partition()
	return b, nil
}

// addType adds a type to a graph; node returns the node of what it refers to. A reference to a tag
// of b.apart becomes part of the label.
func (b *Base) addType(g *graph, names *labels, r btfraw.Record, node func(ref uint32) int32) {
	names.buf = label(r, names.buf[:0])
	names.refs = references(r, names.refs[:0])
	for place, ref := range names.refs {
		if t, ok := tagOfID(r.BTF, ref); ok && b.apart[t] {
			names.buf = append(fmt.Appendf(names.buf, "%d %v ", place, t.kind), t.name...)
			names.buf = append(names.buf, 0)
			ref = 0
		}
		g.refs = append(g.refs, node(ref))
	}
	g.addNode(names.number(names.buf))
}

// partition finds the classes. See the package comment for the treatment of
// declarations.
func (b *Base) partition() {
	definitions, declarations := make(map[tag][]int32), make(map[tag][]int32)
	for id := uint32(1); id < b.blob.End(); id++ {
		r := b.blob.Record(id)
		if t, ok := tagOf(r); !ok {
			continue
		} else if isDeclaration(r) {
			declarations[t] = append(declarations[t], int32(id))
		} else {
			definitions[t] = append(definitions[t], int32(id))
		}
	}
	redirect := make([]int32, b.graph.len())
	for i := range redirect {
		redirect[i] = -1
	}
	resolved := make(map[tag]bool)
	for t, ids := range declarations {
		if len(definitions[t]) > 0 {
			resolved[t] = true
			for _, id := range ids {
				redirect[id] = definitions[t][0]
			}
		}
	}
	for again := true; again; {
		again = false
		b.class = b.graph.refine(redirect)
		for t := range resolved {
			if !b.oneClass(definitions[t]) {
				delete(resolved, t)
				for _, id := range declarations[t] {
					redirect[id] = -1
				}
				again = true
			}
		}
	}

	classes := int32(0)
	for _, c := range b.class {
		classes = max(classes, c+1)
	}
	b.member = make([]int32, classes)
	for i := range b.member {
		b.member[i] = -1
	}
	for id, c := range b.class {
		if b.member[c] < 0 && redirect[id] < 0 {
			b.member[c] = int32(id)
		}
	}
	for c, id := range b.member {
		if id > 0 {
			b.byCut[b.cut[id]] = append(b.byCut[b.cut[id]], int32(c))
		}
	}
	b.definitions = make(map[tag][]int32)
	for t, ids := range definitions {
		seen := make(map[int32]bool)
		for _, id := range ids {
			if c := b.class[id]; !seen[c] {
				seen[c] = true
				b.definitions[t] = append(b.definitions[t], c)
			}
		}
	}
	b.declarations, b.declared = make(map[int32]tag), make(map[tag]bool)
	for t, ids := range declarations {
		if !resolved[t] {
			b.declared[t] = true
			for _, id := range ids {
				b.declarations[b.class[id]] = t
			}
		}
	}
}

func (b *Base) oneClass(ids []int32) bool {
	for _, id := range ids {
		if b.class[id] != b.class[ids[0]] {
			return false
		}
	}
	return true
}

// Types is the number of types of the base, without void.
func (b *Base) Types() int { return b.blob.NumTypes() }

// Redundant is the number of types of the base that duplicate another one.
func (b *Base) Redundant() int {
	redundant := b.Types()
	for _, id := range b.member {
		if id > 0 {
			redundant--
		}
	}
	return redundant
}

// maxRefDepth bounds a chain of references without a tag in it.
const maxRefDepth = 4096

// labels numbers label strings; equal strings have equal numbers.
type labels struct {
	base *labels // looked up first, not changed
	own  map[string]int32

	// Scratch memory of addType.
	buf  []byte
	refs []uint32
}

func (l *labels) len() int32 {
	n := int32(len(l.own))
	if l.base != nil {
		n += l.base.len()
	}
	return n
}

func (l *labels) number(s []byte) int32 {
	if l.base != nil {
		if n, ok := l.base.own[string(s)]; ok {
			return n
		}
	}
	n, ok := l.own[string(s)]
	if !ok {
		n = l.len()
		l.own[string(s)] = n
	}
	return n
}

// cutHashes hashes each type of a blob with what it refers to, except that a struct,
// union or enum with a tag that is referred to counts only by its kind and tag. So do
// declarations, and types of one class have equal hashes whatever declarations stand
// for. In C every cycle of references passes through a tag; one that does not is an error.
//
// The nodes of g are b's own types, with references to the base as ^id; for a base they
// are all ids including void. The hashes are by node.
func cutHashes(b *btfraw.BTF, g *graph, names *labels, base *Base) ([]uint64, error) {
	firstID := uint32(0)
	if base != nil {
		firstID = b.FirstID
	}
	const unknown, busy = 0, 1
	hashes := make([]uint64, g.len())
	mix := func(h, v uint64) uint64 {
		h = (h ^ v) * 0x9e3779b97f4a7c15
		return h ^ h>>32
	}
	var buf []byte
	var hash func(node int32, depth int) (uint64, error)
	ofRef := func(ref int32, depth int) (uint64, error) {
		if ref < 0 && ^ref == 0 || base == nil && ref == 0 {
			return 2, nil // void
		}
		from, id := b, firstID+uint32(ref)
		if ref < 0 {
			from, id = base.blob, uint32(^ref)
		}
		if t, ok := tagOf(from.Record(id)); ok {
			buf = append(append(buf[:0], "tag "...), byte(t.kind))
			return uint64(names.number(append(buf, t.name...))), nil
		}
		if ref < 0 {
			return base.cut[id], nil
		}
		return hash(ref, depth)
	}
	hash = func(node int32, depth int) (uint64, error) {
		switch {
		case hashes[node] == busy || depth > maxRefDepth:
			return 0, fmt.Errorf("type %d: endless references", firstID+uint32(node))
		case hashes[node] != unknown:
			return hashes[node], nil
		}
		hashes[node] = busy
		h := mix(0, uint64(g.label[node]))
		for _, ref := range g.refsOf(node) {
			v, err := ofRef(ref, depth+1)
			if err != nil {
				return 0, err
			}
			h = mix(h, v)
		}
		hashes[node] = max(h, busy+1)
		return hashes[node], nil
	}
	for node := range g.label {
		if base == nil && node == 0 {
			continue
		}
		if _, err := hash(int32(node), 0); err != nil {
			return nil, err
		}
	}
	return hashes, nil
}
