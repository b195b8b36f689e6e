// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfverify

import (
	"fmt"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// minPointer is the minimum size of a pointer in bytes, which BTF does not record.
const minPointer = 4

// maxSize is the size of the largest type in bytes.
const maxSize = 1<<32 - 1

// layout checks that members and variables have enough room for their types, and that bit fields
// are of a type that can have them.
func (v *verifier) layout(r btfraw.Record) error {
	switch r.Kind() {
	case btfraw.Struct, btfraw.Union:
		return v.membersFit(r)
	case btfraw.Array:
		if v.size(r.ID, 0) > maxSize {
			return fmt.Errorf("%d elements of %s: more than 4 GiB", r.Array().Count, v.describe(r.Array().Element))
		}
	case btfraw.Datasec:
		for i := range r.Vlen() {
			at := r.Variable(i)
			of := v.Record(at.Type)
			if need, room := v.size(of.Type(), 0), uint64(at.Size); need > room {
				return fmt.Errorf("variable %d: %s needs %d bytes, has %d", i, v.describe(of.ID), need, room)
			}
		}
	}
	return nil
}

// membersFit checks each member by itself: members may overlap, but the order of their offsets is
// checked by contents.
func (v *verifier) membersFit(r btfraw.Record) error {
	for i := range r.Vlen() {
		m := r.Member(i)
		end := uint64(m.Offset) + v.width(m.Type, m.Width)
		switch longest := v.longestBitField(m.Type); {
		case m.Width > longest:
			return fmt.Errorf("%s: bit field of %d bits, its type can have %d", member(r, i), m.Width, longest)
		case m.Width == 0 && m.Offset%8 != 0 && (longest == 0 || r.Flag()):
			return fmt.Errorf("%s: bit offset %d is not that of a byte", member(r, i), m.Offset)
		case end > 8*uint64(r.Size()):
			return fmt.Errorf("%s: ends at bit %d of a struct of %d bytes", member(r, i), end, r.Size())
		}
	}
	return nil
}

// longestBitField returns how many bits a bit field of a type may have, 0 for types that have none.
func (v *verifier) longestBitField(id uint32) uint32 {
	id = v.strip(id)
	switch v.Kind(id) {
	case btfraw.Int:
		return 8 * v.Record(id).Size()
	case btfraw.Enum, btfraw.Enum64:
		return min(8*v.Record(id).Size(), 32)
	}
	return 0
}

// width returns the minimum size of a member in bits. width is that of a bit field with kind_flag,
// or 0.
func (v *verifier) width(id, width uint32) uint64 {
	if width > 0 {
		return uint64(width)
	}
	if r := v.strip(id); v.Kind(r) == btfraw.Int {
		return uint64(v.Record(r).Extra() & 0xff) // a bit field without kind_flag has an INT of its own
	}
	return 8 * v.size(id, 0)
}

// size returns the minimum size of a type in bytes, 0 if it is unknown.
func (b *BTF) size(id uint32, depth int) uint64 {
	if id = b.strip(id); id == 0 || depth > maxChain {
		return 0
	}
	switch r := b.Record(id); r.Kind() {
	case btfraw.Ptr:
		return minPointer
	case btfraw.Array:
		a := r.Array()
		n, each := uint64(a.Count), b.size(a.Element, depth+1)
		return n * min(each, 1<<32-1) // no product overflows
	case btfraw.Int, btfraw.Struct, btfraw.Union, btfraw.Enum, btfraw.Enum64, btfraw.Float:
		return uint64(r.Size())
	}
	return 0
}
