// SPDX-License-Identifier: GPL-2.0-only

// Package dwarf streams the debugging information entries (DIEs) of DWARF 2 to 5.
//
// It exists beside debug/dwarf because reading is nearly all that an encoder does: a module holds millions of DIEs of which a
// few attributes matter. Each abbreviation is compiled once into a run of skips and reads; a Reader walks a unit's bytes where
// they are mapped, allocates nothing per DIE and stops only at the tags its caller wants. Relocations of a relocatable file are
// followed along the way (elfimage.Cursor), not applied.
//
// Section numbers in comments are those of the DWARF 5 standard.
package dwarf

import (
	"debug/elf"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/kbtf/kbtf/internal/elfimage"
)

// ErrNoDWARF says that a file has no .debug_info, or an empty one.
var ErrNoDWARF = errors.New("no DWARF (.debug_info): build with CONFIG_DEBUG_INFO=y, before stripping")

// Wanted lists the tags at which a Reader stops, and which attributes to read there.
type Wanted map[Tag]AttrSet

// Data is the debugging sections of one file.
type Data struct {
	Image *elfimage.Image

	info       *elfimage.Relocated // .debug_info, and behind it .debug_types of DWARF 4
	typesSize  uint64              // of the latter, bytes
	abbrev     []byte
	str        []byte
	lineStr    []byte
	strOffsets *elfimage.Relocated
	addr       *elfimage.Relocated
	loc        *elfimage.Relocated // .debug_loc, DWARF 2 to 4
	loclists   *elfimage.Relocated // .debug_loclists, DWARF 5

	wanted wantedTags
	signed map[uint64]uint64 // by signature: the offset of a type in a type unit

	tablesRead atomic.Uint64 // bytes of .debug_abbrev
}

// wantedTags is Wanted for fast look-up.
type wantedTags struct {
	low  [0x80]want // by tag
	rest Wanted
}

type want struct {
	stop  bool
	attrs AttrSet
}

func (w Wanted) tags() (t wantedTags) {
	t.rest = w
	for tag, attrs := range w {
		if int(tag) < len(t.low) {
			t.low[tag] = want{true, attrs}
		}
	}
	return t
}

func (w *wantedTags) of(tag uint64) want {
	if tag < uint64(len(w.low)) {
		return w.low[tag]
	}
	attrs, ok := w.rest[Tag(tag)]
	return want{ok && tag <= 0xffff, attrs}
}

// In tells whether a file has DWARF.
func In(img *elfimage.Image) bool { return len(debugSections(img, ".debug_info")) > 0 }

// Missing is the error of a file without DWARF.
func Missing(img *elfimage.Image) error {
	if img.Section(".zdebug_info") != nil {
		return fmt.Errorf("%s: debugging sections in GNU's old compression (.zdebug_info): objcopy --decompress-debug-sections it first", img.Path)
	}
	return fmt.Errorf("%s: %w", img.Path, ErrNoDWARF)
}

// Load opens the debugging sections of img.
func Load(img *elfimage.Image, wanted Wanted) (*Data, error) {
	// There are several if type units have come through ld -r, which keeps each in a group of its own.
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

// debugSections lists the sections of a name that have contents.
func debugSections(img *elfimage.Image, name string) []*elfimage.Section {
	var list []*elfimage.Section
	for i := range img.Sections {
		if s := &img.Sections[i]; s.Name == name && s.Size > 0 && s.Type != elf.SHT_NOBITS {
			list = append(list, s)
		}
	}
	return list
}

// StrRef says where a string stands: a section (upper bits) and an offset in it.
type StrRef uint64

const (
	strInDebugStr StrRef = iota << strOffBits
	strInLineStr
	strInInfo
	StrElsewhere // from here on: no string of the file, free for the caller's use

	strOffBits        = 62
	strOffMask StrRef = 1<<strOffBits - 1
)

// StringTables are what StrRefs refer to, by their upper two bits. The last one is the caller's own.
func (d *Data) StringTables(own []byte) [4][]byte {
	return [...][]byte{strInDebugStr >> strOffBits: d.str, strInLineStr >> strOffBits: d.lineStr, strInInfo >> strOffBits: d.info.Data,
		StrElsewhere >> strOffBits: own}
}

// String gives the string at a place in the file, without its NUL.
func (d *Data) String(ref StrRef) (s []byte, ok bool) {
	tab := d.StringTables(nil)[ref>>strOffBits]
	return elfimage.CString(tab, uint64(ref&strOffMask))
}

// NoString is the error of a reference to a string that is not there.
func (d *Data) NoString(ref StrRef) error {
	names := [...]string{".debug_str", ".debug_line_str", ".debug_info"}
	return fmt.Errorf("%s: no string at offset %#x", names[ref>>strOffBits], uint64(ref&strOffMask))
}

// Block says where bytes stand in .debug_info: offset (40 bits) and length (24 bits).
type Block uint64

const blockOffBits = 40

func makeBlock(off, n uint64) Block { return Block(off | n<<blockOffBits) }

// Off is the block's first byte in .debug_info.
func (b Block) Off() uint64 { return uint64(b) & (1<<blockOffBits - 1) }

// Bytes gives the bytes of a block.
func (d *Data) Bytes(b Block) []byte {
	return d.info.Data[b.Off() : b.Off()+uint64(b)>>blockOffBits]
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
