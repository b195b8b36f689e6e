// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

import (
	"errors"
	"fmt"

	"github.com/kbtf/kbtf/internal/elfimage"
)

// Reader walks the DIEs of a unit in document order.
//
// Next stops at wanted tags only; the fields then describe that DIE. Attributes that it does not
// have keep the Val and Class of earlier DIEs: check Has first.
type Reader struct {
	Off   uint64 // of the DIE, bytes from the start of .debug_info
	Tag   Tag
	Depth int // 0: the unit's own DIE, 1: its children
	have  AttrSet
	Class [numAttrs]Class
	Val   [numAttrs]uint64

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

// Reader starts a walk over a unit. The unit's own DIE is the first one.
func (d *Data) Reader(u *Unit) *Reader {
	r := &Reader{}
	r.Reset(d, u)
	return r
}

// Reset starts a walk over another unit.
func (r *Reader) Reset(d *Data, u *Unit) {
	*r = Reader{abbrevs: r.abbrevs, d: d, u: u, info: d.info.Data[:u.End],
		rel: d.info.Cursor(u.DIEs), pos: u.DIEs, end: u.End,
		be: d.Image.BigEndian()}
	if r.err = r.abbrevs.compile(d, u); r.err != nil {
		r.pos = r.end
	}
}

// Release drops references to the file, and keeps the memory for another one.
func (r *Reader) Release() {
	r.abbrevs.key = tableKey{}
	*r = Reader{abbrevs: r.abbrevs}
}

// Unit returns the unit of the walk.
func (r *Reader) Unit() *Unit { return r.u }

// Err returns the error that ended the walk, nil at the end of the unit.
func (r *Reader) Err() error { return r.err }

// errSupplementary is the error of a file that dwz -m has processed, which shares DIEs with other
// files (section 7.3.6).
var errSupplementary = errors.New("refers to a supplementary file (.gnu_debugaltlink), which is " +
	"not supported: use the file from before dwz -m")

func (r *Reader) fail(at uint64, format string, args ...any) bool {
	if r.err != nil { // more specific
		r.err = fmt.Errorf(".debug_info: DIE at offset %#x: %w", at, r.err)
		r.pos = r.end
		return false
	}
	r.err = fmt.Errorf(".debug_info: DIE at offset %#x: %s", at, fmt.Sprintf(format, args...))
	r.pos = r.end
	return false
}

// Has reports whether the DIE has attribute a.
func (r *Reader) Has(a Attr) bool { return r.have&(1<<a) != 0 }

// Uint returns a constant. For other classes and absent attributes it returns 0 and false.
func (r *Reader) Uint(a Attr) (uint64, bool) {
	if r.have&(1<<a) == 0 || r.Class[a] != ClassConst && r.Class[a] != ClassSigned {
		return 0, false
	}
	return r.Val[a], true
}

// Flag reports whether a flag is present and not 0.
func (r *Reader) Flag(a Attr) bool { return r.have&(1<<a) != 0 && r.Val[a] != 0 }

// Address returns an address of a linked file, 0 if there is none.
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

// Ref returns the offset of the DIE that a refers to, in bytes from the start of .debug_info, 0 if
// there is none in this file.
func (r *Reader) Ref(a Attr) uint64 {
	if r.have&(1<<a) == 0 || r.Class[a] != ClassRef {
		return 0
	}
	return r.Val[a]
}

// StringAttr returns a string, nil if the attribute is absent or of another class.
func (r *Reader) StringAttr(a Attr) ([]byte, error) {
	if r.have&(1<<a) == 0 || r.Class[a] != ClassString {
		return nil, nil
	}
	ref := StrRef(r.Val[a])
	s, ok := r.d.String(ref)
	if !ok {
		return nil, r.d.NoString(ref)
	}
	return s, nil
}

// ConstantExpr evaluates an expression that adds a constant (DW_OP_plus_uconst, DW_OP_constu), the
// form of DW_AT_data_member_location in DWARF 2.
func (r *Reader) ConstantExpr(a Attr) (uint64, bool) {
	b := r.d.blockBytes(block(r.Val[a]))
	if len(b) < 2 || b[0] != opPlusUconst && b[0] != opConstu {
		return 0, false
	}
	v, n := uleb(b[1:])
	return v, n != 0
}

// Next moves to the next wanted DIE. It returns false at the end of the unit, and on an error.
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
			if r.next <= 0 { // end of the unit's own DIE: padding follows
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
					return r.fail(off, "truncated, or unknown form %#x", o.form)
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
		r.Off, r.Tag, r.Depth, r.have = off, a.tag, depth, 0
		for i := range a.ops {
			o := &a.ops[i]
			switch {
			case o.form == opSkip:
				r.pos += uint64(o.arg)
			// Inlined from read: nearly every DIE has a type.
			case o.form == formRef4 && o.attr != numAttrs && r.pos+4 <= r.end:
				r.have |= 1 << o.attr
				r.Class[o.attr], r.Val[o.attr] = ClassRef, uint64(r.get32(r.pos))+r.u.Off
				r.pos += 4
			case o.attr == numAttrs:
				if !r.skip(o.form) {
					return r.fail(off, "truncated, or unknown form %#x", o.form)
				}
			default:
				if !r.read(o.attr, o.form, o.arg) {
					return r.fail(off, "truncated, or unknown form %#x", o.form)
				}
			}
		}
		if r.pos > r.end {
			return r.fail(off, "truncated")
		}
		if depth == 0 {
			if r.readUnitBases() { // strings before the base were read with the default: read again
				r.pos, r.next, r.rel = off, 0, r.d.info.Cursor(off)
				continue
			}
			if !a.children {
				r.pos = r.end
			}
		}
		return true
	}
	if r.err == nil {
		r.err = r.rel.Err()
	}
	return false
}

// readUnitBases sets the bases of index forms from the unit's own DIE, and reports whether they
// changed.
func (r *Reader) readUnitBases() (changed bool) {
	for _, b := range []struct {
		a  Attr
		to *uint64
	}{{AttrStrOffsetsBase, &r.u.strOffsetsBase}, {AttrAddrBase, &r.u.addrBase},
		{AttrLoclistsBase, &r.u.loclistsBase}} {
		if r.Has(b.a) && r.Class[b.a] == ClassSecOffset && *b.to != r.Val[b.a] {
			*b.to, changed = r.Val[b.a], true
		}
	}
	return changed
}
