// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/dwarf"
)

func (t *unitTypes) composite(r *dwarf.Reader) error {
	n, err := t.name(r, dwarf.AttrName)
	if err != nil {
		return err
	}
	union := r.Tag == dwarf.TagUnionType
	if r.Flag(dwarf.AttrDeclaration) {
		if n == 0 {
			return dieError(r, "a declaration of a struct or union without a name")
		}
		t.add(r, btf.Type{Kind: btf.KindFwd, Name: n, KindFlag: union})
		return nil
	}
	size, _ := r.Uint(dwarf.AttrByteSize)
	if size > 1<<32-1 {
		return dieError(r, "a struct of %d bytes", size)
	}
	typ := btf.Type{Kind: btf.KindStruct, Name: n, Size: uint32(size)}
	if union {
		typ.Kind = btf.KindUnion
	}
	i := t.add(r, typ)
	t.annotate(r, i, btf.WholeDecl)
	return t.readMembers(r, i)
}

func (t *unitTypes) member(r *dwarf.Reader, o *openType) error {
	n, err := t.name(r, dwarf.AttrName)
	if err != nil {
		return err
	}
	var location uint64 // bytes
	if r.Has(dwarf.AttrMemberLocation) {
		if v, ok := r.Uint(dwarf.AttrMemberLocation); ok {
			location = v
		} else if r.Class[dwarf.AttrMemberLocation] == dwarf.ClassExpr {
			location, _ = r.ConstantExpr(dwarf.AttrMemberLocation)
		}
	}
	size, _ := r.Uint(dwarf.AttrBitSize)
	dataBit, hasDataBit := r.Uint(dwarf.AttrDataBitOffset)
	offset := 8 * location // bits
	storage, _ := r.Uint(dwarf.AttrByteSize)
	if size > 255 {
		return dieError(r, "a bit field of %d bits", size)
	}
	number := uint32(len(t.members))
	switch {
	case hasDataBit:
		offset = dataBit
	case size != 0 && r.Has(dwarf.AttrBitOffset):
		// DWARF 2 and 3 (also 4, section 5.5.6): counted from the most significant bit of the
		// storage unit.
		bitOffset, _ := r.Uint(dwarf.AttrBitOffset)
		if storage == 0 {
			t.bitfields = append(t.bitfields, bitfield{number | pending, location, bitOffset, size})
		} else {
			offset = bitfieldOffset(location, storage, bitOffset, size, t.bigEndian)
		}
	}
	if size != 0 && offset > 0xffffff || offset > maxOffset {
		return dieError(r, memberTooFar, offset)
	}
	if offset%8 != 0 && size == 0 {
		return dieError(r, "a member at bit %d that is not a bit field", offset)
	}
	o.wide = o.wide || size != 0
	t.target = annotationTarget{r.Depth, o.typ, number - uint32(o.from)}
	t.annotate(r, o.typ, t.target.component)
	t.members = append(t.members,
		btf.Member{Name: n, Type: t.ref(r), Offset: uint32(offset) | uint32(size)<<24})
	return nil
}

// bitfieldOffset converts DW_AT_bit_offset to bits from the start of the struct. location and
// storage are in bytes.
func bitfieldOffset(location, storage, bitOffset, size uint64, bigEndian bool) uint64 {
	if bigEndian {
		return 8*location + bitOffset
	}
	return 8*location + 8*storage - bitOffset - size
}
