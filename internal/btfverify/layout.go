// SPDX-License-Identifier: GPL-2.0-only

package btfverify

import "fmt"

// minPointer is the size of a pointer in bytes where BTF does not say it: at least that.
const minPointer = 4

// layout checks that members and variables have the room that their types need. Kernels look at the offsets only.
func (v *verifier) layout(r record) error {
	switch r.kind() {
	case Struct, Union:
		return v.membersFit(r)
	case Datasec:
		for i := range r.vlen() {
			of := v.record(r.word(r.item(i)))
			if need, room := v.size(of.third(), 0), uint64(r.word(r.item(i)+8)); need > room {
				return fmt.Errorf("variable %d: %s needs %d bytes, has %d", i, v.describe(of.id), need, room)
			}
		}
	}
	return nil
}

func (v *verifier) membersFit(r record) error {
	last := uint64(0) // bit at which the member before ends
	for i := range r.vlen() {
		offset, width := r.bitOffset(i)
		end := uint64(offset) + v.width(r.word(r.item(i)+4), width)
		switch {
		case r.kind() == Struct && uint64(offset) < last:
			return fmt.Errorf("%s: bit offset %d, and the one before ends at %d", member(r, i), offset, last)
		case end > 8*uint64(r.third()):
			return fmt.Errorf("%s: ends at bit %d of a struct of %d bytes", member(r, i), end, r.third())
		}
		last = end
	}
	return nil
}

// width is how many bits a member takes, at least. width is that of a bit field with kind_flag, or 0.
func (v *verifier) width(id, width uint32) uint64 {
	if width > 0 {
		return uint64(width)
	}
	if r := v.strip(id); v.kind(r) == Int {
		return uint64(v.record(r).word(recordSize) & 0xff) // a bit field without kind_flag has an INT of its own
	}
	return 8 * v.size(id, 0)
}

// size is how many bytes a type takes, at least; 0 where that is not known.
func (b *BTF) size(id uint32, depth int) uint64 {
	if id = b.strip(id); id == 0 || depth > maxChain {
		return 0
	}
	switch r := b.record(id); r.kind() {
	case Ptr:
		return minPointer
	case Array:
		n, each := uint64(r.word(recordSize+8)), b.size(r.word(recordSize), depth+1)
		return min(n*min(each, 1<<31), 1<<31) // no product overflows
	case Int, Struct, Union, Enum, Enum64, Float:
		return uint64(r.third())
	}
	return 0
}
