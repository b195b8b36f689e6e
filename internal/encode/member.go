// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"fmt"

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
	typ := btf.Type{Kind: btf.KindStruct, Name: n, Size: uint32(size)}
	if union {
		typ.Kind = btf.KindUnion
	}
	i := t.add(r, typ)
	t.annotate(r, i, btf.WholeDecl)
	if size > maxSize {
		t.unit.Types[i].Size = 0
		t.note("%s: members left out: %d bytes are too large for BTF", t.tag(i), size)
		return nil
	}
	return t.readMembers(r, i)
}

// maxSize is the size of the largest struct in BTF, in bytes.
const maxSize = 1<<32 - 1

// tag returns the tag of a struct or union for a note.
func (t *unitTypes) tag(typ uint32) string {
	s := &t.unit.Types[typ]
	word := "struct"
	if s.Kind == btf.KindUnion {
		word = "union"
	}
	if s.Name == 0 {
		return word + " without a tag"
	}
	return word + " " + string(t.unit.Text(s.Name))
}

// leaveOut notes a member that BTF cannot express. Its place remains as padding.
func (t *unitTypes) leaveOut(typ uint32, member btf.Name, why string, args ...any) {
	t.note("%s: member %q left out: %s", t.tag(typ), t.unit.Text(member), fmt.Sprintf(why, args...))
}

// note notes what is left out of a type.
func (t *unitTypes) note(format string, args ...any) {
	if len(t.notes) <= maxNotes {
		t.notes = append(t.notes, fmt.Sprintf(format, args...))
	}
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
	t.target.depth = -1 // until the member is added
	if size > 255 {
		t.leaveOut(o.typ, n, "a bit field of %d bits", size)
		return nil
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
	// A struct with bit fields has 24 bits for the offsets of all its members.
	if (size != 0 || o.wide) && offset > 0xffffff || offset > maxOffset {
		t.leaveOut(o.typ, n, memberTooFar, offset)
		return nil
	}
	if offset%8 != 0 && size == 0 {
		t.leaveOut(o.typ, n, "at bit %d, and not a bit field", offset)
		return nil
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
