// SPDX-License-Identifier: GPL-2.0-only

package elfimage

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/kbtf/kbtf/internal/replace"
)

// Detach removes the sections of these names. What Attach has put there goes with its traces: the file has the bytes that it had
// before. A section that another program made is cut out; its header stays as one that stands for nothing (SHT_NULL), so that the
// numbers of the other sections do not change. If the file has several names (hard links) only the header goes.
//
// It tells whether there was something to remove; if not, or after an error, the file is as it was. The image still shows the
// file as it was when it was opened: close it.
func (img *Image) Detach(names ...string) (removed bool, err error) {
	found := slices.ContainsFunc(names, func(n string) bool { return img.Section(n) != nil })
	if !found {
		return false, img.tidy()
	}
	st, err := img.changeable()
	if err != nil {
		return false, err
	}
	before := img.before()
	whole := img
	attached := before.size != uint64(len(img.Data))
	if attached {
		if whole, err = img.asBefore(&before); err != nil {
			return false, err
		}
	}
	data, cut, err := whole.without(names)
	if err != nil {
		return false, err
	}
	if !cut && attached {
		return true, img.restore(&before)
	}
	if replace.Names(st) > 1 {
		// All names of the file are to lose the sections, so it is changed in place, by which it does not get smaller.
		gone := make([]NewSection, len(names))
		for i, name := range names {
			gone[i] = NewSection{Name: name, Remove: true}
		}
		return true, img.Attach(gone...)
	}
	if err := replace.Like(img.Path, data, st); err != nil {
		if p := (*fs.PathError)(nil); errors.As(err, &p) {
			err = p.Err
		}
		return false, fmt.Errorf("%s: cannot replace: %w", img.Path, err)
	}
	return true, nil
}

// asBefore is the file as it was before something was attached; its ELF header is still the one of now.
func (img *Image) asBefore(before *record) (*Image, error) {
	was := *img
	was.Data, was.shoff, was.shstrndx = img.Data[:before.size:before.size], before.shoff, before.shstrndx
	return &was, was.readSections(uint64(before.shnum))
}

// tidy removes what attaching or detaching that was killed left behind the end of the file. A signature alone stays.
func (img *Image) tidy() error {
	size := img.wholeSize()
	if size == uint64(len(img.Data)) || size == img.unsigned {
		return nil
	}
	if _, err := img.writable(); err != nil {
		return err
	}
	return fileError(os.Truncate(img.Path, int64(size)))
}

// restore makes the file what it was before Attach. The header is changed first: it is whole at any time.
func (img *Image) restore(before *record) error {
	f, err := os.OpenFile(img.Path, os.O_RDWR, 0)
	if err != nil {
		return fileError(err)
	}
	defer f.Close()
	now := slices.Clone(img.Data[:img.layout().ehdr]) // what is mapped may follow the file
	header := slices.Clone(now)
	img.putHeader(header, before.shoff, before.shnum)
	at := img.headerOff()
	if _, err = f.WriteAt(header[at:], int64(at)); err == nil {
		err = f.Truncate(int64(before.size))
	}
	if err != nil {
		_, _ = f.WriteAt(now[at:], int64(at))
	}
	return fileError(err)
}

// putHeader writes where the section headers are, and how many, into a file's ELF header.
func (img *Image) putHeader(data []byte, shoff uint64, shnum uint32) {
	at := img.headerOff()
	if img.Class == elf.ELFCLASS64 {
		img.Order.PutUint64(data[at:], shoff)
	} else {
		img.Order.PutUint32(data[at:], uint32(shoff))
	}
	if shnum >= uint32(elf.SHN_LORESERVE) {
		shnum = 0 // it stands in section header 0
	}
	// e_shnum is the last but one of the header's 16-bit fields.
	img.Order.PutUint16(data[img.layout().ehdr-4:], uint16(shnum))
}

// without gives the file without the sections of these names; cut: there were some.
func (img *Image) without(names []string) (data []byte, cut bool, err error) {
	for _, name := range names {
		s := img.Section(name)
		if s == nil {
			continue
		}
		if img.Type != elf.ET_REL || s.Flags&elf.SHF_ALLOC != 0 {
			return nil, false, fmt.Errorf("%s: %s is loaded with the program: only that of modules can be removed", img.Path, name)
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

// cut gives the file without a section's bytes. What lies behind them moves by a multiple of all alignments.
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
		taken := o.Size
		if o.Type == elf.SHT_NOBITS || o.Type == elf.SHT_NULL {
			taken = 0
		}
		if o.Index != s.Index && taken > 0 && o.Offset < end && o.Offset+taken > begin {
			return nil, fmt.Errorf("%s: sections %s and %s share bytes: cannot remove one", img.Path, s.Name, o.Name)
		}
		if o.Offset >= end {
			align = max(align, o.Addralign)
		}
	}
	if img.shoff < end && img.shoff+table > begin {
		return nil, errors.New(img.Path + ": the section headers lie inside of section " + s.Name)
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
			img.putOffset(h, begin) // at 0, libelf would clear the file's header when it writes it
		case o.Offset >= end && i > 0:
			img.putOffset(h, o.Offset-n)
		}
	}
	img.putHeader(data, shoff, uint32(len(img.Sections)))
	return data, nil
}

// putOffset writes sh_offset.
func (img *Image) putOffset(h []byte, v uint64) {
	if img.Class == elf.ELFCLASS64 {
		img.Order.PutUint64(h[24:], v)
	} else {
		img.Order.PutUint32(h[16:], uint32(v))
	}
}
