// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

import (
	"encoding/binary"
	"math/bits"
)

// Leaf is a DIE without children and with few attributes: a member, an enumerator, or a parameter
// of a function type. Most DIEs of a unit are leaves.
type Leaf struct {
	Name   StrRef // NoName if it has none
	Type   uint64 // offset of a DIE from the start of .debug_info, 0 if it has none
	Number uint64 // DW_AT_data_member_location (bytes) or DW_AT_const_value, 0 if it has none
}

// NoName is the Name of a leaf without a name.
const NoName = ^StrRef(0)

// leafLayout describes the attributes of a leaf: the name comes first, the others have a fixed
// size.
type leafLayout struct {
	plain    bool
	name     uint16 // its form, 0: none
	typ      int16  // offset after the name in bytes, -1: none
	number   int16
	width    uint8 // of the number, bytes
	size     uint16
	implicit uint64 // the number, if it is in the abbreviation
}

// newLeafLayout returns the layout of a DIE without children in 32-bit DWARF. It is not plain if
// the DIE is no leaf.
func newLeafLayout(ops []op) leafLayout {
	l := leafLayout{plain: true, typ: -1, number: -1}
	for i, o := range ops {
		at := int16(l.size)
		switch {
		case o.form == opSkip && o.arg < 1<<10:
			l.size += uint16(o.arg)
		case i == 0 && o.attr == AttrName && (o.form == formStrp || o.form == formString):
			l.name = o.form
		case o.attr == AttrType && o.form == formRef4 && l.typ < 0:
			l.typ, l.size = at, l.size+4
		case o.attr != AttrMemberLocation && o.attr != AttrConstValue || l.number >= 0:
			return leafLayout{}
		case o.form == formImplicitCon:
			l.implicit = uint64(o.arg)
		case o.form == formData1:
			l.number, l.width, l.size = at, 1, l.size+1
		case o.form == formData2:
			l.number, l.width, l.size = at, 2, l.size+2
		case o.form == formData4:
			l.number, l.width, l.size = at, 4, l.size+4
		default:
			return leafLayout{}
		}
		if l.size > 1<<12 {
			return leafLayout{}
		}
	}
	return l
}

// NextLeaf reads the next DIE into p if it is a leaf with this tag. Otherwise it returns false and
// does not move. Of the reader's fields only Off is updated.
func (r *Reader) NextLeaf(tag Tag, p *Leaf) bool {
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
	l := &a.leaf
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

// HasChildren reports whether the DIE at the reader has children. It must be called before they are
// read.
func (r *Reader) HasChildren() bool { return r.next > r.Depth }

// EndChildren skips the end of a list of children. It returns false and does not move if there are
// more children.
func (r *Reader) EndChildren() bool {
	if r.pos >= r.end || r.info[r.pos] != 0 || r.next <= 1 {
		return false
	}
	r.pos++
	r.next--
	return true
}
