// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

import "fmt"

// unitKind is DW_UT_* (section 7.5.1); units before DWARF 5 are unitCompile.
type unitKind uint8

const (
	unitCompile      unitKind = 1
	unitType         unitKind = 2
	unitPartial      unitKind = 3
	unitSkeleton     unitKind = 4
	unitSplitCompile unitKind = 5
	unitSplitType    unitKind = 6
)

// Unit is a unit header of .debug_info. Offsets are in bytes from the start of the section.
type Unit struct {
	Off, End uint64 // of the header, and past the last DIE
	DIEs     uint64 // of the first DIE
	Version  uint16
	kind     unitKind
	AddrSize int
	offSize  int // bytes; 4: 32-bit DWARF, 8: 64-bit DWARF

	abbrevOff uint64

	// Bases of the unit's index forms, from its first DIE (section 3.1.3). The defaults skip the
	// header of the first table.
	strOffsetsBase, addrBase, loclistsBase uint64
}

// Units returns all unit headers (section 7.5.1). Errors name the file and the offset of the unit.
func (d *Data) Units() ([]Unit, error) {
	var units []Unit
	info := d.info.Data
	fail := func(off uint64, format string, args ...any) ([]Unit, error) {
		return nil, fmt.Errorf("%s: .debug_info: unit at offset %#x: %s",
			d.Image.Path, off, fmt.Sprintf(format, args...))
	}
	for off := uint64(0); off < uint64(len(info)); {
		u := Unit{Off: off, offSize: 4, kind: unitCompile}
		b := info[off:]
		if len(b) < 4 {
			return fail(off, "truncated header")
		}
		rel := d.info.Cursor(off)
		length, head := uint64(d.u32(b)), 4
		if length == 0xffffffff {
			if len(b) < 12 {
				return fail(off, "truncated header")
			}
			length, head, u.offSize = d.u64(b[4:]), 12, 8
		}
		if length > uint64(len(b)-head) {
			return fail(off, "%#x bytes, but the section ends after %#x", length, len(b)-head)
		}
		u.End = off + uint64(head) + length
		if length == 0 { // padding between units
			off = u.End
			continue
		}
		b = info[off:u.End]
		if len(b) < head+2+1+1+u.offSize {
			return fail(off, "truncated header")
		}
		u.Version = d.u16(b[head:])
		pos := head + 2
		var abbrevAt, signatureAt int
		switch {
		case u.Version >= 2 && u.Version <= 4:
			abbrevAt, pos = pos, pos+u.offSize
			u.AddrSize, pos = int(b[pos]), pos+1
			if off >= uint64(len(info))-d.typesSize {
				u.kind, signatureAt = unitType, pos
				pos += 8 + u.offSize
			}
		case u.Version == 5:
			u.kind, u.AddrSize = unitKind(b[pos]), int(b[pos+1])
			abbrevAt, pos = pos+2, pos+2+u.offSize
			switch u.kind {
			case unitType, unitSplitType:
				signatureAt = pos
				pos += 8 + u.offSize // type signature, type offset
			case unitSkeleton, unitSplitCompile:
				pos += 8 // id
			}
		default:
			return fail(off, "DWARF version %d, only 2 to 5 are known", u.Version)
		}
		if pos > len(b) {
			return fail(off, "truncated header")
		}
		if u.AddrSize != 4 && u.AddrSize != 8 {
			return fail(off, "unsupported address size of %d bytes", u.AddrSize)
		}
		u.DIEs = off + uint64(pos)
		if signatureAt > 0 {
			if d.signed == nil {
				d.signed = map[uint64]uint64{}
			}
			d.signed[d.u64(b[signatureAt:])] = off + d.uint(b[signatureAt+8:], u.offSize)
		}
		at := off + uint64(abbrevAt)
		u.abbrevOff = rel.Value(at, d.uint(info[at:], u.offSize))
		if err := rel.Err(); err != nil {
			return nil, fmt.Errorf("%s: %w", d.Image.Path, err)
		}
		u.strOffsetsBase, u.addrBase, u.loclistsBase = 8, 8, 12
		if u.offSize == 8 {
			u.strOffsetsBase, u.addrBase, u.loclistsBase = 16, 16, 20
		}
		units = append(units, u)
		off = u.End
	}
	return units, nil
}
