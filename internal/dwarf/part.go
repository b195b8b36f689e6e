// SPDX-License-Identifier: GPL-2.0-only

package dwarf

import (
	"encoding/binary"
	"math/bits"
)

// Part is a DIE of those that make up most of a unit: a member, an enumerator, a parameter of a pointer to a function.
type Part struct {
	Name   StrRef // NoName if it has none
	Type   uint64 // offset of a DIE from the start of .debug_info, 0 if it has none
	Number uint64 // DW_AT_data_member_location or DW_AT_const_value, 0 if it has none
}

// NoName is the Name of a part without one: no string stands there.
const NoName = ^StrRef(0)

// partLayout says where the attributes of a plain part stand: a name comes first, the rest has a fixed size.
type partLayout struct {
	plain    bool
	name     uint16 // its form, 0: none
	typ      int16  // bytes behind the name, -1: none
	number   int16
	width    uint8 // of the number, bytes
	size     uint16
	implicit uint64 // the number, where the abbreviation has it
}

// layOut tells whether a DIE without children has a plain part's attributes, in 32-bit DWARF.
func layOut(ops []op) partLayout {
	p := partLayout{plain: true, typ: -1, number: -1}
	for i, o := range ops {
		at := int16(p.size)
		switch {
		case o.form == opSkip && o.arg < 1<<10:
			p.size += uint16(o.arg)
		case i == 0 && o.attr == AttrName && (o.form == formStrp || o.form == formString):
			p.name = o.form
		case o.attr == AttrType && o.form == formRef4 && p.typ < 0:
			p.typ, p.size = at, p.size+4
		case o.attr != AttrMemberLocation && o.attr != AttrConstValue || p.number >= 0:
			return partLayout{}
		case o.form == formImplicitCon:
			p.implicit = uint64(o.arg)
		case o.form == formData1:
			p.number, p.width, p.size = at, 1, p.size+1
		case o.form == formData2:
			p.number, p.width, p.size = at, 2, p.size+2
		case o.form == formData4:
			p.number, p.width, p.size = at, 4, p.size+4
		default:
			return partLayout{}
		}
		if p.size > 1<<12 {
			return partLayout{}
		}
	}
	return p
}

// NextPart reads the next DIE into p if it is a plain one of this tag. Else it returns false, and the DIE is still the next one. Of the
// reader's fields only Off follows.
func (r *Reader) NextPart(tag Tag, p *Part) bool {
	info, pos := r.info, r.pos
	if pos+1 >= uint64(len(info)) {
		return false
	}
	code := uint64(info[pos])
	if pos++; code >= 0x80 {
		if info[pos] >= 0x80 {
			return false
		}
		code, pos = code&0x7f|uint64(info[pos])<<7, pos+1
	}
	byCode := r.abbrevs.byCode
	if code >= uint64(len(byCode)) {
		return false
	}
	a := &byCode[code]
	l := &a.part
	if a.tag != tag || !l.plain {
		return false
	}
	name := NoName
	switch l.name {
	case formStrp:
		if pos+4 > uint64(len(info)) {
			return false
		}
		name = strInDebugStr | StrRef(r.rel.Value(pos, uint64(r.get32(pos))))&strOffMask
		pos += 4
	case formString:
		name = strInInfo | StrRef(pos)
		for pos < uint64(len(info)) && info[pos] != 0 {
			pos++
		}
		pos++
	}
	end := pos + uint64(l.size)
	if end > uint64(len(info)) {
		return false
	}
	p.Name, p.Type, p.Number = name, 0, l.implicit
	if l.typ >= 0 {
		p.Type = uint64(r.get32(pos+uint64(l.typ))) + r.u.Off
	}
	if l.number >= 0 {
		at := pos + uint64(l.number)
		switch l.width {
		case 1:
			p.Number = uint64(info[at])
		case 2:
			v := binary.LittleEndian.Uint16(info[at:])
			if r.be {
				v = bits.ReverseBytes16(v)
			}
			p.Number = uint64(v)
		default:
			p.Number = r.rel.Value(at, uint64(r.get32(at)))
		}
	}
	r.Off, r.pos = r.pos, end
	return true
}

func (r *Reader) get32(at uint64) uint32 {
	v := binary.LittleEndian.Uint32(r.info[at:])
	if r.be {
		v = bits.ReverseBytes32(v)
	}
	return v
}

// HasChildren tells whether the DIE at the reader has children, as long as none of them has been read.
func (r *Reader) HasChildren() bool { return r.next > r.Depth }

// Leave passes over the end of a list of children if that is next. Else it returns false, and there are more of them.
func (r *Reader) Leave() bool {
	if r.pos >= r.end || r.info[r.pos] != 0 || r.next <= 1 {
		return false
	}
	r.pos++
	r.next--
	return true
}
