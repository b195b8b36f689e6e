// SPDX-License-Identifier: GPL-2.0-only

package btf

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// Marshal writes the types that the base does not have as a .BTF section in the given byte order: units in order, forward
// declarations that found no definition, functions and declaration tags, variables, DATASECs.
//
// layout adds a description of the kinds if there is no base. The limits of the kernel over base and split together are checked here: MaxTypeID, MaxNameOffset, MaxVlen.
func (m *Module) Marshal(order binary.ByteOrder, layout bool) ([]byte, error) {
	if err := m.base.Ready(); err != nil {
		return nil, err
	}
	r, err := m.resolve()
	if err != nil {
		return nil, err
	}
	w := &writer{m: m, r: r, nextID: uint32(m.base.NumTypes()) + 1, forwardID: map[uint32]uint32{}}
	if len(m.base.Strings) == 0 { // BTF without a base begins its strings with the empty one (btf.rst, section 2.1)
		w.strings = append(w.strings, 0)
	}

	// First number what will be written, as references go forward too.
	var list []emission
	number := func(unit int, n uint32) {
		s, c := r.sceneOf[unit], r.instance[n]
		inBase := c == 0
		if c == splitNode {
			c, inBase = r.target(s, nodeRef(n))
		}
		if inBase {
			return
		}
		for int(c) >= len(w.ids) {
			w.ids = append(w.ids, zeroed[uint32](len(m.types))...)
		}
		if w.ids[c] == 0 {
			w.ids[c] = w.nextID
			w.nextID++
			list = append(list, emission{s, n})
		}
	}
	for u, nodes := range m.units {
		for _, n := range nodes {
			number(u, n)
		}
	}
	var forwards []uint32
	for k := range m.tags {
		if len(m.tags[k].defs) == 0 && r.inBase(uint32(k)) == 0 {
			w.forwardID[uint32(k)] = w.nextID
			w.nextID++
			forwards = append(forwards, uint32(k))
		}
	}
	beforeLate := len(list)
	for _, l := range m.late {
		number(l.unit, l.node)
	}

	w.numberCompletions(list)
	completions := w.completions
	w.findNames(list, completions)

	for _, e := range list {
		if err := w.check(e); err != nil {
			return nil, err
		}
	}
	for _, k := range forwards {
		if name := m.tags[k].name; !w.identifies(name) {
			return nil, fmt.Errorf("a declaration of %q: the name is no identifier: damaged DWARF?", m.Names.Bytes(name))
		}
	}
	for _, e := range list[:beforeLate] {
		w.write(e)
	}
	for _, k := range forwards {
		w.forward(&m.tags[k])
	}
	for _, e := range list[beforeLate:] {
		w.write(e)
	}
	for _, e := range completions {
		w.write(e)
	}
	w.variables()
	if w.err != nil {
		return nil, w.err
	}
	if w.nextID-1 > MaxTypeID {
		return nil, fmt.Errorf("%d types in base and module together, more than the kernel's limit of %d", w.nextID-1, MaxTypeID)
	}
	if n := len(m.base.Strings) + len(w.strings); n > MaxNameOffset {
		return nil, fmt.Errorf("%d bytes of strings in base and module together, more than the kernel's limit of %d", n, MaxNameOffset)
	}
	return marshal(w.types, w.strings, order, layout && m.base.NumTypes() == 0)
}

type emission struct {
	scene int
	node  uint32
}

type writer struct {
	m       *Module
	r       *resolution
	types   []byte
	strings []byte
	strOff  []uint32 // by Name: its offset, or 0 if not looked up yet, or newString
	named   []Name   // by index into Module.places

	ids       []uint32          // by copy
	forwardID map[uint32]uint32 // by tag
	nextID    uint32
	err       error

	identifier []identifierState // by Name

	completions []emission
	completed   map[copyKey]uint32 // what complete gave
	completeID  map[string]uint32  // by the base's type and what the copy refers to
	leads       map[uint32]bool    // what Base.leadsToDeclaration found out
}

func (w *writer) put(v ...uint32) {
	for _, x := range v {
		w.types = binary.LittleEndian.AppendUint32(w.types, x)
	}
}

// newString says that the base does not have a string, and that it is not written yet.
const newString = ^uint32(0)

// findNames interns the names of what is to be written and looks them up in the base: all at once, as in Unit.HashNames.
func (w *writer) findNames(lists ...[]emission) {
	m := w.m
	w.named = zeroed[Name](len(m.places))
	var names []Name
	add := func(n Name) {
		if n&later == 0 {
			names = append(names, n)
			return
		}
		if i := n &^ later; w.named[i] == 0 {
			place := m.places[i]
			tab, off := m.tables[place>>placeBits], uint64(place)&(1<<placeBits-1)
			hash, length, _ := hashCString(tab, uint32(off)) // it has been hashed before
			w.named[i] = m.Names.intern(tab[off:off+uint64(length)], hash)
			names = append(names, w.named[i])
		}
	}
	for _, list := range lists {
		for _, e := range list {
			t := &m.types[e.node]
			add(t.Name)
			switch t.Kind {
			case KindStruct, KindUnion:
				for _, x := range m.members[t.First : t.First+t.N] {
					add(x.Name)
				}
			case KindEnum, KindEnum64:
				for _, x := range m.enumerators[t.First : t.First+t.N] {
					add(x.Name)
				}
			case KindFuncProto:
				for _, x := range m.params[t.First : t.First+t.N] {
					add(x.Name)
				}
			}
		}
	}
	w.strOff = zeroed[uint32](m.Names.Len())
	for _, n := range names {
		if w.strOff[n] == 0 {
			w.strOff[n] = w.lookUp(n)
		}
	}
}

// lookUp gives the offset of a name in the base.
func (w *writer) lookUp(n Name) uint32 {
	off, ok := w.m.base.findString(w.m.Names.Bytes(n), w.m.Names.hash[n])
	if !ok {
		return newString
	}
	return off
}

func (w *writer) name(n Name) uint32 {
	if n == 0 {
		return 0
	}
	if n&later != 0 {
		n = w.named[n&^later]
	}
	off := w.strOff[n]
	if off == 0 {
		off = w.lookUp(n)
	}
	if off == newString {
		off = uint32(len(w.m.base.Strings) + len(w.strings))
		w.strings = append(append(w.strings, w.m.Names.Bytes(n)...), 0)
	}
	w.strOff[n] = off
	return off
}

func (w *writer) ref(scene int, ref Ref) uint32 {
	id, inBase := w.r.target(scene, ref)
	switch {
	case !inBase && id&forward != 0:
		return w.forwardID[id&^forward]
	case !inBase:
		return w.ids[id]
	case !w.r.completes || id == 0 || ref.isTag() || !w.m.base.leadsToDeclaration(id, w.leads):
		return id
	}
	return w.complete(scene, ref.index(), id)
}

// The base may have a pointer, say, to a struct that it only declares and the module defines. For types of the base that is all the
// same, but who follows a type of the module wants to come to the definition: a BPF program reads members of what a function's
// parameter points to, and an ARRAY has to know the size of its elements. So the module gets a pointer of its own.

// complete gives the type to refer to instead of id, the base's type for a node: itself if nothing that it leads to is defined by
// the module.
func (w *writer) complete(scene int, n uint32, id uint32) uint32 {
	place := copyKey{scene, n}
	if own, ok := w.completed[place]; ok {
		return own
	}
	var refs []uint32
	for _, ref := range w.m.refsOf(n, nil) {
		refs = append(refs, w.ref(scene, ref)) // ends: in C every cycle passes through a tag
	}
	own := uint32(0)
	for _, candidate := range append([]uint32{id}, w.r.more[n]...) {
		if slices.Equal(refs, w.m.base.refsOf(candidate, nil)) {
			own = candidate
			break
		}
	}
	if own == 0 {
		key := fmt.Sprint(id, refs)
		if own = w.completeID[key]; own == 0 {
			own = w.nextID
			w.nextID++
			w.completeID[key] = own
			w.completions = append(w.completions, emission{scene, n})
		}
	}
	w.completed[place] = own
	return own
}

// numberCompletions finds what has to be completed, so that it has a number before anything is written.
func (w *writer) numberCompletions(list []emission) {
	if !w.r.completes {
		return
	}
	w.completed, w.completeID, w.leads = map[copyKey]uint32{}, map[string]uint32{}, map[uint32]bool{}
	var refs []Ref
	for _, e := range list {
		refs = w.m.refsOf(e.node, refs[:0])
		for _, ref := range refs {
			w.ref(e.scene, ref)
		}
	}
	for _, v := range w.m.vars {
		w.ref(w.r.sceneOf[v.Unit], v.Type)
	}
}

func (w *writer) head(t *Type, vlen uint32, number uint32) {
	if vlen > MaxVlen && w.err == nil {
		w.err = fmt.Errorf("%s %s: %d parts, more than the kernel's limit of %d", t.Kind, w.m.Names.String(t.Name), vlen, MaxVlen)
	}
	w.put(w.name(t.Name), info(t.Kind, int(vlen), t.KindFlag), number)
}

func (w *writer) write(e emission) {
	t := &w.m.types[e.node]
	switch t.Kind {
	case KindInt:
		w.head(t, 0, t.Number)
		w.put(t.Extra)
	case KindFloat:
		w.head(t, 0, t.Number)
	case KindPtr, KindTypedef, KindVolatile, KindConst, KindRestrict, KindFunc, KindTypeTag:
		w.head(t, 0, w.ref(e.scene, t.To))
	case KindDeclTag:
		w.head(t, 0, w.ref(e.scene, t.To))
		w.put(t.Extra)
	case KindArray:
		w.head(t, 0, 0)
		w.put(w.ref(e.scene, t.To), w.ref(e.scene, t.Index), t.Extra)
	case KindStruct, KindUnion:
		w.head(t, t.N, t.Number)
		for _, x := range w.m.members[t.First : t.First+t.N] {
			w.put(w.name(x.Name), w.ref(e.scene, x.Type), x.Offset)
		}
	case KindEnum:
		w.head(t, t.N, t.Number)
		for _, x := range w.m.enumerators[t.First : t.First+t.N] {
			w.put(w.name(x.Name), uint32(x.Value))
		}
	case KindEnum64:
		w.head(t, t.N, t.Number)
		for _, x := range w.m.enumerators[t.First : t.First+t.N] {
			w.put(w.name(x.Name), uint32(x.Value), uint32(x.Value>>32))
		}
	case KindFuncProto:
		w.head(t, t.N, w.ref(e.scene, t.To))
		for _, x := range w.m.params[t.First : t.First+t.N] {
			w.put(w.name(x.Name), w.ref(e.scene, x.Type))
		}
	}
}

// forward writes a tag that is declared only.
func (w *writer) forward(k *tag) {
	if k.class == enumTag {
		w.put(w.name(k.name), info(KindEnum, 0, false), k.size)
		return
	}
	w.put(w.name(k.name), info(KindFwd, 0, k.class == unionTag), 0)
}

// variables writes the VARs, each with its DECL_TAGs, then one DATASEC for each section, its entries by offset. The size of a DATASEC
// is where its last entry ends.
func (w *writer) variables() {
	vars := w.m.vars
	order := w.m.apart()
	written := make([]bool, len(vars))
	for _, i := range order {
		written[i] = true
	}
	ids := make([]uint32, len(vars))
	for i, v := range vars {
		if !written[i] {
			continue
		}
		w.put(w.name(v.Name), info(KindVar, 0, false), w.ref(w.r.sceneOf[v.Unit], v.Type), v.Linkage)
		ids[i] = w.nextID
		w.nextID++
		for j, tag := range v.Tags {
			if !slices.Contains(v.Tags[:j], tag) {
				w.put(w.name(tag), info(KindDeclTag, 0, false), ids[i], WholeDecl)
				w.nextID++
			}
		}
	}
	for len(order) > 0 {
		n := 1
		for n < len(order) && vars[order[n]].SectionIndex == vars[order[0]].SectionIndex {
			n++
		}
		last := vars[order[n-1]]
		if name := w.m.Names.Bytes(last.Section); !namesSection(name) && w.err == nil {
			w.err = fmt.Errorf("section %q has variables, and a name that cannot be: damaged?", name)
		}
		t := Type{Kind: KindDatasec, Name: last.Section}
		w.head(&t, uint32(n), last.Off+last.Size)
		for _, i := range order[:n] {
			w.put(ids[i], vars[i].Off, vars[i].Size)
		}
		w.nextID++
		order = order[n:]
	}
}

// apart lists the variables by section and offset, without those that begin in another one: kernels refuse a DATASEC that has both.
func (m *Module) apart() (list []int) {
	order := make([]int, len(m.vars))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(m.vars[a].SectionIndex, m.vars[b].SectionIndex), cmp.Compare(m.vars[a].Off, m.vars[b].Off))
	})
	section, end := -1, uint64(0)
	for _, i := range order {
		v := &m.vars[i]
		if v.SectionIndex != section {
			section, end = v.SectionIndex, 0
		}
		if begin := uint64(v.Off); begin >= end && begin+uint64(v.Size) <= math.MaxUint32 {
			list, end = append(list, i), begin+uint64(v.Size)
		}
	}
	return list
}
