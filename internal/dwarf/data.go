// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package dwarf streams the debugging information entries (DIEs) of DWARF 2 to 5.
//
// It exists beside debug/dwarf for speed, because an encoder spends most of its time reading: a
// module has millions of DIEs, with a few attributes that matter. Each abbreviation is compiled
// once into a sequence of skips and reads. A Reader walks the mapped bytes of a unit, allocates
// nothing per DIE and stops only at the tags that its caller wants. Relocations of a relocatable
// file are followed on the way (elfimage.Cursor), not applied.
//
// Section numbers in comments refer to the DWARF 5 standard.
package dwarf

import (
	"debug/elf"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/kbtf/kbtf/internal/elfimage"
)

// ErrNoDWARF is the error of a file without .debug_info, or with an empty one.
var ErrNoDWARF = errors.New("no DWARF (.debug_info): build with " +
	"CONFIG_DEBUG_INFO=y, before stripping")

// Wanted lists the tags at which a Reader stops, and the attributes to read there.
type Wanted map[Tag]AttrSet

// Data is the debugging sections of a file.
type Data struct {
	Image *elfimage.Image

	info       *elfimage.Relocated // .debug_info, followed by .debug_types of DWARF 4
	typesSize  uint64              // of .debug_types, bytes
	abbrev     []byte
	str        []byte
	lineStr    []byte
	strOffsets *elfimage.Relocated
	addr       *elfimage.Relocated
	loc        *elfimage.Relocated // .debug_loc, DWARF 2 to 4
	loclists   *elfimage.Relocated // .debug_loclists, DWARF 5

	wanted wantedIndex
	signed map[uint64]uint64 // by signature: offset of a type in a type unit

	tablesRead atomic.Uint64 // bytes of .debug_abbrev
}

// wantedIndex is Wanted for fast lookup.
type wantedIndex struct {
	low  [0x80]want // by tag
	rest Wanted
}

type want struct {
	stop  bool
	attrs AttrSet
}

func (w Wanted) tags() (t wantedIndex) {
	t.rest = w
	for tag, attrs := range w {
		if int(tag) < len(t.low) {
			t.low[tag] = want{true, attrs}
		}
	}
	return t
}

func (w *wantedIndex) of(tag uint64) want {
	if tag < uint64(len(w.low)) {
		return w.low[tag]
	}
	attrs, ok := w.rest[Tag(tag)]
	return want{ok && tag <= 0xffff, attrs}
}

// In reports whether a file has DWARF.
func In(img *elfimage.Image) bool { return len(debugSections(img, ".debug_info")) > 0 }

// Missing returns the error for a file without DWARF. It wraps ErrNoDWARF, except for sections in
// an unsupported compression.
func Missing(img *elfimage.Image) error {
	if img.Section(".zdebug_info") != nil {
		return fmt.Errorf("%s: debugging sections in the old GNU compression (.zdebug_info): "+
			"run objcopy --decompress-debug-sections first", img.Path)
	}
	return fmt.Errorf("%s: %w", img.Path, ErrNoDWARF)
}

// Load opens the debugging sections of img. Errors name the file; those of a file without DWARF
// wrap ErrNoDWARF.
func Load(img *elfimage.Image, wanted Wanted) (*Data, error) {
	// With type units there may be several: ld -r keeps each in its own group.
	info, types := debugSections(img, ".debug_info"), debugSections(img, ".debug_types")
	if len(info) == 0 {
		return nil, Missing(img)
	}
	d := &Data{Image: img, wanted: wanted.tags()}
	var err error
	if d.info, err = img.Relocate(append(info, types...)...); err != nil {
		return nil, err
	}
	for _, s := range types {
		data, err := img.Inflate(s)
		if err != nil {
			return nil, err
		}
		d.typesSize += uint64(len(data))
	}
	for _, t := range []struct {
		name string
		to   **elfimage.Relocated
	}{
		{".debug_str_offsets", &d.strOffsets},
		{".debug_addr", &d.addr},
		{".debug_loc", &d.loc},
		{".debug_loclists", &d.loclists},
	} {
		if *t.to, err = img.Relocate(debugSections(img, t.name)...); err != nil {
			return nil, err
		}
	}
	for _, t := range []struct {
		name string
		to   *[]byte
	}{
		{".debug_abbrev", &d.abbrev},
		{".debug_str", &d.str},
		{".debug_line_str", &d.lineStr},
	} {
		if s := img.Section(t.name); s != nil {
			if *t.to, err = img.Inflate(s); err != nil {
				return nil, err
			}
		}
	}
	return d, nil
}

// debugSections returns the non-empty sections with a name.
func debugSections(img *elfimage.Image, name string) []*elfimage.Section {
	var list []*elfimage.Section
	for i := range img.Sections {
		if s := &img.Sections[i]; s.Name == name && s.Size > 0 && s.Type != elf.SHT_NOBITS {
			list = append(list, s)
		}
	}
	return list
}

// StrRef is the location of a string: a section (upper 2 bits) and an offset in bytes.
type StrRef uint64

const (
	strInDebugStr StrRef = iota << strOffBits
	strInLineStr
	strInInfo
	StrCaller // first value that refers to a table of the caller

	strOffBits        = 62
	strOffMask StrRef = 1<<strOffBits - 1
)

// StringTables returns the tables that StrRefs refer to, by their upper two bits. The last one is
// own, the caller's.
func (d *Data) StringTables(own []byte) [4][]byte {
	return [...][]byte{strInDebugStr >> strOffBits: d.str, strInLineStr >> strOffBits: d.lineStr,
		strInInfo >> strOffBits: d.info.Data,
		StrCaller >> strOffBits: own}
}

// String returns a string of the file, without its NUL; ok is false if there is none at ref.
func (d *Data) String(ref StrRef) (s []byte, ok bool) {
	tab := d.StringTables(nil)[ref>>strOffBits]
	return elfimage.CString(tab, uint64(ref&strOffMask))
}

// NoString returns the error for a StrRef without a string.
func (d *Data) NoString(ref StrRef) error {
	names := [...]string{".debug_str", ".debug_line_str", ".debug_info"}
	return fmt.Errorf("%s: no string at offset %#x", names[ref>>strOffBits], uint64(ref&strOffMask))
}

// block is a range of bytes in .debug_info: offset (40 bits) and length (24 bits).
type block uint64

const blockOffBits = 40

func makeBlock(off, n uint64) block { return block(off | n<<blockOffBits) }

// off returns the offset of the first byte in .debug_info.
func (b block) off() uint64 { return uint64(b) & (1<<blockOffBits - 1) }

// blockBytes returns the bytes of a block.
func (d *Data) blockBytes(b block) []byte {
	return d.info.Data[b.off() : b.off()+uint64(b)>>blockOffBits]
}

func (d *Data) u16(b []byte) uint16 { return d.Image.Order.Uint16(b) }
func (d *Data) u32(b []byte) uint32 { return d.Image.Order.Uint32(b) }
func (d *Data) u64(b []byte) uint64 { return d.Image.Order.Uint64(b) }

// uint reads n bytes as a number: 1, 2, 3, 4 or 8.
func (d *Data) uint(b []byte, n int) uint64 {
	switch n {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(d.u16(b))
	case 3:
		if d.Image.BigEndian() {
			return uint64(b[0])<<16 | uint64(b[1])<<8 | uint64(b[2])
		}
		return uint64(b[2])<<16 | uint64(b[1])<<8 | uint64(b[0])
	case 4:
		return uint64(d.u32(b))
	}
	return d.u64(b)
}
