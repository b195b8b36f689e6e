// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// Marshal returns a .BTF section with the types that the base does not have, in the given byte
// order: the types of the units in order, forward declarations without a definition, functions and
// declaration tags, variables, DATASECs.
//
// layout adds a description of the kinds if there is no base. Marshal returns an error if base and
// split BTF together exceed the kernel's limits (MaxTypeID, MaxNameOffset, vlen). What else a kernel
// would refuse is repaired (repair.go), with a sentence for each in Notes.
func (m *Module) Marshal(order binary.ByteOrder, layout bool) ([]byte, error) {
	if err := m.base.Ready(); err != nil {
		return nil, err
	}
	r, err := m.resolve()
	if err != nil {
		return nil, err
	}
	w := &writer{m: m, r: r, nextID: uint32(m.base.NumTypes()) + 1, forwardID: map[uint32]uint32{}}
	// BTF without a base starts its strings with the empty string (btf.rst, section 2.1)
	if len(m.base.Strings) == 0 {
		w.strings = append(w.strings, 0)
	}

	// Assign all ids before writing, because types also refer to later ones.
	var types []viewNode
	assign := func(unit int, n uint32) {
		at := viewNode{r.viewOf[unit], n}
		if r.views[at.view].mapped[n] != 0 {
			return
		}
		c := r.copyOf(at)
		for int(c) >= len(w.ids) {
			w.ids = append(w.ids, zeroed[uint32](len(m.types))...)
		}
		if w.ids[c] == 0 {
			w.ids[c] = w.nextID
			w.nextID++
			if home, ok := r.home[n]; ok {
				at.view = home
			}
			types = append(types, at)
		}
	}
	for u, nodes := range m.units {
		for _, n := range nodes {
			assign(u, n)
		}
	}
	var forwards []uint32
	for k := range m.tags {
		if len(m.tags[k].defs) == 0 && r.tagInBase(uint32(k)) == 0 {
			w.forwardID[uint32(k)] = w.nextID
			w.nextID++
			forwards = append(forwards, uint32(k))
		}
	}
	ofUnits := len(types)
	for _, l := range m.added {
		assign(l.unit, l.node)
	}

	w.numberCompletions(types)
	completions := w.completions
	w.findNames(types, completions)

	for _, e := range types {
		if err := w.repair(e); err != nil {
			return nil, err
		}
	}
	for _, e := range types[:ofUnits] {
		w.write(e)
	}
	for _, k := range forwards {
		w.forward(&m.tags[k])
	}
	for _, e := range types[ofUnits:] {
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
		return nil, fmt.Errorf(
			"%d types in base and module together, more than the kernel's limit of %d",
			w.nextID-1, MaxTypeID)
	}
	if n := len(m.base.Strings) + len(w.strings); n > MaxNameOffset {
		return nil, fmt.Errorf("%d bytes of strings in base and module together, "+
			"more than the kernel's limit of %d", n, MaxNameOffset)
	}
	return marshal(w.types, w.strings, order, layout && m.base.NumTypes() == 0)
}

type writer struct {
	m       *Module
	r       *resolution
	types   []byte
	strings []byte
	strOff  []uint32 // by Name: its offset, newString, or 0 if not looked up yet
	named   []Name   // by index into Module.deferredNames

	ids       []uint32          // by number of a copy
	forwardID map[uint32]uint32 // by tag
	nextID    uint32
	err       error

	nameStates  []nameState   // by Name
	identifiers map[Name]Name // of names that are none
	repairs     map[viewNode]repair

	completions []viewNode
	completed   map[viewNode]uint32 // results of complete
	completeID  map[string]uint32   // by base type and the references of its copy
	reaches     map[uint32]bool     // cache of Base.reachesDeclaration
}

func (w *writer) put(v ...uint32) {
	for _, x := range v {
		w.types = binary.LittleEndian.AppendUint32(w.types, x)
	}
}

// newString marks a string that is neither in the base nor written yet.
const newString = ^uint32(0)

// findNames interns the names of the types to write and looks them up in the base. It handles all
// names in one batch, as Unit.HashNames does.
func (w *writer) findNames(lists ...[]viewNode) {
	m := w.m
	w.named = zeroed[Name](len(m.deferredNames))
	var names []Name
	add := func(n Name) {
		if n&deferred == 0 {
			names = append(names, n)
			return
		}
		if i := n &^ deferred; w.named[i] == 0 {
			ref := m.deferredNames[i]
			tab, off := m.tables[ref>>refOffBits], uint64(ref)&(1<<refOffBits-1)
			hash, length, _ := hashCString(tab, uint32(off)) // cannot fail: hashed before
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

// lookUp returns the offset of a name in the base, or newString.
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
	if n&deferred != 0 {
		n = w.named[n&^deferred]
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

func (w *writer) ref(view int, ref Ref) uint32 {
	id, inBase := w.r.target(view, ref)
	switch {
	case !inBase && id&forward != 0:
		return w.forwardID[id&^forward]
	case !inBase:
		return w.ids[id]
	case !w.r.completesBase || id == 0 || ref.isTag() ||
		!w.m.base.reachesDeclaration(id, w.reaches):
		return id
	}
	return w.complete(view, ref.index(), id)
}

// A base may have a pointer to a struct that it only declares and the module defines. The types of
// the base keep referring to the declaration. Types of the module should lead to the definition: a
// BPF program reads members through a function's parameter, and an ARRAY needs the size of its
// elements. Therefore the module gets a pointer of its own.

// complete returns the type to use instead of id, the base type of a node. It is id itself if it
// reaches no tag that the module defines.
func (w *writer) complete(view int, n uint32, id uint32) uint32 {
	at := viewNode{view, n}
	if own, ok := w.completed[at]; ok {
		return own
	}
	var refs []uint32
	for _, ref := range w.m.refsOf(n, nil) {
		refs = append(refs, w.ref(view, ref)) // terminates: in C every cycle passes through a tag
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
			w.completions = append(w.completions, viewNode{view, n})
		}
	}
	w.completed[at] = own
	return own
}

// numberCompletions assigns ids to the completed types before anything is written.
func (w *writer) numberCompletions(list []viewNode) {
	if !w.r.completesBase {
		return
	}
	w.completed, w.completeID = map[viewNode]uint32{}, map[string]uint32{}
	w.reaches = map[uint32]bool{}
	var refs []Ref
	for _, e := range list {
		refs = w.m.refsOf(e.node, refs[:0])
		for _, ref := range refs {
			w.ref(e.view, ref)
		}
	}
	for _, v := range w.m.vars {
		w.ref(w.r.viewOf[v.Unit], v.Type)
	}
}

func (w *writer) head(t *Type, vlen uint32, number uint32) {
	if vlen > maxVlen && w.err == nil {
		w.err = fmt.Errorf("%s %s: %d elements, more than the kernel's limit of %d",
			t.Kind, w.m.Names.String(t.Name), vlen, maxVlen)
	}
	name := uint32(0)
	switch t.Kind {
	case KindInt, KindFloat, KindTypeTag, KindDeclTag, KindDatasec:
		name = w.name(t.Name)
	default:
		name = w.identifier(t.Name)
	}
	w.put(name, info(t.Kind, int(vlen), t.KindFlag), number)
}

func (w *writer) write(e viewNode) {
	t := &w.m.types[e.node]
	r := w.repairs[e]
	switch t.Kind {
	case KindInt:
		w.head(t, 0, t.Size)
		w.put(t.Extra)
	case KindFloat:
		w.head(t, 0, t.Size)
	case KindPtr, KindTypedef, KindVolatile, KindConst, KindRestrict, KindFunc, KindTypeTag:
		w.head(t, 0, w.ref(e.view, t.To))
	case KindDeclTag:
		w.head(t, 0, w.ref(e.view, t.To))
		w.put(w.component(e.view, t.To, t.Extra))
	case KindArray:
		w.head(t, 0, 0)
		count := t.Extra
		if r.count {
			count = 0
		}
		w.put(w.ref(e.view, t.To), w.ref(e.view, t.Index), count)
	case KindStruct, KindUnion:
		count := t.N
		for _, leftOut := range r.members {
			if leftOut {
				count--
			}
		}
		w.head(t, count, t.Size)
		for i, x := range w.m.members[t.First : t.First+t.N] {
			if r.members == nil || !r.members[i] {
				w.put(w.identifier(x.Name), w.ref(e.view, x.Type), x.Offset)
			}
		}
	case KindEnum:
		w.head(t, t.N, t.Size)
		for _, x := range w.m.enumerators[t.First : t.First+t.N] {
			w.put(w.identifier(x.Name), uint32(x.Value))
		}
	case KindEnum64:
		w.head(t, t.N, t.Size)
		for _, x := range w.m.enumerators[t.First : t.First+t.N] {
			w.put(w.identifier(x.Name), uint32(x.Value), uint32(x.Value>>32))
		}
	case KindFuncProto:
		params, ret := w.m.params[t.First:t.First+t.N], t.To
		if r.params {
			params = nil
		}
		if r.void {
			ret = 0
		}
		w.head(t, uint32(len(params)), w.ref(e.view, ret))
		for _, x := range params {
			w.put(w.identifier(x.Name), w.ref(e.view, x.Type))
		}
	}
}

// forward writes a tag that is only declared.
func (w *writer) forward(k *tag) {
	if k.class == enumTag {
		w.put(w.identifier(k.name), info(KindEnum, 0, false), k.size)
		return
	}
	w.put(w.identifier(k.name), info(KindFwd, 0, k.class == unionTag), 0)
}

// variables writes the VARs, each followed by its DECL_TAGs, and then a DATASEC for each section
// with entries sorted by offset. The size of a DATASEC is the end of its last entry, in bytes.
func (w *writer) variables() {
	vars := w.m.vars
	order := w.m.nonOverlapping()
	written := make([]bool, len(vars))
	for _, i := range order {
		written[i] = true
	}
	ids := make([]uint32, len(vars))
	for i, v := range vars {
		if !written[i] {
			continue
		}
		w.put(w.name(v.Name), info(KindVar, 0, false), w.ref(w.r.viewOf[v.Unit], v.Type), v.Linkage)
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
		if name := w.m.Names.Bytes(last.Section); !validSectionName(name) && w.err == nil {
			w.err = fmt.Errorf("section %q: name is not valid for a DATASEC: damaged file?", name)
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

// nonOverlapping returns the indexes of the variables, sorted by section and offset, without those
// that start inside another one: kernels refuse a DATASEC with overlapping entries.
func (m *Module) nonOverlapping() (list []int) {
	order := make([]int, len(m.vars))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(m.vars[a].SectionIndex, m.vars[b].SectionIndex),
			cmp.Compare(m.vars[a].Off, m.vars[b].Off))
	})
	section, end := -1, uint64(0)
	for _, i := range order {
		v := &m.vars[i]
		if v.SectionIndex != section {
			section, end = v.SectionIndex, 0
		}
		if start := uint64(v.Off); start >= end && start+uint64(v.Size) <= math.MaxUint32 {
			list, end = append(list, i), start+uint64(v.Size)
		}
	}
	return list
}
