// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfraw

// A Record is a type: three words that all have, and what follows them (btf.rst, section 2.2).
type Record struct {
	BTF  *BTF
	ID   uint32
	info uint32 // word 1
	data []byte // from the record to the end of the types
}

// at returns the type that begins at an offset in Types.
func (b *BTF) at(offset int, id uint32) Record {
	data := b.Types[offset:]
	return Record{b, id, b.word(data[4:]), data}
}

// Offset returns where in the section the type begins, in bytes.
func (r Record) Offset() int { return r.BTF.TypesAt + len(r.BTF.Types) - len(r.data) }

// Word returns the n-th word of 32 bits: name_off, info, size or type, and what follows these.
func (r Record) Word(n int) uint32 { return r.BTF.word(r.data[4*n:]) }

// The info word: vlen in the low 24 bits (16 in kernels before 7.2), kind in the next 7 (5),
// kind_flag in the highest.

func (r Record) Kind() Kind { return Kind(r.info >> 24 & 0x7f) }
func (r Record) Vlen() int  { return int(r.info & 0xffffff) }
func (r Record) Flag() bool { return r.info>>31 != 0 }

// Size returns the size in bytes of an INT, STRUCT, UNION, ENUM, ENUM64, DATASEC or FLOAT.
func (r Record) Size() uint32 { return r.Word(2) }

// Type returns the id that a PTR, TYPEDEF, VOLATILE, CONST, RESTRICT, FUNC, FUNC_PROTO, VAR,
// DECL_TAG or TYPE_TAG refers to. It is the same word as Size.
func (r Record) Type() uint32 { return r.Word(2) }

// Extra returns the word that follows the record of an INT (encoding, bit offset and bits), VAR
// (linkage) or DECL_TAG (component).
func (r Record) Extra() uint32 { return r.Word(3) }

// ArrayOf is what follows an ARRAY.
type ArrayOf struct{ Element, Index, Count uint32 }

// Array returns what follows an ARRAY.
func (r Record) Array() ArrayOf { return ArrayOf{r.Word(3), r.Word(4), r.Word(5)} }

// Item returns the n-th word of the i-th member, enumerator, parameter or variable that follows a
// record.
func (r Record) Item(i, n int) uint32 { return r.Word(3 + itemWords[r.Kind()&31]*i + n) }

// A Member is one of a STRUCT or UNION. Name is a name offset. Offset is in bits; Width is that of
// a bit field, or 0.
type Member struct{ Name, Type, Offset, Width uint32 }

// Member returns the i-th member of a STRUCT or UNION.
func (r Record) Member(i int) Member {
	m := Member{Name: r.Word(3 + 3*i), Type: r.Word(4 + 3*i), Offset: r.Word(5 + 3*i)}
	if r.Flag() {
		m.Offset, m.Width = m.Offset&0xffffff, m.Offset>>24
	}
	return m
}

// Value returns the i-th value of an ENUM or ENUM64: its bits, without a sign.
func (r Record) Value(i int) uint64 {
	v := uint64(r.Item(i, 1))
	if r.Kind() == Enum64 {
		v |= uint64(r.Item(i, 2)) << 32
	}
	return v
}

// A Variable is one of a DATASEC: a VAR, and where in the section it lies, in bytes.
type Variable struct{ Type, Offset, Size uint32 }

// Variable returns the i-th variable of a DATASEC.
func (r Record) Variable(i int) Variable {
	return Variable{r.Word(3 + 3*i), r.Word(4 + 3*i), r.Word(5 + 3*i)}
}

// NameOffset returns the name offset of the type's name.
func (r Record) NameOffset() uint32 { return r.Word(0) }

// Name returns the type's name.
func (r Record) Name() string { return r.Str(r.Word(0)) }

// Str returns the string at a name offset.
func (r Record) Str(off uint32) string { return string(r.BTF.Bytes(off)) }

// NameOffsets yields the name offsets of the type and of its members, enumerators or parameters.
func (r Record) NameOffsets(yield func(uint32) bool) {
	if !yield(r.Word(0)) {
		return
	}
	switch r.Kind() {
	case Struct, Union, Enum, Enum64, FuncProto:
		for i := range r.Vlen() {
			if !yield(r.Item(i, 0)) {
				return
			}
		}
	}
}

// References yields the ids that the type refers to, each with its place: -1 for the record's own,
// or the number of the member, parameter or variable. Those of an ARRAY are its element type, 0,
// and its index type, 1.
func (r Record) References(yield func(place int, id uint32) bool) {
	switch r.Kind() {
	case Ptr, Typedef, Volatile, Const, Restrict, Func, Var, DeclTag, TypeTag:
		yield(-1, r.Type())
	case Array:
		a := r.Array()
		_ = yield(0, a.Element) && yield(1, a.Index)
	case FuncProto:
		if !yield(-1, r.Type()) {
			return
		}
		fallthrough
	case Struct, Union:
		for i := range r.Vlen() {
			if !yield(i, r.Item(i, 1)) {
				return
			}
		}
	case Datasec:
		for i := range r.Vlen() {
			if !yield(i, r.Item(i, 0)) {
				return
			}
		}
	}
}
