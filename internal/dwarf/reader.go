// SPDX-License-Identifier: GPL-2.0-only

package dwarf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"github.com/kbtf/kbtf/internal/elfimage"
)

// Reader walks the DIEs of one unit in document order.
//
// Next stops at the wanted tags only; the fields then describe that DIE. Attributes that it does not have are absent from Have;
// their Val and Class are left over from earlier DIEs.
type Reader struct {
	Off      uint64 // of the DIE, from the start of .debug_info
	Tag      Tag
	Depth    int // 0: the unit's own DIE, 1: its children
	Have     AttrSet
	Class    [NumAttrs]Class
	Val      [NumAttrs]uint64
	FieldOff [NumAttrs]uint64 // where an address stands, ClassAddr only

	abbrevs abbrevTable

	d    *Data
	u    *Unit
	info []byte
	rel  elfimage.Cursor
	pos  uint64
	end  uint64
	next int // depth of the DIE at pos
	be   bool
	err  error
}

// Read starts a walk over a unit. The unit's own DIE is the first one.
func (d *Data) Read(u *Unit) *Reader {
	r := &Reader{}
	r.Reset(d, u)
	return r
}

// Reset makes the reader walk another unit.
func (r *Reader) Reset(d *Data, u *Unit) {
	*r = Reader{abbrevs: r.abbrevs, d: d, u: u, info: d.info.Data[:u.End], rel: d.info.Cursor(u.DIEs), pos: u.DIEs, end: u.End,
		be: d.Image.BigEndian()}
	if r.err = r.abbrevs.compile(d, u); r.err != nil {
		r.pos = r.end
	}
}

// Forget drops the file, and keeps the memory for another one.
func (r *Reader) Forget() {
	r.abbrevs.key = tableKey{}
	*r = Reader{abbrevs: r.abbrevs}
}

// Unit is the unit that is walked.
func (r *Reader) Unit() *Unit { return r.u }

// Err tells why Next returned false; nil at the end of the unit.
func (r *Reader) Err() error { return r.err }

// errSupplementary is what dwz -m leads to: parts that several files share are in another one (section 7.3.6).
var errSupplementary = errors.New("part of it is in a supplementary file (.gnu_debugaltlink), which is not read: take the file as it was before dwz -m")

func (r *Reader) fail(at uint64, format string, args ...any) bool {
	if r.err != nil { // known better
		r.err = fmt.Errorf(".debug_info: DIE at offset %#x: %w", at, r.err)
		r.pos = r.end
		return false
	}
	r.err = fmt.Errorf(".debug_info: DIE at offset %#x: %s", at, fmt.Sprintf(format, args...))
	r.pos = r.end
	return false
}

// Has tells whether the DIE has attribute a.
func (r *Reader) Has(a Attr) bool { return r.Have&(1<<a) != 0 }

// Uint gives a constant; other classes and absent attributes give 0 and false.
func (r *Reader) Uint(a Attr) (uint64, bool) {
	if r.Have&(1<<a) == 0 || r.Class[a] != ClassConst && r.Class[a] != ClassSigned {
		return 0, false
	}
	return r.Val[a], true
}

// Flag tells whether a flag is present and not 0.
func (r *Reader) Flag(a Attr) bool { return r.Have&(1<<a) != 0 && r.Val[a] != 0 }

// Address gives an address of a linked file, 0 if there is none.
func (r *Reader) Address(a Attr) uint64 {
	if !r.Has(a) {
		return 0
	}
	switch r.Class[a] {
	case ClassAddr:
		return r.Val[a]
	case ClassAddrx:
		if at, ok := tableEntry(r.d.addr.Data, r.u.addrBase, r.Val[a], r.u.AddrSize); ok {
			return r.d.uint(r.d.addr.Data[at:], r.u.AddrSize)
		}
	}
	return 0
}

// Ref gives the offset of the DIE that a refers to, 0 if there is none in this file.
func (r *Reader) Ref(a Attr) uint64 {
	if r.Have&(1<<a) == 0 || r.Class[a] != ClassRef {
		return 0
	}
	return r.Val[a]
}

// StringAttr gives a string; an attribute that is absent or of another class gives nil.
func (r *Reader) StringAttr(a Attr) ([]byte, error) {
	if r.Have&(1<<a) == 0 || r.Class[a] != ClassString {
		return nil, nil
	}
	ref := StrRef(r.Val[a])
	s, ok := r.d.String(ref)
	if !ok {
		return nil, r.d.NoString(ref)
	}
	return s, nil
}

// ConstantExpr evaluates an expression that only adds a constant (DW_OP_plus_uconst, DW_OP_constu): DWARF 2's form of
// DW_AT_data_member_location.
func (r *Reader) ConstantExpr(a Attr) (uint64, bool) {
	b := r.d.Bytes(Block(r.Val[a]))
	if len(b) < 2 || b[0] != opPlusUconst && b[0] != opConstu {
		return 0, false
	}
	v, n := uleb(b[1:])
	return v, n != 0
}

// Next moves to the next wanted DIE.
func (r *Reader) Next() bool {
	for r.pos < r.end {
		off := r.pos
		code := uint64(r.info[r.pos])
		if code < 0x80 {
			r.pos++
		} else {
			v, n := uleb(r.info[r.pos:])
			if n == 0 {
				return r.fail(off, "truncated")
			}
			code, r.pos = v, r.pos+uint64(n)
		}
		if code == 0 {
			r.next--
			if r.next <= 0 { // the unit's own DIE is closed: padding follows
				r.pos = r.end
			}
			continue
		}
		a := r.abbrevs.find(code)
		if a == nil {
			return r.fail(off, "abbreviation %d does not exist", code)
		}
		depth := r.next
		if a.children {
			r.next++
		}
		if !a.wanted {
			end := uint64(0) // of its children
			for i := range a.ops {
				o := &a.ops[i]
				switch {
				case o.form == opSkip:
					r.pos += uint64(o.arg)
				case o.attr == AttrSibling && o.form == formRef4:
					v, _ := r.u32()
					end = v + r.u.Off
				case !r.skip(o.form):
					return r.fail(off, "truncated, or a form of %#x that is not known", o.form)
				}
			}
			if r.pos > r.end {
				return r.fail(off, "truncated")
			}
			if end > r.pos && end <= r.end && depth > 0 {
				r.pos, r.next = end, depth
			}
			if depth == 0 && !a.children { // a unit without children ends with its own DIE
				r.pos = r.end
			}
			continue
		}
		r.Off, r.Tag, r.Depth, r.Have = off, a.tag, depth, 0
		for i := range a.ops {
			o := &a.ops[i]
			switch {
			case o.form == opSkip:
				r.pos += uint64(o.arg)
			case o.form == formRef4 && o.attr != NumAttrs && r.pos+4 <= r.end: // as read does it: nearly every DIE has a type
				r.Have |= 1 << o.attr
				r.Class[o.attr], r.Val[o.attr] = ClassRef, uint64(r.get32(r.pos))+r.u.Off
				r.pos += 4
			case o.attr == NumAttrs:
				if !r.skip(o.form) {
					return r.fail(off, "truncated, or a form of %#x that is not known", o.form)
				}
			default:
				if !r.read(o.attr, o.form, o.arg) {
					return r.fail(off, "truncated, or a form of %#x that is not known", o.form)
				}
			}
		}
		if r.pos > r.end {
			return r.fail(off, "truncated")
		}
		if depth == 0 {
			if r.unitBases() { // strings that stand before the base were looked up with another one: once more
				r.pos, r.next, r.rel = off, 0, r.d.info.Cursor(off)
				continue
			}
			if !a.children {
				r.pos = r.end
			}
		}
		return true
	}
	return false
}

// unitBases takes the bases of index forms from the unit's own DIE, and tells whether they are news.
func (r *Reader) unitBases() (changed bool) {
	for _, b := range []struct {
		a  Attr
		to *uint64
	}{{AttrStrOffsetsBase, &r.u.strOffsetsBase}, {AttrAddrBase, &r.u.addrBase}, {AttrLoclistsBase, &r.u.loclistsBase}} {
		if r.Has(b.a) && r.Class[b.a] == ClassSecOffset && *b.to != r.Val[b.a] {
			*b.to, changed = r.Val[b.a], true
		}
	}
	return changed
}

func (r *Reader) u8() (v uint64, ok bool) {
	if r.pos >= r.end {
		return 0, false
	}
	v = uint64(r.info[r.pos])
	r.pos++
	return v, true
}

func (r *Reader) u16() (uint64, bool) {
	if r.pos+2 > r.end {
		return 0, false
	}
	v := binary.LittleEndian.Uint16(r.info[r.pos:])
	if r.be {
		v = bits.ReverseBytes16(v)
	}
	r.pos += 2
	return uint64(v), true
}

func (r *Reader) u32() (uint64, bool) {
	if r.pos+4 > r.end {
		return 0, false
	}
	v := binary.LittleEndian.Uint32(r.info[r.pos:])
	if r.be {
		v = bits.ReverseBytes32(v)
	}
	r.pos += 4
	return uint64(v), true
}

func (r *Reader) u64() (uint64, bool) {
	if r.pos+8 > r.end {
		return 0, false
	}
	v := binary.LittleEndian.Uint64(r.info[r.pos:])
	if r.be {
		v = bits.ReverseBytes64(v)
	}
	r.pos += 8
	return v, true
}

// fixed reads a number of 1, 2, 3, 4 or 8 bytes.
func (r *Reader) fixed(n int) (uint64, bool) {
	switch n {
	case 1:
		return r.u8()
	case 2:
		return r.u16()
	case 4:
		return r.u32()
	case 8:
		return r.u64()
	}
	if r.pos+uint64(n) > r.end {
		return 0, false
	}
	v := r.d.uint(r.info[r.pos:], n)
	r.pos += uint64(n)
	return v, true
}

// relocated reads a field of n bytes through its relocation.
func (r *Reader) relocated(n int) (uint64, bool) {
	at := r.pos
	v, ok := r.fixed(n)
	if !ok {
		return 0, false
	}
	return r.rel.Value(at, v), true
}

func (r *Reader) uleb() (uint64, bool) {
	if r.pos >= r.end {
		return 0, false
	}
	if c := r.info[r.pos]; c < 0x80 {
		r.pos++
		return uint64(c), true
	}
	v, n := uleb(r.info[r.pos:r.end])
	r.pos += uint64(n)
	return v, n != 0
}

func (r *Reader) advance(n uint64, ok bool) bool {
	if !ok || r.pos > r.end || n > r.end-r.pos {
		return false
	}
	r.pos += n
	return true
}

// skip passes over one attribute (section 7.5.6).
func (r *Reader) skip(form uint16) bool {
	switch form {
	case formString:
		if r.pos > r.end {
			return false
		}
		n := bytes.IndexByte(r.info[r.pos:r.end], 0)
		return n >= 0 && r.advance(uint64(n)+1, true)
	case formBlock1:
		return r.advance(r.fixed(1))
	case formBlock2:
		return r.advance(r.fixed(2))
	case formBlock4:
		return r.advance(r.fixed(4))
	case formBlock, formExprloc:
		return r.advance(r.uleb())
	case formSdata, formUdata, formRefUdata, formStrx, formAddrx, formLoclistx, formRnglistx, formGNUAddrIndex, formGNUStrIndex:
		_, ok := r.uleb()
		return ok
	case formIndirect:
		f, ok := r.uleb()
		// An implicit constant has no place for its value here; an indirect form of an indirect form means nothing.
		return ok && f != formIndirect && f != formImplicitCon && f < opSkip && r.skip(uint16(f))
	}
	n, ok := fixedSize(uint64(form), r.u.AddrSize, r.u.OffSize, r.u.Version)
	return ok && r.advance(uint64(n), true)
}

// read takes one attribute (section 7.5.6).
func (r *Reader) read(a Attr, form uint16, implicit int64) bool {
	var v uint64
	class, ok := ClassConst, true
	switch form {
	case formData1:
		v, ok = r.u8()
	case formData2:
		v, ok = r.u16()
	case formData4:
		// Before DWARF 4 this was also the form of section offsets, which are relocated.
		v, ok = r.relocated(4)
		if r.u.Version < 4 && a == AttrLocation {
			class = ClassSecOffset
		}
	case formData8:
		v, ok = r.relocated(8)
		if r.u.Version < 4 && a == AttrLocation {
			class = ClassSecOffset
		}
	case formUdata:
		v, ok = r.uleb()
	case formSdata:
		if r.pos > r.end {
			return false
		}
		s, n := sleb(r.info[r.pos:r.end])
		r.pos += uint64(n)
		v, ok, class = uint64(s), n != 0, ClassSigned
	case formImplicitCon:
		v, class = uint64(implicit), ClassSigned
	case formStrp:
		v, ok = r.relocated(r.u.OffSize)
		v, class = uint64(strInDebugStr|StrRef(v)&strOffMask), ClassString
	case formLineStrp:
		v, ok = r.relocated(r.u.OffSize)
		v, class = uint64(strInLineStr|StrRef(v)&strOffMask), ClassString
	case formString:
		v, class = uint64(strInInfo|StrRef(r.pos)), ClassString
		ok = r.skip(form)
	case formRef4:
		v, ok = r.u32()
		v, class = v+r.u.Off, ClassRef
	case formRef1, formRef2, formRef8:
		v, ok = r.fixed(1 << (form - formRef1))
		v, class = v+r.u.Off, ClassRef
	case formRefUdata:
		v, ok = r.uleb()
		v, class = v+r.u.Off, ClassRef
	case formRefAddr:
		n := r.u.OffSize
		if r.u.Version <= 2 {
			n = r.u.AddrSize
		}
		v, ok = r.relocated(n)
		class = ClassRef
	case formRefSig8:
		v, ok = r.u64()
		class = ClassRefOther
		if off, known := r.d.signed[v]; known {
			v, class = off, ClassRef
		}
	case formRefSup4, formRefSup8, formGNURefAlt, formStrpSup, formGNUStrpAlt:
		r.err = errSupplementary
		return false
	case formFlag:
		v, ok = r.fixed(1)
		class = ClassFlag
	case formFlagPresent:
		v, class = 1, ClassFlag
	case formAddr:
		r.FieldOff[a] = r.pos
		v, ok = r.relocated(r.u.AddrSize)
		class = ClassAddr
	case formAddrx, formGNUAddrIndex:
		v, ok = r.uleb()
		class = ClassAddrx
	case formAddrx1, formAddrx2, formAddrx3, formAddrx4:
		v, ok = r.fixed(int(form-formAddrx1) + 1)
		class = ClassAddrx
	case formSecOffset:
		v, ok = r.relocated(r.u.OffSize)
		class = ClassSecOffset
	case formExprloc, formBlock:
		v, ok = r.uleb()
		return ok && r.block(a, v)
	case formBlock1:
		v, ok = r.fixed(1)
		return ok && r.block(a, v)
	case formBlock2:
		v, ok = r.fixed(2)
		return ok && r.block(a, v)
	case formBlock4:
		v, ok = r.fixed(4)
		return ok && r.block(a, v)
	case formData16:
		return r.block(a, 16)
	case formLoclistx:
		v, ok = r.uleb()
		class = ClassLoclistx
	case formStrx, formGNUStrIndex:
		v, ok = r.uleb()
		return ok && r.indexedString(a, v)
	case formStrx1, formStrx2, formStrx3, formStrx4:
		v, ok = r.fixed(int(form-formStrx1) + 1)
		return ok && r.indexedString(a, v)
	case formIndirect:
		f, ok := r.uleb()
		return ok && f != formIndirect && f != formImplicitCon && f < opSkip && r.read(a, uint16(f), 0)
	default:
		class = ClassNone
		ok = r.skip(form)
	}
	if !ok {
		return false
	}
	r.set(a, class, v)
	return true
}

func (r *Reader) set(a Attr, class Class, v uint64) {
	r.Have |= 1 << a
	r.Class[a], r.Val[a] = class, v
}

func (r *Reader) block(a Attr, n uint64) bool {
	at := r.pos
	if !r.advance(n, true) || n >= 1<<(64-blockOffBits) {
		return false
	}
	r.set(a, ClassExpr, uint64(makeBlock(at, n)))
	return true
}

// tableEntry finds an entry of a table whose entries of size bytes begin at base.
func tableEntry(tab []byte, base, index uint64, size int) (at uint64, ok bool) {
	n := uint64(len(tab))
	if base > n || index > n { // the sum could wrap
		return 0, false
	}
	at = base + index*uint64(size)
	return at, at <= n && uint64(size) <= n-at
}

// indexedString resolves DW_FORM_strx* through .debug_str_offsets (section 7.26).
func (r *Reader) indexedString(a Attr, index uint64) bool {
	tab, size := r.d.strOffsets, r.u.OffSize
	at, ok := tableEntry(tab.Data, r.u.strOffsetsBase, index, size)
	if !ok {
		return false
	}
	c := tab.Cursor(at)
	v := c.Value(at, r.d.uint(tab.Data[at:], size))
	r.set(a, ClassString, uint64(strInDebugStr|StrRef(v)&strOffMask))
	return true
}
