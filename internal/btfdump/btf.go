// SPDX-License-Identifier: GPL-2.0-only

// Package btfdump writes BTF down for people: the raw records as bpftool does (raw.go), or a type as C (c.go).
//
// Rules are those of the kernel's Documentation/bpf/btf.rst. BTF that a kernel would refuse is shown too, as long as its
// records can be told apart and their names and references lead somewhere.
package btfdump

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/kbtf/kbtf/internal/btf"
)

// BTF is a .BTF section, read in place. Its ids and strings begin where those of its base end.
type BTF struct {
	blob    *btf.Blob
	base    *BTF
	records []uint32 // where each begins in the types, in bytes

	firstID     uint32
	firstString uint32
}

const recordSize = 12 // name_off, info, and a size or a type, bytes

// itemSize is how many bytes follow a record: once, and vlen times (btf.rst, section 2.2).
var itemSize = [btf.KindEnum64 + 1]struct{ once, each int }{
	btf.KindInt:       {4, 0},
	btf.KindArray:     {12, 0},
	btf.KindStruct:    {0, 12},
	btf.KindUnion:     {0, 12},
	btf.KindEnum:      {0, 8},
	btf.KindFuncProto: {0, 8},
	btf.KindVar:       {4, 0},
	btf.KindDatasec:   {0, 12},
	btf.KindDeclTag:   {4, 0},
	btf.KindEnum64:    {0, 12},
}

// Read takes the contents of a .BTF section, split against base or, if that is nil, standing alone. The bytes must not change.
func Read(raw []byte, base *BTF) (*BTF, error) {
	blob, err := btf.ParseBlob(raw)
	if err != nil {
		return nil, err
	}
	b := &BTF{blob: blob, base: base, firstID: 1}
	if base != nil {
		b.firstID, b.firstString = base.end(), base.firstString+uint32(len(base.blob.Strings))
	}
	for at := 0; at < len(blob.Types); {
		r := record{b, blob.Types[at:], b.end()}
		if len(r.data) < recordSize {
			return nil, fmt.Errorf("type %d is cut off", r.id)
		}
		if k := r.kind(); k == btf.KindVoid || int(k) >= len(itemSize) {
			return nil, fmt.Errorf("type %d has the unknown kind %d", r.id, k)
		}
		size := r.item(r.vlen())
		if size > len(r.data) {
			return nil, fmt.Errorf("type %d, %v, is cut off", r.id, r.kind())
		}
		b.records = append(b.records, uint32(at))
		at += size
	}
	return b, b.check()
}

// check makes sure that what records refer to is there.
func (b *BTF) check() error {
	for r := range b.own {
		for off := range r.names {
			if _, ok := b.lookup(off); !ok {
				hint := ""
				if b.base == nil {
					hint = ": split BTF, whose base is needed?"
				}
				return fmt.Errorf("type %d, %v: there is no string at %#x%s", r.id, r.kind(), off, hint)
			}
		}
		for id := range r.references {
			if id >= b.end() {
				return fmt.Errorf("type %d, %v: there is no type %d", r.id, r.kind(), id)
			}
		}
	}
	return nil
}

// Kinds counts the types by kind, without those of the base.
func (b *BTF) Kinds() (n [btf.KindEnum64 + 1]int) {
	for r := range b.own {
		n[r.kind()]++
	}
	return n
}

func (b *BTF) end() uint32 { return b.firstID + uint32(len(b.records)) }

// own yields the types without those of the base.
func (b *BTF) own(yield func(record) bool) {
	for id := b.firstID; id < b.end(); id++ {
		if !yield(b.record(id)) {
			return
		}
	}
}

// record gives the type of an id that is there; void has none.
func (b *BTF) record(id uint32) record {
	for id < b.firstID {
		b = b.base
	}
	return record{b, b.blob.Types[b.records[id-b.firstID]:], id}
}

// kind gives the kind of an id that is there.
func (b *BTF) kind(id uint32) btf.Kind {
	if id == 0 {
		return btf.KindVoid
	}
	return b.record(id).kind()
}

// lookup gives the string at an offset, without its NUL, and whether there is one.
func (b *BTF) lookup(off uint32) ([]byte, bool) {
	for b.base != nil && off < b.firstString {
		b = b.base
	}
	off -= b.firstString
	if uint64(off) >= uint64(len(b.blob.Strings)) {
		return nil, false
	}
	s := b.blob.Strings[off:]
	return s[:bytes.IndexByte(s, 0)], true
}

// A record is a type: the three words that all have, and what follows them.
type record struct {
	btf  *BTF
	data []byte
	id   uint32
}

func (r record) word(at int) uint32 { return binary.LittleEndian.Uint32(r.data[at:]) }
func (r record) kind() btf.Kind     { return btf.Kind(r.word(4) >> 24 & 0x7f) }
func (r record) vlen() int          { return int(r.word(4) & 0xffffff) }
func (r record) flag() bool         { return r.word(4)>>31 != 0 }

// third is the word behind the info: the size in bytes, or a type's id.
func (r record) third() uint32 { return r.word(8) }

// item is where the i-th of the things that follow a record begins.
func (r record) item(i int) int {
	size := itemSize[r.kind()]
	return recordSize + size.once + size.each*i
}

func (r record) name() []byte { return r.str(r.word(0)) }

func (r record) str(off uint32) []byte {
	s, _ := r.btf.lookup(off)
	return s
}

// bitOffset gives where member i lies, in bits, and the width of a bit field or 0 (btf.rst, section 2.2.4).
func (r record) bitOffset(i int) (offset, width uint32) {
	v := r.word(r.item(i) + 8)
	if r.flag() {
		return v & 0xffffff, v >> 24
	}
	return v, 0
}

// names yields the offsets of all strings of the record.
func (r record) names(yield func(off uint32) bool) {
	if !yield(r.word(0)) {
		return
	}
	switch r.kind() {
	case btf.KindStruct, btf.KindUnion, btf.KindEnum, btf.KindEnum64, btf.KindFuncProto:
		for i := range r.vlen() {
			if !yield(r.word(r.item(i))) {
				return
			}
		}
	}
}

// references yields the ids that the record refers to.
func (r record) references(yield func(id uint32) bool) {
	switch r.kind() {
	case btf.KindPtr, btf.KindTypedef, btf.KindVolatile, btf.KindConst, btf.KindRestrict, btf.KindFunc, btf.KindVar, btf.KindDeclTag, btf.KindTypeTag:
		yield(r.third())
	case btf.KindArray:
		_ = yield(r.word(recordSize)) && yield(r.word(recordSize+4))
	case btf.KindFuncProto, btf.KindStruct, btf.KindUnion:
		if r.kind() == btf.KindFuncProto && !yield(r.third()) {
			return
		}
		for i := range r.vlen() {
			if !yield(r.word(r.item(i) + 4)) {
				return
			}
		}
	case btf.KindDatasec:
		for i := range r.vlen() {
			if !yield(r.word(r.item(i))) {
				return
			}
		}
	}
}
