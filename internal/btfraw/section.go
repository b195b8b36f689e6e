// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package btfraw reads BTF record by record, in place: the header, the types, the strings, and
// split BTF on top of its base.
//
// It is the reader for the packages that check and print BTF. It shares no code with the encoder's
// package btf, so that a bug in one is detected by the other. Reading is split into steps for
// callers that report every problem (btfverify): ParseHeader, New and BTF.Index fail only where
// they cannot continue, and their errors have offsets. Read performs all steps and checks
// everything that callers rely on.
//
// cilium/ebpf/btf, which asks the running kernel (btfverify), reads well-formed BTF into Go types.
// It drops the bits of an INT, the difference between ENUM and ENUM64, kind_flag of tags, and the
// ids of DECL_TAGs; it reads 16 of the 24 bits of vlen; and it refuses malformed BTF, whose defects
// btfverify reports.
//
// The format is that of the kernel's Documentation/bpf/btf.rst.
package btfraw

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

const (
	Magic      = 0xeb9f
	HeaderSize = 24 // bytes, up to and including str_len; layout_off and layout_len may follow
	RecordSize = 12 // bytes: name_off, info, size or type
)

// Offsets of the header's fields, in bytes (btf.rst, section 2).
const (
	VersionAt   = 2
	FlagsAt     = 3
	HdrLenAt    = 4
	TypeOffAt   = 8
	StrOffAt    = 16
	LayoutOffAt = 24
)

// An Error describes a defect of BTF and its offset, in bytes from the start of the section.
type Error struct {
	Offset int
	Reason string
}

func (e *Error) Error() string { return e.Reason }

func errorAt(offset int, format string, args ...any) *Error {
	return &Error{offset, fmt.Sprintf(format, args...)}
}

// A Header is the beginning of a .BTF section.
type Header struct {
	Order                  binary.ByteOrder
	Version, Flags         uint8
	Length                 uint32 // bytes
	Types, Strings, Layout Part   // Layout is empty in a header that is too short for it
}

// A Part is a range of the section, in bytes from the end of the header.
type Part struct{ Offset, Size uint32 }

// End returns the offset after the part.
func (p Part) End() uint64 { return uint64(p.Offset) + uint64(p.Size) }

// ParseHeader reads the fields of the header; of their values it checks the magic number only.
func ParseHeader(raw []byte) (h Header, wrong *Error) {
	if len(raw) < HeaderSize {
		return h, errorAt(0, "%d bytes, a header has %d", len(raw), HeaderSize)
	}
	switch {
	case binary.LittleEndian.Uint16(raw) == Magic:
		h.Order = binary.LittleEndian
	case binary.BigEndian.Uint16(raw) == Magic:
		h.Order = binary.BigEndian
	default:
		return h, errorAt(0, "not BTF: %#02x%02x where the magic %#x belongs", raw[0], raw[1], Magic)
	}
	part := func(at int) Part { return Part{h.Order.Uint32(raw[at:]), h.Order.Uint32(raw[at+4:])} }
	h.Version, h.Flags, h.Length = raw[VersionAt], raw[FlagsAt], h.Order.Uint32(raw[HdrLenAt:])
	h.Types, h.Strings = part(TypeOffAt), part(StrOffAt)
	if h.Length >= LayoutOffAt+8 && len(raw) >= LayoutOffAt+8 {
		h.Layout = part(LayoutOffAt)
	}
	return h, nil
}

// BTF is a .BTF section. Its ids and strings begin where its base's end. The bytes are used in
// place and must not change.
type BTF struct {
	Order   binary.ByteOrder
	Base    *BTF // nil if it stands alone
	Types   []byte
	Strings []byte // the last one ends in a NUL

	TypesAt, StringsAt int // in the section, in bytes

	FirstID     uint32 // of its own types
	FirstString uint32 // name offset of its own strings' first byte

	records   []uint32 // where each begins in Types
	bigEndian bool
}

// New returns the BTF of a section whose parts are within it. It has no types before Index has
// found them.
func New(h Header, raw []byte, base *BTF) *BTF {
	b := &BTF{Order: h.Order, Base: base, FirstID: 1, bigEndian: h.Order == binary.ByteOrder(binary.BigEndian)}
	b.TypesAt, b.StringsAt = int(h.Length+h.Types.Offset), int(h.Length+h.Strings.Offset)
	if base != nil {
		b.FirstID, b.FirstString = base.End(), base.EndOfStrings()
	}
	body := raw[h.Length:]
	b.Types, b.Strings = body[h.Types.Offset:h.Types.End()], body[h.Strings.Offset:h.Strings.End()]
	return b
}

// Index finds where each type begins, up to the first one whose length is unknown. accept returns
// why a type is refused, or "".
func (b *BTF) Index(accept func(Record) string) *Error {
	b.records = make([]uint32, 0, len(b.Types)/24) // the average size of a type in vmlinux
	for at := 0; at < len(b.Types); {
		left := len(b.Types) - at
		if left < RecordSize {
			return errorAt(b.TypesAt+at, "type %d is cut off: %d bytes of %d", b.End(), left, RecordSize)
		}
		r := b.at(at, b.End())
		if reason := accept(r); reason != "" {
			return errorAt(b.TypesAt+at, "%s", reason)
		}
		k := r.Kind()
		if k == Void || k >= NumKinds {
			return errorAt(b.TypesAt+at, "type %d: there is no kind %d", r.ID, k)
		}
		size := RecordSize + kinds[k].once + kinds[k].each*r.Vlen()
		if size > left {
			return errorAt(b.TypesAt+at, "type %d, %v, is cut off: %d bytes of %d", r.ID, k, left, size)
		}
		b.records = append(b.records, uint32(at))
		at += size
	}
	return nil
}

// Read reads the contents of a .BTF section, split against base or, if that is nil, standing alone.
// All records, names and references of the result are within bounds.
func Read(raw []byte, base *BTF) (*BTF, error) {
	h, wrong := ParseHeader(raw)
	if wrong != nil {
		return nil, wrong
	}
	if h.Version != 1 {
		return nil, errorAt(VersionAt, "version %d, only 1 is known", h.Version)
	}
	if h.Length < HeaderSize || uint64(h.Length) > uint64(len(raw)) {
		return nil, errorAt(HdrLenAt, "header of %d bytes: at least %d, in a section of %d",
			h.Length, HeaderSize, len(raw))
	}
	for _, part := range []struct {
		Part
		name string
		at   int
	}{{h.Types, "types", TypeOffAt}, {h.Strings, "strings", StrOffAt}} {
		if end := uint64(len(raw)) - uint64(h.Length); part.End() > end {
			return nil, errorAt(part.at, "%s at %d, %d bytes: the section ends at %d",
				part.name, part.Offset, part.Size, end)
		}
	}
	b := New(h, raw, base)
	if wrong := b.checkStrings(); wrong != nil {
		return nil, wrong
	}
	if wrong := b.Index(func(Record) string { return "" }); wrong != nil {
		return nil, wrong
	}
	if err := b.checkBounds(); err != nil {
		return nil, err
	}
	return b, nil
}

func (b *BTF) checkStrings() *Error {
	if n := len(b.Strings); n > 0 && b.Strings[n-1] != 0 {
		return errorAt(b.StringsAt+n-1, "the last string has no NUL")
	}
	if b.FirstString == 0 && (len(b.Strings) == 0 || b.Strings[0] != 0) {
		return errorAt(b.StringsAt, "the first string is not empty: split BTF without its base?")
	}
	if uint64(b.FirstString)+uint64(len(b.Strings)) > math.MaxUint32 {
		return errorAt(b.StringsAt, "strings of base and split exceed 4 GiB")
	}
	return nil
}

// checkBounds checks that all names and references of the types exist.
func (b *BTF) checkBounds() error {
	strings, end := b.EndOfStrings(), b.End()
	for r := range b.All {
		for off := range r.NameOffsets {
			if off >= strings {
				return fmt.Errorf("type %d, %v: there is no string at %#x", r.ID, r.Kind(), off)
			}
		}
		for _, id := range r.References {
			if id >= end {
				return fmt.Errorf("type %d, %v: there is no type %d", r.ID, r.Kind(), id)
			}
		}
	}
	return nil
}

// NumTypes returns the number of types, without those of the base.
func (b *BTF) NumTypes() int { return len(b.records) }

// End returns the first id that neither the BTF nor its base has.
func (b *BTF) End() uint32 { return b.FirstID + uint32(len(b.records)) }

// EndOfStrings returns the first name offset after all strings.
func (b *BTF) EndOfStrings() uint32 { return b.FirstString + uint32(len(b.Strings)) }

// All yields the types, without those of the base.
func (b *BTF) All(yield func(Record) bool) {
	for i, at := range b.records {
		if !yield(b.at(int(at), b.FirstID+uint32(i))) {
			return
		}
	}
}

// Record returns the type of an id below End; void, id 0, has none.
func (b *BTF) Record(id uint32) Record {
	for id < b.FirstID {
		b = b.Base
	}
	return b.at(int(b.records[id-b.FirstID]), id)
}

// TypeName returns the kind and name of a type, and says so if an id has none.
func (b *BTF) TypeName(id uint32) string {
	if id == 0 || id >= b.End() {
		return "not a type"
	}
	r := b.Record(id)
	return fmt.Sprintf("%v %s", r.Kind(), r.Name())
}

// Kind returns the kind of an id below End.
func (b *BTF) Kind(id uint32) Kind {
	if id == 0 {
		return Void
	}
	return b.Record(id).Kind()
}

// CountKinds counts the types by kind, without those of the base.
func (b *BTF) CountKinds() (n [NumKinds]int) {
	for r := range b.All {
		n[r.Kind()]++
	}
	return n
}

// OwnerOf returns the BTF that has the string at a name offset: b, or its base.
func (b *BTF) OwnerOf(off uint32) *BTF {
	for b.Base != nil && off < b.FirstString {
		b = b.Base
	}
	return b
}

// Tail returns the strings from a name offset below EndOfStrings to the end.
func (b *BTF) Tail(off uint32) []byte {
	b = b.OwnerOf(off)
	return b.Strings[off-b.FirstString:]
}

// Bytes returns the string at a name offset below EndOfStrings, without its NUL.
func (b *BTF) Bytes(off uint32) []byte {
	s := b.Tail(off)
	return s[:bytes.IndexByte(s, 0)]
}

// Marshal returns a section with types and strings.
func Marshal(order binary.ByteOrder, types, strings []byte) []byte {
	raw := make([]byte, HeaderSize, HeaderSize+len(types)+len(strings))
	order.PutUint16(raw, Magic)
	raw[VersionAt] = 1
	for at, v := range map[int]int{
		HdrLenAt: HeaderSize, TypeOffAt + 4: len(types), StrOffAt: len(types), StrOffAt + 4: len(strings),
	} {
		order.PutUint32(raw[at:], uint32(v))
	}
	return append(append(raw, types...), strings...)
}

// Join returns the BTF and its base as one section that stands alone. The ids and names of split
// BTF continue those of its base, so nothing is renumbered.
func (b *BTF) Join() ([]byte, error) {
	var types, strings []byte
	for part := b; part != nil; part = part.Base {
		if part.Order != b.Order {
			return nil, errors.New("base and split are not in the same byte order")
		}
		types, strings = slices.Concat(part.Types, types), slices.Concat(part.Strings, strings)
	}
	return Marshal(b.Order, types, strings), nil
}

func (b *BTF) word(p []byte) uint32 {
	v := binary.LittleEndian.Uint32(p)
	if b.bigEndian {
		v = bits.ReverseBytes32(v)
	}
	return v
}
