// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import "fmt"

// Distil makes the BTF of a module independent of the type ids of its base, for kernels that are
// rebuilt with the same types but other ids. It returns a small base with the types that the split
// BTF refers to, and the split BTF against that small base. When a kernel since 6.11 loads the
// module, it finds the small base in .BTF.base, looks up its types in the kernel's own BTF by kind,
// name and size, and renumbers (btf.rst, section 4.2).
//
// The small base has the INTs, FLOATs and FWDs that the split BTF reaches, and each struct, union
// and enum with a tag, without members. All other types on the way - pointers, arrays, typedefs,
// types without a name - cannot be looked up and move to the end of the split BTF.
func Distil(base *Base, split []byte) (distilled, small []byte, err error) {
	if err := base.Ready(); err != nil {
		return nil, nil, err
	}
	b, err := ParseBlob(split)
	if err != nil {
		return nil, nil, err
	}
	d := distiller{base: base, split: b, firstID: uint32(base.NumTypes()) + 1,
		keep: make([]bool, base.NumTypes()+1)}
	own, err := b.records()
	if err != nil {
		return nil, nil, err
	}
	end := d.firstID + uint32(len(own))
	for i, r := range own {
		r.mapRefs(func(id uint32) uint32 {
			if id >= end {
				err = fmt.Errorf("BTF type %d: reference to type %d, which does not exist",
					d.firstID+uint32(i), id)
			}
			d.reach(id)
			return id
		})
	}
	if err != nil {
		return nil, nil, err
	}

	d.keepOne()

	// Number the small base first, then the split's own types, then the types that move there.
	d.ids = make([]uint32, len(d.keep))
	next := uint32(1)
	var moved []uint32
	for id := uint32(1); id < uint32(len(d.keep)); id++ {
		switch {
		case !d.keep[id]:
		case isDistillable(base, id):
			d.ids[id] = next
			next++
		default:
			moved = append(moved, id)
		}
	}
	d.shift = d.firstID - next
	for i, id := range moved {
		d.ids[id] = next + uint32(len(own)+i)
	}

	d.small = stringTable{bytes: []byte{0}, offsets: map[string]uint32{"": 0}}
	var baseTypes []byte
	for id := uint32(1); id < uint32(len(d.keep)); id++ {
		if d.keep[id] && isDistillable(base, id) {
			if baseTypes, err = d.stub(baseTypes, id); err != nil {
				return nil, nil, err
			}
		}
	}
	d.own = stringTable{start: uint32(len(d.small.bytes)), offsets: map[string]uint32{}}
	var types []byte
	for _, r := range own {
		if types, err = d.rewrite(types, r); err != nil {
			return nil, nil, err
		}
	}
	for _, id := range moved {
		if types, err = d.rewrite(types, base.record(id)); err != nil {
			return nil, nil, err
		}
	}
	if distilled, err = marshal(types, d.own.bytes, b.Order, false); err != nil {
		return nil, nil, err
	}
	small, err = marshal(baseTypes, d.small.bytes, b.Order, false)
	return distilled, small, err
}

type distiller struct {
	base    *Base
	split   *Blob
	firstID uint32   // first id of the split's own types
	keep    []bool   // by id in the base: reached
	ids     []uint32 // by id in the base: its new id
	shift   uint32   // how far the ids of the split's own types decrease
	small   stringTable
	own     stringTable
}

// reach marks a type of the base and the types that it leads to.
func (d *distiller) reach(id uint32) {
	if id == 0 || id >= d.firstID || d.keep[id] {
		return
	}
	d.keep[id] = true
	if !isDistillable(d.base, id) {
		for _, ref := range d.base.refsOf(id, nil) {
			d.reach(ref)
		}
	}
}

// keepOne keeps any type of the small base if none is reached: kernels refuse a base without types.
func (d *distiller) keepOne() {
	first := uint32(0)
	for id := uint32(1); id < uint32(len(d.keep)); id++ {
		if !isDistillable(d.base, id) {
			continue
		}
		if d.keep[id] {
			return
		}
		if first == 0 {
			first = id
		}
	}
	d.keep[first] = true
}

// isDistillable reports whether the kernel can look up a type by name, so that it stays in the
// base.
func isDistillable(b *Base, id uint32) bool {
	if b.Strings[le32(b.Types[b.off[id]:])] == 0 {
		return false
	}
	inf := b.info(id)
	switch infoKind(inf) {
	case KindInt, KindFloat, KindFwd:
		return true
	}
	return tagClassOf(infoKind(inf), infoFlag(inf)) != notTag
}

// stub appends a type of the small base, without members or enumerators.
func (d *distiller) stub(to []byte, id uint32) ([]byte, error) {
	r := d.base.record(id)
	kind := infoKind(le32(r[4:]))
	at := len(to)
	switch kind {
	case KindInt:
		to = append(to, r[:typeSize+4]...)
	case KindFloat, KindFwd:
		to = append(to, r[:typeSize]...)
	default:
		if kind == KindEnum64 {
			kind = KindEnum
		}
		to = append(to, r[:typeSize]...)
		put32(to[at+4:], info(kind, 0, false))
	}
	name, err := d.base.str(le32(r))
	put32(to[at:], d.small.offset(name))
	return to, err
}

// rewrite appends a type with its new name offsets and references.
func (d *distiller) rewrite(to []byte, r rawType) ([]byte, error) {
	at := len(to)
	to = append(to, r...)
	fresh := rawType(to[at:])
	fresh.mapRefs(func(id uint32) uint32 {
		if id >= d.firstID {
			return id - d.shift
		}
		return d.ids[id]
	})
	var err error
	fresh.mapNames(func(off uint32) uint32 {
		name, nameErr := d.name(off)
		if nameErr != nil {
			err = nameErr
		}
		if off, ok := d.small.offsets[string(name)]; ok {
			return off
		}
		return d.own.offset(name)
	})
	return to, err
}

// name returns a string of the base or of the split.
func (d *distiller) name(off uint32) ([]byte, error) {
	if off < uint32(len(d.base.Strings)) {
		return d.base.str(off)
	}
	name, err := d.split.str(off - uint32(len(d.base.Strings)))
	if err != nil {
		err = fmt.Errorf("%w of the split", err)
	}
	return name, err
}

// stringTable is a string section under construction.
type stringTable struct {
	start   uint32 // offset of its first byte
	bytes   []byte
	offsets map[string]uint32
}

func (t *stringTable) offset(s []byte) uint32 {
	off, ok := t.offsets[string(s)]
	if !ok {
		off = t.start + uint32(len(t.bytes))
		t.offsets[string(s)] = off
		t.bytes = append(append(t.bytes, s...), 0)
	}
	return off
}

// rawType is a struct btf_type and the bytes that follow it, little endian.
type rawType []byte

// records returns the types, in the memory of the blob.
func (b *Blob) records() ([]rawType, error) {
	var list []rawType
	for pos := 0; pos < len(b.Types); {
		end, ok := typeEnd(b.Types, pos)
		if !ok {
			return nil, fmt.Errorf("malformed BTF type at offset %d", pos)
		}
		list = append(list, rawType(b.Types[pos:end]))
		pos = end
	}
	return list, nil
}

func (b *Base) record(id uint32) rawType {
	t := b.Types[b.off[id]:]
	return rawType(t[:typeSize+tailSize(le32(t[4:]))])
}

// CountTypes returns the number of types without void.
func (b *Blob) CountTypes() int {
	types, _ := b.records()
	return len(types)
}

// mapRefs replaces each reference of a type.
func (r rawType) mapRefs(to func(id uint32) uint32) {
	r.eachRef(func(at int) { put32(r[at:], to(le32(r[at:]))) })
}

// eachRef visits the offset in bytes of each reference of a type.
func (r rawType) eachRef(visit func(at int)) {
	inf := le32(r[4:])
	switch infoKind(inf) {
	case KindPtr, KindTypedef, KindVolatile, KindConst, KindRestrict, KindFunc, KindVar,
		KindDeclTag, KindTypeTag:
		visit(8)
	case KindArray:
		visit(typeSize)
		visit(typeSize + 4)
	case KindStruct, KindUnion:
		for i := range infoVlen(inf) {
			visit(typeSize + 12*i + 4)
		}
	case KindDatasec:
		for i := range infoVlen(inf) {
			visit(typeSize + 12*i)
		}
	case KindFuncProto:
		visit(8)
		for i := range infoVlen(inf) {
			visit(typeSize + 8*i + 4)
		}
	}
}

// mapNames replaces the offset of each name of a type.
func (r rawType) mapNames(to func(off uint32) uint32) {
	at := func(pos int) {
		if off := le32(r[pos:]); off != 0 {
			put32(r[pos:], to(off))
		}
	}
	at(0)
	inf := le32(r[4:])
	size := 0
	switch infoKind(inf) {
	case KindStruct, KindUnion, KindEnum64:
		size = 12
	case KindEnum, KindFuncProto:
		size = 8
	}
	if size > 0 {
		for i := range infoVlen(inf) {
			at(typeSize + size*i)
		}
	}
}
