// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
)

// DW_FORM_* (DWARF 5, table 7.6, and GNU extensions).
const (
	formAddr         = 0x01
	formBlock2       = 0x03
	formBlock4       = 0x04
	formData2        = 0x05
	formData4        = 0x06
	formData8        = 0x07
	formString       = 0x08
	formBlock        = 0x09
	formBlock1       = 0x0a
	formData1        = 0x0b
	formFlag         = 0x0c
	formSdata        = 0x0d
	formStrp         = 0x0e
	formUdata        = 0x0f
	formRefAddr      = 0x10
	formRef1         = 0x11
	formRef2         = 0x12
	formRef4         = 0x13
	formRef8         = 0x14
	formRefUdata     = 0x15
	formIndirect     = 0x16
	formSecOffset    = 0x17
	formExprloc      = 0x18
	formFlagPresent  = 0x19
	formStrx         = 0x1a
	formAddrx        = 0x1b
	formRefSup4      = 0x1c
	formStrpSup      = 0x1d
	formData16       = 0x1e
	formLineStrp     = 0x1f
	formRefSig8      = 0x20
	formImplicitCon  = 0x21
	formLoclistx     = 0x22
	formRnglistx     = 0x23
	formRefSup8      = 0x24
	formStrx1        = 0x25
	formStrx2        = 0x26
	formStrx3        = 0x27
	formStrx4        = 0x28
	formAddrx1       = 0x29
	formAddrx2       = 0x2a
	formAddrx3       = 0x2b
	formAddrx4       = 0x2c
	formGNUAddrIndex = 0x1f01
	formGNUStrIndex  = 0x1f02
	formGNURefAlt    = 0x1f20
	formGNUStrpAlt   = 0x1f21

	// opSkip stands for a run of unwanted attributes of fixed size, which one addition skips.
	opSkip = 0xffff
)

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

// skip skips an attribute (section 7.5.6).
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
	case formSdata, formUdata, formRefUdata, formStrx, formAddrx, formLoclistx, formRnglistx,
		formGNUAddrIndex, formGNUStrIndex:
		_, ok := r.uleb()
		return ok
	case formIndirect:
		f, ok := r.uleb()
		// The value of an implicit constant is in the abbreviation, which an indirect form does not
		// have.
		return ok && f != formIndirect && f != formImplicitCon && f < opSkip && r.skip(uint16(f))
	}
	n, ok := fixedSize(uint64(form), r.u.AddrSize, r.u.offSize, r.u.Version)
	return ok && r.advance(uint64(n), true)
}

// read reads an attribute (section 7.5.6).
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
		v, ok = r.relocated(r.u.offSize)
		v, class = uint64(strInDebugStr|StrRef(v)&strOffMask), ClassString
	case formLineStrp:
		v, ok = r.relocated(r.u.offSize)
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
		n := r.u.offSize
		if r.u.Version <= 2 {
			n = r.u.AddrSize
		}
		v, ok = r.relocated(n)
		class = ClassRef
	case formRefSig8:
		v, ok = r.u64()
		off, known := r.d.signed[v]
		if ok && !known {
			r.err = fmt.Errorf("no type unit has the signature %#x: damaged file?", v)
			return false
		}
		v, class = off, ClassRef
	case formRefSup4, formRefSup8, formGNURefAlt, formStrpSup, formGNUStrpAlt:
		r.err = errSupplementary
		return false
	case formFlag:
		v, ok = r.fixed(1)
		class = ClassFlag
	case formFlagPresent:
		v, class = 1, ClassFlag
	case formAddr:
		v, ok = r.relocated(r.u.AddrSize)
		class = ClassAddr
	case formAddrx, formGNUAddrIndex:
		v, ok = r.uleb()
		class = ClassAddrx
	case formAddrx1, formAddrx2, formAddrx3, formAddrx4:
		v, ok = r.fixed(int(form-formAddrx1) + 1)
		class = ClassAddrx
	case formSecOffset:
		v, ok = r.relocated(r.u.offSize)
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
		return ok && f != formIndirect && f != formImplicitCon && f < opSkip &&
			r.read(a, uint16(f), 0)
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
	r.have |= 1 << a
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

// tableEntry returns the offset of an entry in a table whose entries of size bytes start at base.
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
	tab, size := r.d.strOffsets, r.u.offSize
	at, ok := tableEntry(tab.Data, r.u.strOffsetsBase, index, size)
	if !ok {
		return false
	}
	c := tab.Cursor(at)
	v := c.Value(at, r.d.uint(tab.Data[at:], size))
	if r.err = c.Err(); r.err != nil {
		return false
	}
	r.set(a, ClassString, uint64(strInDebugStr|StrRef(v)&strOffMask))
	return true
}

// fixedSize returns the size of a form in .debug_info in bytes; ok is false if it depends on the
// value.
func fixedSize(form uint64, addrSize, offSize int, version uint16) (int, bool) {
	switch form {
	case formFlagPresent, formImplicitCon:
		return 0, true
	case formData1, formFlag, formRef1, formStrx1, formAddrx1:
		return 1, true
	case formData2, formRef2, formStrx2, formAddrx2:
		return 2, true
	case formStrx3, formAddrx3:
		return 3, true
	case formData4, formRef4, formStrx4, formAddrx4, formRefSup4:
		return 4, true
	case formData8, formRef8, formRefSig8, formRefSup8:
		return 8, true
	case formData16:
		return 16, true
	case formAddr:
		return addrSize, true
	case formStrp, formLineStrp, formSecOffset, formStrpSup, formGNURefAlt, formGNUStrpAlt:
		return offSize, true
	case formRefAddr:
		if version <= 2 { // DWARF 2 used the size of an address
			return addrSize, true
		}
		return offSize, true
	}
	return 0, false
}
