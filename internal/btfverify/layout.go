// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfverify

import (
	"fmt"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// minPointer is the minimum size of a pointer in bytes, which BTF does not record.
const minPointer = 4

// layout checks that members and variables have enough room for their types. Kernels only check
// offsets.
func (v *verifier) layout(r btfraw.Record) error {
	switch r.Kind() {
	case btfraw.Struct, btfraw.Union:
		return v.membersFit(r)
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

func (v *verifier) membersFit(r btfraw.Record) error {
	last := uint64(0) // bit at which the member before ends
	for i := range r.Vlen() {
		m := r.Member(i)
		offset := uint64(m.Offset)
		end := offset + v.width(m.Type, m.Width)
		switch {
		case r.Kind() == btfraw.Struct && offset < last:
			return fmt.Errorf("%s: bit offset %d, and the one before ends at %d", member(r, i), offset, last)
		case end > 8*uint64(r.Size()):
			return fmt.Errorf("%s: ends at bit %d of a struct of %d bytes", member(r, i), end, r.Size())
		}
		last = end
	}
	return nil
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
		return min(n*min(each, 1<<31), 1<<31) // no product overflows
	case btfraw.Int, btfraw.Struct, btfraw.Union, btfraw.Enum, btfraw.Enum64, btfraw.Float:
		return uint64(r.Size())
	}
	return 0
}
