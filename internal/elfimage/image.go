// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package elfimage reads an ELF file in place and attaches sections to it.
//
// It exists beside debug/elf because an encoder that runs once per module must not copy its input:
// debugging sections are mapped, symbols and relocations are read in place, and a section is
// attached by appending to the file instead of rewriting it. ELF32 and ELF64 are supported, in
// little and big endian.
//
// Rules are those of the System V gABI, chapters 4 and 5. Program headers and dynamic linking are
// not supported.
package elfimage

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/kbtf/kbtf/internal/decompress"
	"github.com/kbtf/kbtf/internal/patherr"
)

// Image is an ELF file. All offsets and sizes are in bytes.
type Image struct {
	Path    string
	Data    []byte // the whole file; mapped read-only
	Class   elf.Class
	Order   binary.ByteOrder
	Type    elf.Type
	Machine elf.Machine

	Sections []Section

	shoff        uint64 // of the section header table
	shstrndx     uint32
	mapped       bool
	stat         fs.FileInfo // of the file when it was mapped; else nil
	unsignedSize uint64      // start of the signature to remove; 0: none, or it stays
}

// Section is a section header of either class.
type Section struct {
	Index     int
	Name      string
	Type      elf.SectionType
	Flags     elf.SectionFlag
	Addr      uint64
	Offset    uint64
	Size      uint64
	Link      uint32
	Info      uint32
	Addralign uint64
	Entsize   uint64
}

// layout has the sizes of the structures of an ELF class, in bytes.
type layout struct{ ehdr, shdr, sym, rel, rela, addr uint64 }

var (
	layout32 = layout{52, 40, 16, 8, 12, 4}
	layout64 = layout{64, 64, 24, 16, 24, 8}
)

func (img *Image) layout() *layout {
	if img.Class == elf.ELFCLASS32 {
		return &layout32
	}
	return &layout64
}

// AddrSize returns the size of an address in bytes.
func (img *Image) AddrSize() int { return int(img.layout().addr) }

// BigEndian reports whether the file's data is big endian.
func (img *Image) BigEndian() bool { return img.Order == binary.ByteOrder(binary.BigEndian) }

// Open maps the file at path. Close unmaps it; nothing read from the image may be used afterwards.
// Errors start with the path.
func Open(path string) (*Image, error) {
	data, st, err := mapFile(path)
	if err != nil {
		return nil, err
	}
	img, err := Parse(path, data)
	if err != nil {
		Unmap(data)
		return nil, err
	}
	img.mapped, img.stat = true, st
	return img, nil
}

// Close releases the mapping.
func (img *Image) Close() {
	if img.mapped {
		Unmap(img.Data)
		img.Data, img.mapped = nil, false
	}
}

// MapFile maps a file for reading; the result for an empty file is nil. Errors start with the path.
func MapFile(path string) ([]byte, error) {
	data, _, err := mapFile(path)
	return data, err
}

// mapFile also returns the file's status when it was mapped.
func mapFile(path string) (data []byte, st fs.FileInfo, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, patherr.PathFirst(err)
	}
	defer f.Close()
	st, err = f.Stat()
	if err != nil {
		return nil, nil, patherr.PathFirst(err)
	}
	if !st.Mode().IsRegular() {
		// Pipes and devices cannot be mapped; sysfs files are regular.
		return nil, nil, fmt.Errorf("%s: not a regular file", path)
	}
	if st.Size() == 0 {
		return nil, st, nil
	}
	data, err = unix.Mmap(int(f.Fd()), 0, int(st.Size()), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		// sysfs before 6.16 does not support mmap (/sys/kernel/btf/vmlinux).
		if data, err = os.ReadFile(path); err != nil {
			return nil, nil, patherr.PathFirst(err)
		}
	}
	return data, st, nil
}

// Unmap releases a result of MapFile.
func Unmap(data []byte) {
	if data != nil {
		_ = unix.Munmap(data) // fails for copies, which are garbage-collected
	}
}

// IsELF reports whether data starts with the magic of ELF files.
func IsELF(data []byte) bool { return bytes.HasPrefix(data, []byte(elf.ELFMAG)) }

// Parse reads the headers of an ELF file. path is for messages only.
func Parse(path string, data []byte) (*Image, error) {
	fail := func(format string, args ...any) (*Image, error) {
		return nil, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...))
	}
	if program := decompress.Program(data); program != "" {
		return fail("compressed: run %s -d first, and compress it again afterwards", program)
	}
	if err := CheckFormat(path, data); err != nil {
		return nil, err
	}
	if !IsELF(data) {
		return fail("not an ELF file")
	}
	if len(data) < elf.EI_NIDENT {
		return fail("truncated ELF file: no room for its header")
	}
	img := &Image{Path: path, Data: data, Class: elf.Class(data[elf.EI_CLASS])}
	switch img.Class {
	case elf.ELFCLASS32, elf.ELFCLASS64:
	default:
		return fail("unknown ELF class %d", data[elf.EI_CLASS])
	}
	switch elf.Data(data[elf.EI_DATA]) {
	case elf.ELFDATA2LSB:
		img.Order = binary.LittleEndian
	case elf.ELFDATA2MSB:
		img.Order = binary.BigEndian
	default:
		return fail("unknown byte order %d", data[elf.EI_DATA])
	}
	l := img.layout()
	if uint64(len(data)) < l.ehdr {
		return fail("truncated ELF file: no room for its header")
	}
	o := img.Order
	img.Type = elf.Type(o.Uint16(data[16:]))
	img.Machine = elf.Machine(o.Uint16(data[18:]))
	var shentsize, shnum uint64
	if img.Class == elf.ELFCLASS64 {
		img.shoff = o.Uint64(data[40:])
		shentsize, shnum = uint64(o.Uint16(data[58:])), uint64(o.Uint16(data[60:]))
		img.shstrndx = uint32(o.Uint16(data[62:]))
	} else {
		img.shoff = uint64(o.Uint32(data[32:]))
		shentsize, shnum = uint64(o.Uint16(data[46:])), uint64(o.Uint16(data[48:]))
		img.shstrndx = uint32(o.Uint16(data[50:]))
	}
	if img.shoff == 0 {
		return fail("no section headers")
	}
	if shentsize != l.shdr {
		return fail("section headers of %d bytes, expected %d", shentsize, l.shdr)
	}
	if img.shoff > uint64(len(data)) || l.shdr > uint64(len(data))-img.shoff {
		return fail("truncated: section headers at offset %d of %d bytes", img.shoff, len(data))
	}
	// Counts that do not fit the header are in section header 0 (gABI, "Extended section
	// numbering").
	zero := img.section(0)
	if shnum == 0 {
		shnum = zero.Size
	}
	if img.shstrndx == uint32(elf.SHN_XINDEX) {
		img.shstrndx = zero.Link
	}
	if err := img.readSections(shnum); err != nil {
		return nil, err
	}
	return img, nil
}

// readSections reads the section headers and their names.
func (img *Image) readSections(shnum uint64) error {
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%s: %s", img.Path, fmt.Sprintf(format, args...))
	}
	if size := uint64(len(img.Data)); shnum == 0 || shnum > (size-img.shoff)/img.layout().shdr {
		return fail("truncated: %d section headers at offset %d of %d bytes",
			shnum, img.shoff, size)
	}
	img.Sections = make([]Section, shnum)
	for i := range img.Sections {
		img.Sections[i] = img.section(uint64(i))
	}
	if uint64(img.shstrndx) >= shnum {
		return fail("no section name table (index %d of %d sections)", img.shstrndx, shnum)
	}
	names, err := img.Contents(&img.Sections[img.shstrndx])
	if err != nil {
		return err
	}
	for i := range img.Sections {
		off := img.sectionNameOffset(uint64(i))
		end := min(uint64(len(names)), uint64(off)+maxSectionName)
		name, ok := CString(names[:end], uint64(off))
		if !ok {
			return fail("section %d: name at offset %d lies outside the name table, or is too long",
				i, off)
		}
		img.Sections[i].Name = string(name)
	}
	return nil
}

// section decodes section header i, without its name.
func (img *Image) section(i uint64) Section {
	s := img.parseHeader(img.Data[img.shoff+i*img.layout().shdr:])
	s.Index = int(i)
	return s
}

func (img *Image) parseHeader(h []byte) Section {
	o := img.Order
	s := Section{Type: elf.SectionType(o.Uint32(h[4:]))}
	if img.Class == elf.ELFCLASS64 {
		s.Flags = elf.SectionFlag(o.Uint64(h[8:]))
		s.Addr, s.Offset, s.Size = o.Uint64(h[16:]), o.Uint64(h[24:]), o.Uint64(h[32:])
		s.Link, s.Info = o.Uint32(h[40:]), o.Uint32(h[44:])
		s.Addralign, s.Entsize = o.Uint64(h[48:]), o.Uint64(h[56:])
	} else {
		s.Flags = elf.SectionFlag(o.Uint32(h[8:]))
		s.Addr, s.Offset, s.Size = uint64(o.Uint32(h[12:])), uint64(o.Uint32(h[16:])),
			uint64(o.Uint32(h[20:]))
		s.Link, s.Info = o.Uint32(h[24:]), o.Uint32(h[28:])
		s.Addralign, s.Entsize = uint64(o.Uint32(h[32:])), uint64(o.Uint32(h[36:]))
	}
	return s
}

func (img *Image) sectionNameOffset(i uint64) uint32 {
	return img.Order.Uint32(img.Data[img.shoff+i*img.layout().shdr:])
}

// Section returns a section by name, nil if there is none.
func (img *Image) Section(name string) *Section {
	for i := range img.Sections {
		if img.Sections[i].Name == name {
			return &img.Sections[i]
		}
	}
	return nil
}

// Contents returns the bytes of a section in the file, neither decompressed nor relocated. It
// returns nil for a section without bytes in the file (SHT_NOBITS, SHT_NULL).
func (img *Image) Contents(s *Section) ([]byte, error) {
	if s.Type == elf.SHT_NOBITS || s.Type == elf.SHT_NULL {
		return nil, nil
	}
	if s.Offset > uint64(len(img.Data)) || s.Size > uint64(len(img.Data))-s.Offset {
		return nil, fmt.Errorf("%s: truncated: section %d %s at offset %d, %d "+
			"bytes, in a file of %d",
			img.Path, s.Index, s.Name, s.Offset, s.Size, len(img.Data))
	}
	return img.Data[s.Offset : s.Offset+s.Size : s.Offset+s.Size], nil
}

// Names may overlap, so that a small damaged file could have many long ones. The names in real
// files are far below these limits, in bytes; other strings include the compiler's command lines.
const (
	maxSectionName = 1 << 10
	maxString      = 16 << 10
)

// CString returns the NUL-terminated string at off, without its NUL; ok is false if it is maxString
// bytes or longer.
func CString(tab []byte, off uint64) ([]byte, bool) {
	if off >= uint64(len(tab)) {
		return nil, false
	}
	n := bytes.IndexByte(tab[off:min(uint64(len(tab)), off+maxString)], 0)
	if n < 0 {
		return nil, false
	}
	return tab[off : off+uint64(n)], true
}
