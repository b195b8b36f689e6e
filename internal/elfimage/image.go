// SPDX-License-Identifier: GPL-2.0-only

// Package elfimage reads an ELF file in place and attaches sections to it.
//
// It exists beside debug/elf because an encoder that is started once per module must not copy what it only looks at: a module's
// debugging sections are mapped, symbols and relocations are read where they stand, and attaching a section appends to the file
// instead of rewriting it. Class and byte order are taken from the file: ELF32 and ELF64, little and big endian.
//
// Rules are those of the System V gABI, chapters 4 and 5. What it does not do: program headers, dynamic linking.
package elfimage

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/kbtf/kbtf/internal/decompress"
)

// Image is an ELF file. All offsets and sizes are in bytes.
type Image struct {
	Path    string
	Data    []byte // the whole file; mapped, not to be written
	Class   elf.Class
	Order   binary.ByteOrder
	Type    elf.Type
	Machine elf.Machine
	Osabi   byte

	Sections []Section

	shoff    uint64 // of the section header table
	shstrndx uint32
	mapped   bool
	opened   fs.FileInfo // what the file was then, if it was mapped
	unsigned uint64      // where the signature begins that is to be removed; 0: there is none, or it stays
}

// Section is one section header, whatever the class.
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

// Sizes of the structures of an ELF class, in bytes.
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

// AddrSize is the size of an address in bytes.
func (img *Image) AddrSize() int { return int(img.layout().addr) }

// BigEndian tells the byte order of the file's data.
func (img *Image) BigEndian() bool { return img.Order == binary.ByteOrder(binary.BigEndian) }

// Open maps the file at path. Close unmaps it; nothing read from the image may be used afterwards.
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
	img.mapped, img.opened = true, st
	return img, nil
}

// Close releases the mapping.
func (img *Image) Close() {
	if img.mapped {
		Unmap(img.Data)
		img.Data, img.mapped = nil, false
	}
}

// MapFile maps a file for reading. An empty file gives an empty slice.
func MapFile(path string) ([]byte, error) {
	data, _, err := mapFile(path)
	return data, err
}

// mapFile tells, too, what the file was when it was mapped.
func mapFile(path string) (data []byte, st fs.FileInfo, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fileError(err)
	}
	defer f.Close()
	st, err = f.Stat()
	if err != nil {
		return nil, nil, fileError(err)
	}
	if !st.Mode().IsRegular() {
		// Pipes and the like cannot be mapped; sysfs files say that they are regular.
		return nil, nil, fmt.Errorf("%s: not a regular file", path)
	}
	if st.Size() == 0 {
		return nil, st, nil
	}
	data, err = unix.Mmap(int(f.Fd()), 0, int(st.Size()), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		// sysfs before 6.16 has no mmap (/sys/kernel/btf/vmlinux).
		if data, err = os.ReadFile(path); err != nil {
			return nil, nil, fileError(err)
		}
	}
	return data, st, nil
}

// fileError puts the name of the file first, as all messages do, and leaves out that of the system call.
func fileError(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return fmt.Errorf("%s: %w", p.Path, p.Err)
	}
	return err
}

// Unmap releases what MapFile returned.
func Unmap(data []byte) {
	if data != nil {
		_ = unix.Munmap(data) // fails for the copies of MapFile, which the collector frees
	}
}

// IsELF tells whether data begins as an ELF file does.
func IsELF(data []byte) bool { return bytes.HasPrefix(data, []byte(elf.ELFMAG)) }

// Parse reads the headers of an ELF file. path is for messages only.
func Parse(path string, data []byte) (*Image, error) {
	fail := func(format string, args ...any) (*Image, error) {
		return nil, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...))
	}
	if program := decompress.Program(data); program != "" {
		return fail("compressed: %s -d it first, and compress it again afterwards", program)
	}
	if !IsELF(data) {
		return fail("not an ELF file")
	}
	if len(data) < elf.EI_NIDENT {
		return fail("truncated ELF file: no room for its header")
	}
	img := &Image{Path: path, Data: data, Class: elf.Class(data[elf.EI_CLASS]), Osabi: data[elf.EI_OSABI]}
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
	// Counts that do not fit the header are in section header 0 (gABI, "Extended section numbering").
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
		return fail("truncated: %d section headers at offset %d of %d bytes", shnum, img.shoff, size)
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
		name, ok := CString(names[:min(uint64(len(names)), uint64(off)+maxSectionName)], uint64(off))
		if !ok {
			return fail("section %d: name at offset %d lies outside the name table, or is too long", i, off)
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
		s.Addr, s.Offset, s.Size = uint64(o.Uint32(h[12:])), uint64(o.Uint32(h[16:])), uint64(o.Uint32(h[20:]))
		s.Link, s.Info = o.Uint32(h[24:]), o.Uint32(h[28:])
		s.Addralign, s.Entsize = uint64(o.Uint32(h[32:])), uint64(o.Uint32(h[36:]))
	}
	return s
}

func (img *Image) sectionNameOffset(i uint64) uint32 {
	return img.Order.Uint32(img.Data[img.shoff+i*img.layout().shdr:])
}

// Section finds a section by name; nil if there is none.
func (img *Image) Section(name string) *Section {
	for i := range img.Sections {
		if img.Sections[i].Name == name {
			return &img.Sections[i]
		}
	}
	return nil
}

// Contents gives the bytes of a section as they stand in the file, without decompressing or relocating them.
// A section that occupies no space in the file (SHT_NOBITS) gives nil.
func (img *Image) Contents(s *Section) ([]byte, error) {
	if s.Type == elf.SHT_NOBITS || s.Type == elf.SHT_NULL {
		return nil, nil
	}
	if s.Offset > uint64(len(img.Data)) || s.Size > uint64(len(img.Data))-s.Offset {
		return nil, fmt.Errorf("%s: truncated: section %d %s at offset %d, %d bytes, in a file of %d",
			img.Path, s.Index, s.Name, s.Offset, s.Size, len(img.Data))
	}
	return img.Data[s.Offset : s.Offset+s.Size : s.Offset+s.Size], nil
}

// Names may overlap: many long ones fit into few bytes, and would take forever to be read. No kernel's are nearly as long as this, in
// bytes; among other strings are the compiler's command lines.
const (
	maxSectionName = 1 << 10
	maxString      = 16 << 10
)

// CString gives the NUL-terminated string at off, without its NUL. One of maxString bytes or more is none.
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
