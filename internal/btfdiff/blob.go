// SPDX-License-Identifier: GPL-2.0-only

package btfdiff

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
)

// Kind is a BTF kind, spelled as in the kernel's Documentation/bpf/btf.rst.
type Kind uint8

const (
	Void Kind = iota
	Int
	Ptr
	Array
	Struct
	Union
	Enum
	Fwd
	Typedef
	Volatile
	Const
	Restrict
	Func
	FuncProto
	Var
	Datasec
	Float
	DeclTag
	TypeTag
	Enum64
	kindCount
)

var kindNames = [kindCount]string{
	"VOID", "INT", "PTR", "ARRAY", "STRUCT", "UNION", "ENUM", "FWD", "TYPEDEF", "VOLATILE", "CONST",
	"RESTRICT", "FUNC", "FUNC_PROTO", "VAR", "DATASEC", "FLOAT", "DECL_TAG", "TYPE_TAG", "ENUM64",
}

func (k Kind) String() string {
	if k < kindCount {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// itemSize is the size in bytes of what follows the 12-byte type record: a fixed part
// and a part that is repeated vlen times.
var itemSize = [kindCount]struct{ fixed, repeated int }{
	Int:       {4, 0},
	Array:     {12, 0},
	Struct:    {0, 12},
	Union:     {0, 12},
	Enum:      {0, 8},
	FuncProto: {0, 8},
	Var:       {4, 0},
	Datasec:   {0, 12},
	DeclTag:   {4, 0},
	Enum64:    {0, 12},
}

const (
	magic       = 0xeb9f
	headerSize  = 24 // up to and including str_len; 32 with layout_off and layout_len
	recordSize  = 12 // name_off, info, size or type
	maxRefDepth = 4096
)

// A blob is one .BTF section, read in place. Its ids start where the base's end.
type blob struct {
	order   binary.ByteOrder
	types   []byte
	strings []byte
	offsets []uint32 // of each type record in types
	base    *blob    // nil for a base

	firstID     uint32 // id of the first type: 1 for a base, whose type 0 is void
	firstString uint32 // offset of the first byte of strings: 0 for a base
}

// end is the first id that is neither the base's nor the blob's.
func (b *blob) end() uint32 { return b.firstID + uint32(len(b.offsets)) }

// parseBlob checks that every record, name and reference is within bounds.
func parseBlob(raw []byte, base *blob) (*blob, error) {
	b := &blob{base: base, firstID: 1}
	if base != nil {
		b.firstID = base.end()
		b.firstString = base.firstString + uint32(len(base.strings))
	}
	if len(raw) < headerSize {
		return nil, fmt.Errorf("btf: %d bytes are too short for a header", len(raw))
	}
	switch {
	case binary.LittleEndian.Uint16(raw) == magic:
		b.order = binary.LittleEndian
	case binary.BigEndian.Uint16(raw) == magic:
		b.order = binary.BigEndian
	default:
		return nil, fmt.Errorf("btf: bad magic %#02x%02x", raw[0], raw[1])
	}
	if raw[2] != 1 {
		return nil, fmt.Errorf("btf: version %d is not known", raw[2])
	}
	header := b.order.Uint32(raw[4:])
	if header < headerSize || uint64(header) > uint64(len(raw)) {
		return nil, fmt.Errorf("btf: bad header length %d", header)
	}
	body := raw[header:]
	section := func(at int, name string) ([]byte, error) {
		off, size := uint64(b.order.Uint32(raw[at:])), uint64(b.order.Uint32(raw[at+4:]))
		if off+size > uint64(len(body)) {
			return nil, fmt.Errorf("btf: %s section at %d, %d bytes, is outside of the data", name, off, size)
		}
		return body[off : off+size], nil
	}
	var err error
	if b.types, err = section(8, "type"); err != nil {
		return nil, err
	}
	if b.strings, err = section(16, "string"); err != nil {
		return nil, err
	}
	if n := len(b.strings); n > 0 && b.strings[n-1] != 0 {
		return nil, fmt.Errorf("btf: string section does not end in a NUL")
	}
	if b.firstString == 0 && (len(b.strings) == 0 || b.strings[0] != 0) {
		return nil, fmt.Errorf("btf: string section does not begin with an empty string: split BTF, whose base is needed?")
	}
	if uint64(b.firstString)+uint64(len(b.strings)) > math.MaxUint32 {
		return nil, fmt.Errorf("btf: strings of base and split exceed 4 GiB")
	}
	if err := b.index(); err != nil {
		return nil, err
	}
	return b, b.check()
}

// index finds where each record starts.
func (b *blob) index() error {
	for off := 0; off < len(b.types); {
		if len(b.types)-off < recordSize {
			return fmt.Errorf("btf: type %d is cut off", b.end())
		}
		r := record{b, b.types[off:]}
		if k := r.kind(); k == Void || k >= kindCount {
			return fmt.Errorf("btf: type %d has the unknown kind %d", b.end(), k)
		}
		item := itemSize[r.kind()]
		size := recordSize + item.fixed + item.repeated*r.vlen()
		if size > len(b.types)-off {
			return fmt.Errorf("btf: type %d, %v, is cut off", b.end(), r.kind())
		}
		b.offsets = append(b.offsets, uint32(off))
		off += size
	}
	if uint64(b.firstID)+uint64(len(b.offsets)) > math.MaxInt32 {
		return fmt.Errorf("btf: too many types")
	}
	return nil
}

// check makes sure that names and references, whoever asks for them later, exist.
func (b *blob) check() error {
	for id := b.firstID; id < b.end(); id++ {
		r := b.record(id)
		for name := range r.nameOffsets {
			if _, ok := b.lookup(name); !ok {
				return fmt.Errorf("btf: type %d, %v: there is no string at %d", id, r.kind(), name)
			}
		}
		for ref := range r.refs {
			if ref >= b.end() {
				return fmt.Errorf("btf: type %d, %v: there is no type %d", id, r.kind(), ref)
			}
		}
	}
	return nil
}

// lookup returns the string at an offset, without its NUL, and whether there is one.
func (b *blob) lookup(off uint32) ([]byte, bool) {
	for b.base != nil && off < b.firstString {
		b = b.base
	}
	off -= b.firstString
	if uint64(off) >= uint64(len(b.strings)) {
		return nil, false
	}
	s := b.strings[off:]
	return s[:bytes.IndexByte(s, 0)], true
}

// A record is one type: the three words that all have, and what follows them. Its
// methods may be used on records that index and check have accepted.
type record struct {
	blob *blob
	data []byte
}

// record returns the type of an id, the base's included; id 0, void, has none.
func (b *blob) record(id uint32) record {
	for id < b.firstID {
		b = b.base
	}
	return record{b, b.types[b.offsets[id-b.firstID]:]}
}

func (r record) word(at int) uint32 { return r.blob.order.Uint32(r.data[at:]) }

// The info word: vlen in the low 24 bits (16 before the header had 32 bytes), kind in
// the next 7 (5), kind_flag in the highest. The bits between used to be zero.
func (r record) vlen() int      { return int(r.word(4) & 0xffffff) }
func (r record) kind() Kind     { return Kind(r.word(4) >> 24 & 0x7f) }
func (r record) kindFlag() bool { return r.word(4)>>31 != 0 }
func (r record) item(i int) int { return recordSize + itemSize[r.kind()].repeated*i }
func (r record) name() string   { return r.str(r.word(0)) }
func (r record) str(o uint32) string {
	s, _ := r.blob.lookup(o)
	return string(s)
}

// bitOffset returns where member i lies, in bits, and the width of a bit field or 0.
func (r record) bitOffset(i int) (offset, width uint32) {
	v := r.word(r.item(i) + 8)
	if r.kindFlag() {
		return v & 0xffffff, v >> 24
	}
	return v, 0
}

// value returns value i of an ENUM or ENUM64, without a sign.
func (r record) value(i int) uint64 {
	at := r.item(i)
	if r.kind() == Enum64 {
		return uint64(r.word(at+8))<<32 | uint64(r.word(at+4))
	}
	return uint64(r.word(at + 4))
}

// A variable of a DATASEC: a VAR's id, and where in the section it lies, in bytes.
type datasecEntry struct{ typ, offset, size uint32 }

// datasec returns the section's variables by address, since their order says nothing.
func (r record) datasec() []datasecEntry {
	entries := make([]datasecEntry, r.vlen())
	for i := range entries {
		at := r.item(i)
		entries[i] = datasecEntry{r.word(at), r.word(at + 4), r.word(at + 8)}
	}
	slices.SortStableFunc(entries, func(a, b datasecEntry) int {
		return cmp.Or(cmp.Compare(a.offset, b.offset), cmp.Compare(a.size, b.size),
			cmp.Compare(r.blob.typeName(a.typ), r.blob.typeName(b.typ)))
	})
	return entries
}

// typeName returns the name of a type, or nothing if the id is void's or out of range.
func (b *blob) typeName(id uint32) string {
	if id == 0 || id >= b.end() {
		return ""
	}
	return b.record(id).name()
}

// label appends everything that the record says by itself: all but its references.
// Records of one class have equal labels.
func (r record) label(to []byte) []byte {
	kind, vlen := r.kind(), r.vlen()
	number := func(v uint32) { to = binary.LittleEndian.AppendUint32(to, v) }
	str := func(off uint32) {
		s, _ := r.blob.lookup(off)
		to = append(append(to, s...), 0)
	}
	number(r.word(4)) // kind, kind_flag and vlen
	str(r.word(0))
	switch kind {
	case Int, Struct, Union, Enum, Enum64, Datasec, Float:
		number(r.word(8)) // size; the other kinds have a reference there
	}
	switch kind {
	case Int, Var, DeclTag: // encoding, linkage, component
		number(r.word(recordSize))
	case Array:
		number(r.word(recordSize + 8)) // nelems
	case Struct, Union:
		for i := range vlen {
			str(r.word(r.item(i)))
			number(r.word(r.item(i) + 8)) // offset and size in bits
		}
	case Enum:
		for i := range vlen {
			str(r.word(r.item(i)))
			number(r.word(r.item(i) + 4))
		}
	case Enum64:
		for i := range vlen {
			str(r.word(r.item(i)))
			number(r.word(r.item(i) + 4))
			number(r.word(r.item(i) + 8))
		}
	case FuncProto:
		for i := range vlen {
			str(r.word(r.item(i)))
		}
	case Datasec:
		for _, entry := range r.datasec() {
			number(entry.offset)
			number(entry.size)
		}
	}
	return to
}

// A tag is what C calls the name of a struct, union or enum: declarations and
// definitions that share it are meant to be the same type.
type tag struct {
	kind Kind // Struct, Union or Enum
	name string
}

// tag returns the record's tag, if it has one.
func (r record) tag() (tag, bool) {
	kind := r.kind()
	switch kind {
	case Struct, Union, Enum:
	case Enum64:
		kind = Enum
	case Fwd:
		kind = Struct
		if r.kindFlag() {
			kind = Union
		}
	default:
		return tag{}, false
	}
	name := r.name()
	return tag{kind, name}, name != ""
}

// tag returns the tag of an id's type, if it has one; void has none.
func (b *blob) tag(id uint32) (tag, bool) {
	if id == 0 {
		return tag{}, false
	}
	return b.record(id).tag()
}

// isDeclaration says whether the type only declares a name that another may define.
func (r record) isDeclaration() bool {
	switch r.kind() {
	case Fwd:
		return true
	case Enum, Enum64:
		return r.vlen() == 0 && r.word(0) != 0
	}
	return false
}

// nameOffsets yields the offset of each name in the record, its own first.
func (r record) nameOffsets(yield func(uint32) bool) {
	if !yield(r.word(0)) {
		return
	}
	switch r.kind() {
	case Struct, Union, Enum, Enum64, FuncProto:
		for i := range r.vlen() {
			if !yield(r.word(r.item(i))) {
				return
			}
		}
	}
}

// refs yields the id of each type that the record refers to, in order. An array's
// are its element type and then its index type.
func (r record) refs(yield func(uint32) bool) {
	switch r.kind() {
	case Ptr, Typedef, Volatile, Const, Restrict, Func, Var, DeclTag, TypeTag:
		yield(r.word(8))
	case Array:
		_ = yield(r.word(recordSize)) && yield(r.word(recordSize+4))
	case FuncProto:
		if !yield(r.word(8)) {
			return
		}
		fallthrough
	case Struct, Union:
		for i := range r.vlen() {
			if !yield(r.word(r.item(i) + 4)) {
				return
			}
		}
	case Datasec:
		for _, entry := range r.datasec() {
			if !yield(entry.typ) {
				return
			}
		}
	}
}
