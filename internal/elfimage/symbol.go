// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfimage

import (
	"debug/elf"
	"fmt"
)

// Symbols is a symbol table, read in place.
type Symbols struct {
	img     *Image
	data    []byte
	strings []byte
	xindex  []byte // SHT_SYMTAB_SHNDX, or nil
	size    uint64 // of an entry, in bytes
	n       int
}

// Symbol is an entry of a symbol table. In a relocatable file Value is an offset within the
// section, in bytes.
type Symbol struct {
	nameOff uint32
	Value   uint64
	Size    uint64
	Section uint32 // index, resolved through SHT_SYMTAB_SHNDX; reserved indexes are unchanged
	Info    byte
}

// Type returns STT_* of the symbol.
func (s *Symbol) Type() elf.SymType { return elf.SymType(s.Info & 0xf) }

// Symbols opens the symbol table in section s (SHT_SYMTAB).
func (img *Image) Symbols(s *Section) (*Symbols, error) {
	t := &Symbols{img: img, size: img.layout().sym}
	var err error
	if t.data, err = img.Contents(s); err != nil {
		return nil, err
	}
	if uint64(s.Link) >= uint64(len(img.Sections)) {
		return nil, fmt.Errorf("%s: section %s: string table %d does not exist",
			img.Path, s.Name, s.Link)
	}
	if t.strings, err = img.Contents(&img.Sections[s.Link]); err != nil {
		return nil, err
	}
	for i := range img.Sections {
		x := &img.Sections[i]
		if x.Type == elf.SHT_SYMTAB_SHNDX && int(x.Link) == s.Index {
			if t.xindex, err = img.Contents(x); err != nil {
				return nil, err
			}
		}
	}
	t.n = len(t.data) / int(t.size)
	return t, nil
}

// SymbolTable opens .symtab. It returns nil without an error if the file has none.
func (img *Image) SymbolTable() (*Symbols, error) {
	for i := range img.Sections {
		if img.Sections[i].Type == elf.SHT_SYMTAB {
			return img.Symbols(&img.Sections[i])
		}
	}
	return nil, nil
}

// Len returns the number of entries, including the null symbol.
func (t *Symbols) Len() int { return t.n }

// At decodes entry i, 0 <= i < Len.
func (t *Symbols) At(i int) Symbol {
	o := t.img.Order
	e := t.data[uint64(i)*t.size:]
	var s Symbol
	s.nameOff = o.Uint32(e)
	if t.img.Class == elf.ELFCLASS64 {
		s.Info = e[4]
		s.Section = uint32(o.Uint16(e[6:]))
		s.Value, s.Size = o.Uint64(e[8:]), o.Uint64(e[16:])
	} else {
		s.Value, s.Size = uint64(o.Uint32(e[4:])), uint64(o.Uint32(e[8:]))
		s.Info = e[12]
		s.Section = uint32(o.Uint16(e[14:]))
	}
	if s.Section == uint32(elf.SHN_XINDEX) && (i+1)*4 <= len(t.xindex) {
		s.Section = o.Uint32(t.xindex[i*4:])
	}
	return s
}

// Name returns a symbol's name, empty if its offset is outside the string table.
func (t *Symbols) Name(s *Symbol) []byte {
	name, _ := CString(t.strings, uint64(s.nameOff))
	return name
}
