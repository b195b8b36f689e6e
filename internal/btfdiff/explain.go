// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfdiff

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// An Explanation is a Result with details of how the sides differ.
type Explanation struct {
	A, B     Side
	Equal    bool
	Changes  []Change // types with the same name on both sides that differ
	OnlyA    []Class  // all others, causes first
	OnlyB    []Class
	RepeatsA []Repeat // the redundant types, in the order of their ids
	RepeatsB []Repeat
}

// A Change is one name with a different type on each side.
type Change struct {
	A, B Class
	// First is the first place where the two differ, in words.
	First string
	// The types in C-like words, on several lines.
	TextA, TextB string
}

// Cause reports whether the types themselves differ, not only types that they refer to.
func (c *Change) Cause() bool { return c.A.Cause || c.B.Cause }

// A Repeat is a redundant type, and the type that it duplicates.
type Repeat struct {
	ID     uint32
	Kind   btfraw.Kind
	Name   string
	Of     uint32
	OfBase bool // Of is a type of the base
}

// Explain is like Compare, with the reasons.
func (b *Base) Explain(rawA, rawB []byte) (*Explanation, error) {
	a, z, err := b.compare(rawA, rawB)
	if err != nil {
		return nil, err
	}
	e := &Explanation{A: a.side, B: z.side, RepeatsA: a.repeats(), RepeatsB: z.repeats()}
	e.pair(a, z)
	e.Equal = len(e.Changes)+len(e.OnlyA)+len(e.OnlyB) == 0
	return e, nil
}

// Repeats lists the types of one split that duplicate a type of the base or of the split.
func (b *Base) Repeats(raw []byte) ([]Repeat, error) {
	s, _, err := b.compare(raw, btfraw.Marshal(binary.LittleEndian, nil, nil))
	if err != nil {
		return nil, err
	}
	return s.repeats(), nil
}

// pair finds the changes: types of only one side, paired by name with those of the other. Several
// types of one name are paired in order.
func (e *Explanation) pair(a, z *summary) {
	onlyB := z.without(a)
	candidates := make(map[tag][]Class)
	for _, class := range onlyB {
		if class.Name != "" && class.Kind != btfraw.DeclTag && class.Kind != btfraw.TypeTag { // a tag's text is no name
			key := z.nameOf(class)
			candidates[key] = append(candidates[key], class)
		}
	}
	paired := make(map[uint32]bool) // ids of B
	for _, class := range a.without(z) {
		key := a.nameOf(class)
		others := candidates[key]
		if len(others) == 0 {
			e.OnlyA = append(e.OnlyA, class)
			continue
		}
		candidates[key] = others[1:]
		paired[others[0].ID] = true
		e.Changes = append(e.Changes, Change{
			A:     class,
			B:     others[0],
			First: (&difference{a, z}).first(a.whole.blob.Record(class.ID), z.whole.blob.Record(others[0].ID), 0),
			TextA: text(a.whole.blob, class.ID),
			TextB: text(z.whole.blob, others[0].ID),
		})
	}
	for _, class := range onlyB {
		if !paired[class.ID] {
			e.OnlyB = append(e.OnlyB, class)
		}
	}
	slices.SortStableFunc(e.Changes, func(a, b Change) int { return causesFirst(a.Cause(), b.Cause()) })
	for _, only := range [][]Class{e.OnlyA, e.OnlyB} {
		slices.SortStableFunc(only, func(a, b Class) int { return causesFirst(a.Cause, b.Cause) })
	}
}

func causesFirst(a, b bool) int {
	rank := map[bool]int{true: 0, false: 1}
	return cmp.Compare(rank[a], rank[b])
}

// nameOf returns what identifies a type to a reader of C: a tag, or else a kind and a name.
func (s *summary) nameOf(class Class) tag {
	if t, ok := tagOf(s.whole.blob.Record(class.ID)); ok {
		return t
	}
	return tag{class.Kind, class.Name}
}

// repeats lists the redundant types.
func (s *summary) repeats() []Repeat {
	w := s.whole
	first := make(map[int32]int32) // by class
	for _, node := range s.first {
		first[s.class[node]] = node
	}
	var list []Repeat
	for i := range w.graph.label {
		node := int32(i)
		of := w.final(node)
		if of >= 0 {
			of = first[s.class[of]]
		}
		if of == node || of < 0 && (s.completes[^of] == node && w.completesDeclaration(node, ^of) ||
			s.functions[^of] == node && w.namesCode(node)) {
			continue
		}
		r := w.record(node)
		repeat := Repeat{ID: w.blob.FirstID + uint32(node), Kind: r.Kind(), Name: r.Name()}
		if of < 0 {
			repeat.Of, repeat.OfBase = uint32(w.base.member[^of]), true
		} else {
			repeat.Of = w.blob.FirstID + uint32(of)
		}
		list = append(list, repeat)
	}
	return list
}

// A difference compares two types, one from each side.
type difference struct{ a, b *summary }

// maxNesting bounds how deep first looks into types without a name.
const maxNesting = 16

// first describes the first difference between two types, in the order in which a reader notices
// them: members in order, then their number, then the size.
func (d *difference) first(a, b btfraw.Record, depth int) string {
	if a.Kind() != b.Kind() {
		return sides("%v", a.Kind(), b.Kind())
	}
	if a.Kind() == btfraw.Datasec {
		return d.firstVariable(variables(a), variables(b), a, b)
	}
	if s := d.firstNumber(a, b); s != "" {
		return s
	}
	for i := range min(a.Vlen(), b.Vlen()) {
		if a.Kind() == btfraw.Func {
			break // vlen is its linkage
		}
		if s := d.firstInItem(a, b, i, depth); s != "" {
			return s
		}
	}
	if place := placeOf(a.Kind()); place != "" && a.Vlen() != b.Vlen() {
		return sides("%d "+place+"s", a.Vlen(), b.Vlen())
	}
	switch a.Kind() {
	case btfraw.Int, btfraw.Struct, btfraw.Union, btfraw.Enum, btfraw.Enum64, btfraw.Float:
		if a.Size() != b.Size() {
			return sides("size %d", a.Size(), b.Size())
		}
	case btfraw.Func:
		return d.firstInTarget(a, b, depth)
	case btfraw.Array:
		return d.reference("element", a.Array().Element, b.Array().Element, depth)
	case btfraw.FuncProto:
		return d.reference("return", a.Type(), b.Type(), depth)
	case btfraw.Ptr, btfraw.Typedef, btfraw.Volatile, btfraw.Const, btfraw.Restrict,
		btfraw.Var, btfraw.DeclTag, btfraw.TypeTag:
		return d.reference("", a.Type(), b.Type(), depth)
	}
	return sides("kind_flag %t", a.Flag(), b.Flag())
}

// firstNumber compares the numbers that some kinds have besides names and references.
func (d *difference) firstNumber(a, b btfraw.Record) string {
	switch a.Kind() {
	case btfraw.Int:
		if v, w := a.Extra(), b.Extra(); v>>24 != w>>24 {
			return sides("encoding %d", v>>24, w>>24)
		} else if v != w {
			return sides("bits %d", v&0xff, w&0xff)
		}
	case btfraw.Array:
		if v, w := a.Array().Count, b.Array().Count; v != w {
			return sides("%d elements", v, w)
		}
	case btfraw.Func:
		if a.Vlen() != b.Vlen() {
			return sides("linkage %d", a.Vlen(), b.Vlen())
		}
	case btfraw.Var:
		if v, w := a.Extra(), b.Extra(); v != w {
			return sides("linkage %d", v, w)
		}
	}
	return ""
}

// placeOf returns the word for an item of a kind.
func placeOf(k btfraw.Kind) string {
	switch k {
	case btfraw.Struct, btfraw.Union:
		return "member"
	case btfraw.Enum, btfraw.Enum64:
		return "value"
	case btfraw.FuncProto:
		return "parameter"
	}
	return ""
}

// firstInItem compares the i-th member, value or parameter.
func (d *difference) firstInItem(a, b btfraw.Record, i, depth int) string {
	place := fmt.Sprintf("%s %d", placeOf(a.Kind()), i)
	name := a.Str(a.Item(i, 0))
	if other := b.Str(b.Item(i, 0)); name != other {
		return place + ": " + sides("%s", strconv.Quote(name), strconv.Quote(other))
	}
	if name != "" {
		place += fmt.Sprintf(" %q", name)
	}
	switch a.Kind() {
	case btfraw.Enum, btfraw.Enum64:
		if v, w := a.Value(i), b.Value(i); v != w {
			return place + ": " + sides("%d", v, w)
		}
		return ""
	case btfraw.Struct, btfraw.Union:
		m, other := a.Member(i), b.Member(i)
		if m.Offset != other.Offset {
			return place + ": " + sides("bit offset %d", m.Offset, other.Offset)
		}
		if m.Width != other.Width {
			return place + ": " + sides("bit field of %d", m.Width, other.Width)
		}
	}
	return d.reference(place, a.Item(i, 1), b.Item(i, 1), depth)
}

// firstInTarget compares what two types refer to as if it were part of them.
func (d *difference) firstInTarget(a, b btfraw.Record, depth int) string {
	idA, idB := a.Type(), b.Type()
	if idA == 0 || idB == 0 || depth > maxNesting || d.same(idA, idB) {
		return d.reference("", idA, idB, depth)
	}
	return d.first(a.BTF.Record(idA), b.BTF.Record(idB), depth+1)
}

func (d *difference) firstVariable(a, b []btfraw.Variable, recordA, recordB btfraw.Record) string {
	for i := range min(len(a), len(b)) {
		name := typeName(recordA.BTF, a[i].Type)
		place := fmt.Sprintf("variable %d %q", i, name)
		switch other := typeName(recordB.BTF, b[i].Type); {
		case name != other:
			return fmt.Sprintf("variable %d: ", i) + sides("%s", strconv.Quote(name), strconv.Quote(other))
		case a[i].Offset != b[i].Offset:
			return place + ": " + sides("offset %d", a[i].Offset, b[i].Offset)
		case a[i].Size != b[i].Size:
			return place + ": " + sides("size %d", a[i].Size, b[i].Size)
		}
		if s := d.reference(place, a[i].Type, b[i].Type, 0); s != "" {
			return s
		}
	}
	if len(a) != len(b) {
		return sides("%d variables", len(a), len(b))
	}
	return sides("size %d", recordA.Size(), recordB.Size())
}

// reference compares the targets of a reference; "" if they are equal.
func (d *difference) reference(place string, idA, idB uint32, depth int) string {
	if d.same(idA, idB) {
		return ""
	}
	blobA, blobB := d.a.whole.blob, d.b.whole.blob
	if nestedA, nestedB := nested(blobA, idA), nested(blobB, idB); nestedA && nestedB && depth < maxNesting {
		return place + ": " + d.first(blobA.Record(idA), blobB.Record(idB), depth+1)
	}
	textA, textB := declaration(blobA, idA), declaration(blobB, idB)
	if place != "" {
		place += " "
	}
	if textA == textB {
		return place + "leads to a type that differs: " + textA
	}
	return place + "is " + sides("%s", textA, textB)
}

// nested reports whether a type is a struct or union whose members are listed where it is used.
func nested(b *btfraw.BTF, id uint32) bool {
	if id == 0 {
		return false
	}
	r := b.Record(id)
	return (r.Kind() == btfraw.Struct || r.Kind() == btfraw.Union) && r.NameOffset() == 0
}

// same reports whether types of the two sides are of one class.
func (d *difference) same(idA, idB uint32) bool { return d.a.classOf(idA) == d.b.classOf(idB) }

// classOf returns the class of a type: of the base as ^c.
func (s *summary) classOf(id uint32) int32 {
	w := s.whole
	ref := w.node(id)
	if ref < 0 {
		ref = ^w.base.class[^ref]
	}
	if ref = w.final(ref); ref >= 0 {
		return s.class[ref]
	}
	return ref
}

// sides describes two values; format is for the first, with its unit.
func sides(format string, a, b any) string {
	return fmt.Sprintf(format, a) + " on one side, " + fmt.Sprintf("%v", b) + " on the other"
}
