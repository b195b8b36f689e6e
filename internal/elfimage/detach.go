// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfimage

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/kbtf/kbtf/internal/patherr"
	"github.com/kbtf/kbtf/internal/replace"
)

// Detach removes sections by name. If Attach added them, the file gets its original bytes back. A
// section from another program is cut out; its header stays as an inactive one (SHT_NULL), so that
// the numbers of the other sections do not change. If the file has hard links, only the header is
// cleared.
//
// removed reports whether the file had such a section; if not, or on error, the file is unchanged.
// The image still has the old contents of the file: close it.
func (img *Image) Detach(names ...string) (removed bool, err error) {
	found := slices.ContainsFunc(names, func(n string) bool { return img.Section(n) != nil })
	if !found {
		return false, img.removePartial()
	}
	st, err := img.checkChangeable()
	if err != nil {
		return false, err
	}
	original := img.original()
	whole := img
	attached := original.size != uint64(len(img.Data))
	if attached {
		if whole, err = img.originalImage(&original); err != nil {
			return false, err
		}
	}
	data, cut, err := whole.without(names)
	if err != nil {
		return false, err
	}
	if !cut && attached {
		return true, img.restore(&original)
	}
	if replace.LinkCount(st) > 1 {
		// Change the file in place, for all its names. It does not shrink.
		gone := make([]NewSection, len(names))
		for i, name := range names {
			gone[i] = NewSection{Name: name, Remove: true}
		}
		return true, img.Attach(gone...)
	}
	if err := replace.Like(img.Path, data, st); err != nil {
		return false, fmt.Errorf("%s: cannot replace: %w", img.Path, patherr.Cause(err))
	}
	return true, nil
}

// originalImage returns the file from before Attach, except for its ELF header.
func (img *Image) originalImage(original *record) (*Image, error) {
	was := *img
	was.Data = img.Data[:original.size:original.size]
	was.shoff, was.shstrndx = original.shoff, original.shstrndx
	return &was, was.readSections(uint64(original.shnum))
}

// OriginalContents returns the contents of a section from before Attach; nil if there is no such
// section.
func (img *Image) OriginalContents(name string) ([]byte, error) {
	original := img.original()
	was, err := img.originalImage(&original)
	if err != nil {
		return nil, err
	}
	return was.InflateNamed(name)
}

// removePartial truncates what a killed Attach or Detach has left. A signature stays.
func (img *Image) removePartial() error {
	size := img.intactSize()
	if size == uint64(len(img.Data)) || size == img.unsignedSize {
		return nil
	}
	if _, err := img.checkWritable(); err != nil {
		return err
	}
	return patherr.PathFirst(os.Truncate(img.Path, int64(size)))
}

// restore undoes Attach. The header is changed first, so that the file is valid at any time.
func (img *Image) restore(original *record) error {
	f, err := os.OpenFile(img.Path, os.O_RDWR, 0)
	if err != nil {
		return patherr.PathFirst(err)
	}
	defer f.Close()
	now := slices.Clone(img.Data[:img.layout().ehdr]) // the mapping may follow the file
	header := slices.Clone(now)
	img.putHeader(header, original.shoff, original.shnum)
	at := img.headerOff()
	if _, err = f.WriteAt(header[at:], int64(at)); err == nil {
		err = f.Truncate(int64(original.size))
	}
	if err != nil {
		_, _ = f.WriteAt(now[at:], int64(at))
	}
	return patherr.PathFirst(err)
}

// putHeader sets e_shoff and e_shnum in an ELF header.
func (img *Image) putHeader(data []byte, shoff uint64, shnum uint32) {
	at := img.headerOff()
	if img.Class == elf.ELFCLASS64 {
		img.Order.PutUint64(data[at:], shoff)
	} else {
		img.Order.PutUint32(data[at:], uint32(shoff))
	}
	if shnum >= uint32(elf.SHN_LORESERVE) {
		shnum = 0 // the count is in section header 0
	}
	// e_shnum is the second last 16-bit field of the header.
	img.Order.PutUint16(data[img.layout().ehdr-4:], uint16(shnum))
}

// without returns the file without sections of these names; cut reports whether it had any.
func (img *Image) without(names []string) (data []byte, cut bool, err error) {
	for _, name := range names {
		s := img.Section(name)
		if s == nil {
			continue
		}
		if img.Type != elf.ET_REL || s.Flags&elf.SHF_ALLOC != 0 {
			return nil, false, fmt.Errorf("%s: %s is a loaded section: only those of "+
				"modules can be removed", img.Path, name)
		}
		data, err := img.cut(s)
		if err != nil {
			return nil, false, err
		}
		if img, err = Parse(img.Path, data); err != nil {
			return nil, false, err
		}
		cut = true
	}
	return img.Data, cut, nil
}

// cut returns the file without a section's contents. What follows moves by a multiple of all
// alignments.
func (img *Image) cut(s *Section) ([]byte, error) {
	if _, err := img.Contents(s); err != nil {
		return nil, err
	}
	l, size := img.layout(), s.Size
	if s.Type == elf.SHT_NOBITS {
		size = 0
	}
	begin, end := s.Offset, s.Offset+size
	table := uint64(len(img.Sections)) * l.shdr
	align := uint64(8)
	for i := range img.Sections {
		o := &img.Sections[i]
		used := o.Size
		if o.Type == elf.SHT_NOBITS || o.Type == elf.SHT_NULL {
			used = 0
		}
		if o.Index != s.Index && used > 0 && o.Offset < end && o.Offset+used > begin {
			return nil, fmt.Errorf("%s: sections %s and %s share bytes: cannot remove one",
				img.Path, s.Name, o.Name)
		}
		if o.Offset >= end {
			align = max(align, o.Addralign)
		}
	}
	if img.shoff < end && img.shoff+table > begin {
		return nil, errors.New(img.Path + ": the section headers lie inside section " + s.Name)
	}
	n := size / align * align
	data := slices.Delete(slices.Clone(img.Data), int(begin), int(begin+n))
	clear(data[begin : begin+size-n])
	shoff := img.shoff
	if shoff >= end {
		shoff -= n
	}
	for i := range img.Sections {
		o := &img.Sections[i]
		h := data[shoff+uint64(i)*l.shdr:][:l.shdr]
		switch {
		case o.Index == s.Index:
			clear(h)
			img.putOffset(h, begin) // if it was 0, libelf would clear the file's header on writing
		case o.Offset >= end && i > 0:
			img.putOffset(h, o.Offset-n)
		}
	}
	img.putHeader(data, shoff, uint32(len(img.Sections)))
	return data, nil
}

// putOffset sets sh_offset.
func (img *Image) putOffset(h []byte, v uint64) {
	if img.Class == elf.ELFCLASS64 {
		img.Order.PutUint64(h[24:], v)
	} else {
		img.Order.PutUint32(h[16:], uint32(v))
	}
}
