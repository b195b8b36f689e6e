// SPDX-License-Identifier: GPL-2.0-only

package btfverify

import (
	"bytes"
	"encoding/binary"
	"sync"
)

// BTF is the contents of a .BTF section, read in place. Its ids and strings begin where the base's end.
type BTF struct {
	order   binary.ByteOrder
	types   []byte
	strings []byte   // NUL at its end
	records []uint32 // where each begins in types
	base    *BTF     // nil if it stands alone

	firstID     uint32 // of its own types
	firstString uint32 // name offset of its own strings' first byte
	typesAt     int    // where types begin in the section, in bytes

	essencesOnce sync.Once
	essences     map[essence]bool // distilled.go
}

// Types is how many types the BTF has without its base's.
func (b *BTF) Types() int { return len(b.records) }

// end is the first id that is not there.
func (b *BTF) end() uint32 { return b.firstID + uint32(len(b.records)) }

func (b *BTF) endOfStrings() uint32 { return b.firstString + uint32(len(b.strings)) }

// record returns the type of an id that is there; void has none.
func (b *BTF) record(id uint32) record {
	for id < b.firstID {
		b = b.base
	}
	return record{b, b.types[b.records[id-b.firstID]:], id}
}

// kind returns the kind of an id that is there.
func (b *BTF) kind(id uint32) Kind {
	if id == 0 {
		return Void
	}
	return b.record(id).kind()
}

// name returns the string at a name offset, and whether there is one; of one that is too long for a name as much as tells that. Strings
// may overlap: to look at all of many long ones would take forever.
func (b *BTF) name(off uint32) ([]byte, bool) {
	owner := b.stringsOf(off)
	off -= owner.firstString
	if uint64(off) >= uint64(len(owner.strings)) {
		return nil, false
	}
	return beginning(owner.strings[off:]), true
}

// beginning cuts a string off where it ends, or has become too long for a name.
func beginning(s []byte) []byte {
	s = s[:min(len(s), maxNameLength+1)]
	if n := bytes.IndexByte(s, 0); n >= 0 {
		s = s[:n]
	}
	return s
}

// stringsOf finds whose string an offset means: the BTF's or its base's.
func (b *BTF) stringsOf(off uint32) *BTF {
	if b.base != nil && off < b.firstString {
		return b.base
	}
	return b
}

// A record is a type: name_off, info, a size or type, and what follows these 12 bytes.
type record struct {
	btf  *BTF
	data []byte
	id   uint32
}

const recordSize = 12

func (r record) word(at int) uint32 { return r.btf.order.Uint32(r.data[at:]) }
func (r record) kind() Kind         { return Kind(r.word(4) >> 24 & 0x7f) }
func (r record) vlen() int          { return int(r.word(4) & 0xffffff) }
func (r record) flag() bool         { return r.word(4)>>31 != 0 }
func (r record) third() uint32      { return r.word(8) }
func (r record) form() *kindForm    { return &kinds[r.kind()] }

// item is where the i-th of the things that follow a record begins.
func (r record) item(i int) int { return recordSize + r.form().each*i }

func (r record) name() string { return r.str(r.word(0)) }

func (r record) str(off uint32) string {
	s, _ := r.btf.name(off)
	return string(s)
}

// bitOffset returns where member i lies, in bits, and the width of a bit field or 0 (btf.rst, section 2.2.4).
func (r record) bitOffset(i int) (offset, width uint32) {
	v := r.word(r.item(i) + 8)
	if r.flag() {
		return v & 0xffffff, v >> 24
	}
	return v, 0
}

// references yields what a record refers to, each with the place of the reference: the record itself as -1, or the number of
// what follows it.
func (r record) references(yield func(place int, id uint32) bool) {
	if r.form().third == typeID && !yield(-1, r.third()) {
		return
	}
	switch r.kind() {
	case Array:
		_ = yield(0, r.word(recordSize)) && yield(1, r.word(recordSize+4))
	case Struct, Union, FuncProto:
		for i := range r.vlen() {
			if !yield(i, r.word(r.item(i)+4)) {
				return
			}
		}
	case Datasec:
		for i := range r.vlen() {
			if !yield(i, r.word(r.item(i))) {
				return
			}
		}
	}
}
