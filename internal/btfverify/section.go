// SPDX-License-Identifier: GPL-2.0-only

package btfverify

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"slices"
)

const (
	magic     = 0xeb9f
	minHeader = 24 // up to and including str_len; layout_off and layout_len follow
)

// Offsets of the header's fields, in bytes (btf.rst, section 2).
const (
	versionAt   = 2
	flagsAt     = 3
	hdrLenAt    = 4
	typeOffAt   = 8
	strOffAt    = 16
	layoutOffAt = 24
)

// A part of the section: types, layout or strings; offset and length in bytes, from the end of the header.
type part struct {
	name        string
	at          int // of its offset in the header
	offset, len uint32
}

func (p part) end() uint64 { return uint64(p.offset) + uint64(p.len) }

// sections checks the header and finds types and strings; false if they cannot be found.
func (v *verifier) sections(raw []byte) bool {
	if len(raw) < minHeader {
		v.refuse(0, "%d bytes, a header has %d", len(raw), minHeader)
		return false
	}
	switch {
	case binary.LittleEndian.Uint16(raw) == magic:
		v.order = binary.LittleEndian
	case binary.BigEndian.Uint16(raw) == magic:
		v.order = binary.BigEndian
	default:
		v.refuse(0, "not BTF: %#02x%02x where the magic %#x belongs", raw[0], raw[1], magic)
		return false
	}
	if v.base != nil && v.base.order != v.order {
		v.refuse(0, "not the byte order of the base")
		return false
	}
	if raw[versionAt] != 1 {
		v.refuse(versionAt, "version %d, only 1 is known", raw[versionAt])
		return false
	}
	if raw[flagsAt] != 0 {
		v.refuse(flagsAt, "flags %#x, none is known", raw[flagsAt])
	}
	u32 := func(at int) uint32 { return v.order.Uint32(raw[at:]) }
	header := u32(hdrLenAt)
	if header < minHeader || uint64(header) > uint64(len(raw)) {
		v.refuse(hdrLenAt, "header of %d bytes: at least %d, in a section of %d", header, minHeader, len(raw))
		return false
	}
	if known := v.kernel.Header; header > known && len(bytes.Trim(raw[known:header], "\x00")) > 0 {
		v.refuse(int(known), "header of %d bytes: %s knows %d, and the others are not 0", header, v.kernel.Version, known)
		return false
	}
	types := part{"types", typeOffAt, u32(typeOffAt), u32(typeOffAt + 4)}
	strings := part{"strings", strOffAt, u32(strOffAt), u32(strOffAt + 4)}
	parts := []part{types, strings}
	if header >= layoutOffAt+8 && v.kernel.Header >= layoutOffAt+8 && u32(layoutOffAt+4) > 0 {
		parts = append(parts, part{"layout", layoutOffAt, u32(layoutOffAt), u32(layoutOffAt + 4)})
	}
	body := raw[header:]
	if !v.parts(parts, len(body)) {
		return false
	}
	v.types, v.typesAt = body[types.offset:types.end()], int(header+types.offset)
	v.strings = body[strings.offset:strings.end()]
	if types.offset%4 != 0 {
		v.refuse(typeOffAt, "types begin at %d, not a multiple of 4", types.offset)
	}
	return v.stringsAt(int(header + strings.offset))
}

// parts checks that the parts fill the section one after the other, strings last.
func (v *verifier) parts(parts []part, size int) bool {
	slices.SortStableFunc(parts, func(a, b part) int {
		return cmp.Or(cmp.Compare(a.offset, b.offset), cmp.Compare(a.end(), b.end()))
	})
	end := uint64(0)
	for _, p := range parts {
		switch {
		case p.end() > uint64(size):
			v.refuse(p.at, "%s at %d, %d bytes: the section ends at %d", p.name, p.offset, p.len, size)
			return false
		case uint64(p.offset) < end:
			v.refuse(p.at, "%s at %d: overlap with what ends at %d", p.name, p.offset, end)
			return false
		case uint64(p.offset) > end:
			v.refuse(p.at, "%s at %d: a gap from %d on", p.name, p.offset, end)
			return false
		}
		end = p.end()
	}
	if end < uint64(size) {
		v.refuse(parts[len(parts)-1].at, "%d bytes follow the last part", uint64(size)-end)
		return false
	}
	if last := parts[len(parts)-1]; last.name != "strings" && last.len > 0 {
		v.refuse(last.at, "%s behind the strings, which have to be last", last.name)
	}
	return true
}

// stringsAt checks the strings, which begin at a byte of the section; false if names cannot be looked up.
func (v *verifier) stringsAt(at int) bool {
	n := len(v.strings)
	if n > 0 && v.strings[n-1] != 0 {
		v.refuse(at+n-1, "the last string has no NUL")
		return false
	}
	if end := uint64(v.firstString) + uint64(n); end > math.MaxUint32 || end > maxNameOffset+1 {
		v.refuse(at, "strings of %d bytes with the base's: names may not lie beyond %#x", end, maxNameOffset)
		return false
	}
	if v.base != nil {
		// btf.rst demands an empty string of BTF that stands alone; encoders of split BTF use the base's.
		if n > 0 && v.strings[0] == 0 {
			v.refuse(at, "strings begin with an empty one: encoded without a base?")
			return false
		}
		return true
	}
	if n == 0 || v.strings[0] != 0 {
		v.refuse(at, "strings do not begin with an empty one: split BTF, whose base is needed?")
		return false
	}
	if len(v.types) == 0 {
		v.refuse(typeOffAt, "no types")
	}
	return true
}
