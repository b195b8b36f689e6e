// SPDX-License-Identifier: GPL-2.0-only

package dwarf

import "fmt"

// UnitType is DW_UT_* (section 7.5.1); units before DWARF 5 are UnitCompile.
type UnitType uint8

const (
	UnitCompile      UnitType = 1
	UnitType_        UnitType = 2
	UnitPartial      UnitType = 3
	UnitSkeleton     UnitType = 4
	UnitSplitCompile UnitType = 5
	UnitSplitType    UnitType = 6
)

// Unit is one unit header of .debug_info. Offsets are in bytes from the start of the section.
type Unit struct {
	Off, End uint64 // of the header, and past the last DIE
	DIEs     uint64 // of the first DIE
	Version  uint16
	Type     UnitType
	AddrSize int
	OffSize  int // 4: 32-bit DWARF, 8: 64-bit DWARF

	abbrevOff uint64

	// Bases of the unit's index forms, from its first DIE (section 3.1.3); defaults skip the header of the only table.
	strOffsetsBase, addrBase, loclistsBase uint64
}

// Units reads all unit headers (section 7.5.1).
func (d *Data) Units() ([]Unit, error) {
	var units []Unit
	info := d.info.Data
	fail := func(off uint64, format string, args ...any) ([]Unit, error) {
		return nil, fmt.Errorf("%s: .debug_info: unit at offset %#x: %s", d.Image.Path, off, fmt.Sprintf(format, args...))
	}
	for off := uint64(0); off < uint64(len(info)); {
		u := Unit{Off: off, OffSize: 4, Type: UnitCompile}
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
			length, head, u.OffSize = d.u64(b[4:]), 12, 8
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
		if len(b) < head+2+1+1+u.OffSize {
			return fail(off, "truncated header")
		}
		u.Version = d.u16(b[head:])
		pos := head + 2
		var abbrevAt, signatureAt int
		switch {
		case u.Version >= 2 && u.Version <= 4:
			abbrevAt, pos = pos, pos+u.OffSize
			u.AddrSize, pos = int(b[pos]), pos+1
			if off >= uint64(len(info))-d.typesSize {
				u.Type, signatureAt = UnitType_, pos
				pos += 8 + u.OffSize
			}
		case u.Version == 5:
			u.Type, u.AddrSize = UnitType(b[pos]), int(b[pos+1])
			abbrevAt, pos = pos+2, pos+2+u.OffSize
			switch u.Type {
			case UnitType_, UnitSplitType:
				signatureAt = pos
				pos += 8 + u.OffSize // type signature, type offset
			case UnitSkeleton, UnitSplitCompile:
				pos += 8 // id
			}
		default:
			return fail(off, "DWARF version %d, only 2 to 5 are known", u.Version)
		}
		if pos > len(b) {
			return fail(off, "truncated header")
		}
		if u.AddrSize != 4 && u.AddrSize != 8 {
			return fail(off, "addresses of %d bytes", u.AddrSize)
		}
		u.DIEs = off + uint64(pos)
		if signatureAt > 0 {
			if d.signed == nil {
				d.signed = map[uint64]uint64{}
			}
			d.signed[d.u64(b[signatureAt:])] = off + d.uint(b[signatureAt+8:], u.OffSize)
		}
		at := off + uint64(abbrevAt)
		u.abbrevOff = rel.Value(at, d.uint(info[at:], u.OffSize))
		u.strOffsetsBase, u.addrBase, u.loclistsBase = 8, 8, 12
		if u.OffSize == 8 {
			u.strOffsetsBase, u.addrBase, u.loclistsBase = 16, 16, 20
		}
		units = append(units, u)
		off = u.End
	}
	return units, nil
}
