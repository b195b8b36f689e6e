// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfimage

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/kbtf/kbtf/internal/patherr"
	"github.com/kbtf/kbtf/internal/replace"
)

// Attach appends to the file, and then makes the new sections visible by one small write to the ELF
// header:
//
//	original file | mark | contents of each section | section names | section headers | record
//
// Only e_shoff and e_shnum of the original file change. A crash at any point leaves either the
// original file, followed by bytes that no header refers to, or the new file; and attaching to a
// large module costs no more than to a small one. The mark identifies such bytes, which the next
// Attach removes. The record holds the original header fields: attaching again starts from these,
// so that the result does not depend on what was attached before.

// NewSection is a section to attach.
type NewSection struct {
	Name     string
	Contents []byte
	Remove   bool // remove the section of this name instead
	// The file has such a section: keep its type, flags and alignment. Its original contents stay in
	// the file, out of use.
	Keep bool
}

// Attach adds sections to the file, or replaces those of the same names: SHT_PROGBITS, not
// allocated, aligned to 8 bytes, unless Keep is set. It also removes everything that an earlier Attach added. If the
// file already has these contents, only its time stamp changes, as make expects of a rule that has
// run. On error the file is unchanged, including its time stamp.
//
// The image still has the old contents of the file: close it.
func (img *Image) Attach(sections ...NewSection) error {
	return img.AttachStamped(Stamp{}, sections...)
}

// AttachStamped is like Attach, and stores a stamp: see Stamp.
func (img *Image) AttachStamped(stamp Stamp, sections ...NewSection) error {
	st, err := img.checkChangeable()
	if err != nil {
		return err
	}
	original := img.original()
	upToDate := img.Stamp() == stamp
	original.stamp = stamp
	end := original.size                      // start of the tail
	replacing := end != uint64(len(img.Data)) // there already is an earlier tail, or a signature
	if replacing && upToDate && img.hasContents(&original, sections) && img.isCompact(&original, sections[0].Name) {
		now := time.Now()
		return patherr.PathFirst(os.Chtimes(img.Path, now, now))
	}
	tail, header, err := img.tail(&original, end, sections)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(img.Path, os.O_RDWR, 0)
	if err != nil {
		return patherr.PathFirst(err)
	}
	defer f.Close()
	if err := img.lockUnchanged(f); err != nil {
		return err
	}

	write := func(b []byte, at uint64) {
		if err == nil {
			_, err = f.WriteAt(b, int64(at))
		}
	}
	fail := func(doing string) error {
		return fmt.Errorf("%s: %s %s: %w", img.Path, doing, sections[0].Name, patherr.Cause(err))
	}
	if replacing {
		// First complete the file with a spare tail, after the existing tail and after the final
		// one's place. The gap between the end of the file and the spare tail is written first, so
		// that the disk cannot fill up later; it starts with a mark.
		length := uint64(len(img.Data))
		at := max(length, end+uint64(len(tail)))
		var between []byte
		if at > length {
			at = max(at, length+markSize)
			between = append(mark(length), make([]byte, at-length-markSize)...)
		}
		spare, spareHeader, tailErr := img.tail(&original, at, sections)
		if tailErr != nil {
			return tailErr
		}
		write(between, length)
		write(spare, at)
		write(spareHeader, img.headerOff())
	} else {
		write(tail, end)
		write(header, img.headerOff())
	}
	if err != nil {
		err := fail("attaching")
		undo := f.Truncate(st.Size())
		if undo == nil {
			undo = os.Chtimes(img.Path, st.ModTime(), st.ModTime())
		}
		if undo != nil {
			return fmt.Errorf("%w; undoing failed: %w", err, undo)
		}
		return err
	}
	if replacing {
		// The file now has the new contents. The rest moves them to their final place.
		write(tail, end)
		write(header, img.headerOff())
		if err == nil {
			err = f.Truncate(int64(end) + int64(len(tail)))
		}
		if err != nil {
			return fail("compacting after attaching")
		}
	}
	return nil
}

// lockUnchanged keeps other processes from attaching until f is closed. It returns an error if the
// file has changed since it was opened.
func (img *Image) lockUnchanged(f *os.File) error {
	if err := replace.Lock(f); err != nil {
		return fmt.Errorf("%s: cannot lock: %w", img.Path, err)
	}
	st, err := f.Stat()
	if err != nil {
		return patherr.PathFirst(err)
	}
	if was := img.stat; was != nil && (!os.SameFile(was, st) || st.Size() != was.Size() ||
		!st.ModTime().Equal(was.ModTime())) {
		return fmt.Errorf("%s: changed while it was being encoded: by another "+
			"btf-ko, or the linker?", img.Path)
	}
	return nil
}

// checkChangeable returns an error if the file is signed, read-only, or not of the size that was
// opened.
func (img *Image) checkChangeable() (os.FileInfo, error) {
	if img.unsignedSize == 0 && img.Signed() {
		return nil, fmt.Errorf("%s: %w", img.Path, errSigned)
	}
	return img.checkWritable()
}

// checkWritable is like checkChangeable, for changes that leave a signature intact.
func (img *Image) checkWritable() (os.FileInfo, error) {
	st, err := os.Stat(img.Path)
	switch {
	case err != nil:
		return nil, patherr.PathFirst(err)
	case st.Mode()&0o222 == 0: // root could write it
		return nil, fmt.Errorf("%s: read-only (mode %#o): make it writable first",
			img.Path, st.Mode().Perm())
	case st.Size() != int64(len(img.Data)):
		return nil, fmt.Errorf("%s: changed while it was being read", img.Path)
	}
	return st, nil
}

// hasContents reports whether the file already has the contents of these sections, and no others
// from an earlier Attach.
func (img *Image) hasContents(original *record, sections []NewSection) bool {
	for i := range img.Sections {
		s := &img.Sections[i]
		attached := s.Offset >= original.size && s.Type == elf.SHT_PROGBITS
		if attached && !slices.ContainsFunc(sections, func(n NewSection) bool { return n.Name == s.Name }) {
			return false
		}
	}
	for _, n := range sections {
		s := img.Section(n.Name)
		if s == nil || n.Remove {
			if s != nil || !n.Remove {
				return false
			}
			continue
		}
		if old, err := img.Contents(s); err != nil || !bytes.Equal(old, n.Contents) {
			return false
		}
	}
	return true
}

// isCompact reports whether the attached sections, of which first is the first, are where a first
// run puts them, with nothing after them.
func (img *Image) isCompact(original *record, first string) bool {
	l := img.layout()
	s := img.Section(first)
	return img.shoff+uint64(len(img.Sections))*l.shdr+recordSize == uint64(len(img.Data)) &&
		s != nil && s.Offset < original.size+markSize+16
}

// headerOff returns the offset of e_shoff in the ELF header, where the changes start, in bytes.
func (img *Image) headerOff() uint64 {
	if img.Class == elf.ELFCLASS64 {
		return 40
	}
	return 32
}

// tail returns the bytes to append at file offset at, and the end of the ELF header from e_shoff
// that makes them visible.
func (img *Image) tail(original *record, at uint64,
	sections []NewSection) (tail, header []byte, err error) {
	l, o := img.layout(), img.Order
	headers := append([]byte(nil),
		img.Data[original.shoff:original.shoff+uint64(original.shnum)*l.shdr]...)
	align := func(n uint64) {
		for (at+uint64(len(tail)))%n != 0 {
			tail = append(tail, 0)
		}
	}
	put := func(h []byte, off64, off32 int, v uint64) {
		if img.Class == elf.ELFCLASS64 {
			o.PutUint64(h[off64:], v)
		} else {
			o.PutUint32(h[off32:], uint32(v))
		}
	}

	tail = append(tail, mark(at)...)
	contentsAt := make([]uint64, len(sections))
	for i, n := range sections {
		align(8)
		contentsAt[i] = at + uint64(len(tail))
		tail = append(tail, n.Contents...)
	}

	// The names of the sections, followed by the new ones.
	namesHeader := headers[uint64(original.shstrndx)*l.shdr:][:l.shdr]
	namesSection := img.parseHeader(namesHeader)
	names, err := img.Contents(&namesSection)
	if err != nil {
		return nil, nil, err
	}
	newNames := slices.Clone(names)
	nameOff := make([]uint32, len(sections))
	for i, n := range sections {
		if !n.Remove {
			nameOff[i] = uint32(len(newNames))
			newNames = append(append(newNames, n.Name...), 0)
		}
	}
	put(namesHeader, 24, 16, at+uint64(len(tail)))
	put(namesHeader, 32, 20, uint64(len(newNames)))
	tail = append(tail, newNames...)

	// Reuse the header of each section, or add one at the end.
	shnum := original.shnum
	for i, n := range sections {
		var h []byte
		for i := uint64(0); i < uint64(original.shnum); i++ {
			old := headers[i*l.shdr:][:l.shdr]
			if s, ok := CString(names, uint64(o.Uint32(old))); ok && string(s) == n.Name {
				h = old
				break
			}
		}
		if n.Keep {
			if h == nil {
				return nil, nil, fmt.Errorf("%s: no section %s", img.Path, n.Name)
			}
			put(h, 24, 16, contentsAt[i])
			put(h, 32, 20, uint64(len(n.Contents)))
			continue
		}
		if h == nil {
			if n.Remove {
				continue
			}
			headers = append(headers, make([]byte, l.shdr)...)
			h = headers[uint64(shnum)*l.shdr:]
			shnum++
		}
		clear(h)
		put(h, 24, 16, contentsAt[i])
		if n.Remove {
			// SHT_NULL: an inactive header keeps the numbers of the others. If its offset was 0,
			// libelf would clear the file's header.
			continue
		}
		o.PutUint32(h, nameOff[i])
		o.PutUint32(h[4:], uint32(elf.SHT_PROGBITS))
		put(h, 32, 20, uint64(len(n.Contents)))
		put(h, 48, 32, 8)
	}

	align(8)
	shoff := at + uint64(len(tail))
	if img.Class == elf.ELFCLASS32 && shoff > 1<<32-1 {
		return nil, nil, fmt.Errorf("%s: too large for a 32-bit ELF file", img.Path)
	}
	header = append(header, img.Data[img.headerOff():l.ehdr]...)
	put(header, 0, 0, shoff)
	// Counts from SHN_LORESERVE are in section header 0 (gABI, "Extended section numbering").
	count := header[len(header)-4:]
	if shnum >= uint32(elf.SHN_LORESERVE) {
		o.PutUint16(count, 0)
		put(headers, 32, 20, uint64(shnum))
	} else {
		o.PutUint16(count, uint16(shnum))
	}
	tail = append(tail, headers...)
	return original.appendTo(tail), header, nil
}
