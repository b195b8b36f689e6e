// SPDX-License-Identifier: GPL-2.0-only

package elfimage

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/kbtf/kbtf/internal/replace"
)

// Attaching appends to the file and then makes what was appended visible by one small write to the ELF header:
//
//	the file as it was | mark | contents, of each section | section names | section headers | record
//
// Nothing that was there moves or changes but e_shoff and e_shnum, so that a crash at any point leaves either the old file, with
// bytes behind its end that no header mentions, or the new one; and a large module costs no more than a small one. The mark says that
// such bytes are ours: attaching again removes them. The record says what the header was before: attaching again begins there, which
// makes its result independent of what was attached before.

// record stands right after the section header table, in little endian whatever the file's order.
type record struct {
	magic    [16]byte
	size     uint64 // of the file before, bytes
	shoff    uint64 // e_shoff before
	shnum    uint32 // number of section headers before
	shstrndx uint32
}

const recordSize = 40

var recordMagic = [16]byte{'k', 'b', 't', 'f', ' ', 'a', 't', 't', 'a', 'c', 'h', 'e', 'd', ' ', 'v', '1'}

func (r *record) bytes() []byte {
	b := append(make([]byte, 0, recordSize), r.magic[:]...)
	b = binary.LittleEndian.AppendUint64(b, r.size)
	b = binary.LittleEndian.AppendUint64(b, r.shoff)
	b = binary.LittleEndian.AppendUint32(b, r.shnum)
	return binary.LittleEndian.AppendUint32(b, r.shstrndx)
}

// mark is what is attached at an offset begins with: the offset follows in little endian.
func mark(at uint64) []byte {
	return binary.LittleEndian.AppendUint64([]byte("kbtf attaching 1"), at)
}

const markSize = 24

// isLeftover tells whether what stands at an offset is what attaching left that was killed.
func isLeftover(rest []byte, at uint64) bool {
	m := mark(at)
	return bytes.HasPrefix(rest, m) || len(rest) >= 4 && bytes.HasPrefix(m, rest)
}

// wholeSize is the size of the file without what attaching left that was killed, and without a signature that is to be removed, in
// bytes.
func (img *Image) wholeSize() uint64 {
	size := uint64(len(img.Data))
	if img.unsigned > 0 {
		size = img.unsigned
	} else if signed := img.signatureEnd(); signed > 0 {
		return signed
	}
	if end := img.end(); end < size && isLeftover(img.Data[end:size], end) {
		return end
	}
	return size
}

// end is where the last section or the section headers end, in bytes.
func (img *Image) end() uint64 {
	end := img.shoff + uint64(len(img.Sections))*img.layout().shdr
	for i := range img.Sections {
		if s := &img.Sections[i]; s.Type != elf.SHT_NOBITS && s.Size <= uint64(len(img.Data)) && s.Offset <= uint64(len(img.Data))-s.Size {
			end = max(end, s.Offset+s.Size)
		}
	}
	return end
}

// before tells what the file's header was before something was attached: what it is, if nothing was.
func (img *Image) before() record {
	now := record{recordMagic, img.wholeSize(), img.shoff, uint32(len(img.Sections)), img.shstrndx}
	at := img.shoff + uint64(len(img.Sections))*img.layout().shdr
	b := img.Data[at:]
	if len(b) < recordSize || !bytes.HasPrefix(b, recordMagic[:]) {
		return now
	}
	r := record{recordMagic, binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:]),
		binary.LittleEndian.Uint32(b[32:]), binary.LittleEndian.Uint32(b[36:])}
	if r.size > at || r.shoff > r.size || uint64(r.shnum)*img.layout().shdr > r.size-r.shoff || r.shstrndx >= r.shnum || r.shnum == 0 {
		return now
	}
	return r
}

// NewSection is a section to attach.
type NewSection struct {
	Name     string
	Contents []byte
	Remove   bool // the file is to have no section of this name
}

// Attach puts sections into the file, in place of those of their names: SHT_PROGBITS, not allocated, aligned to 8 bytes. If the file
// has these contents already only its time stamp changes, as make expects of a rule that has run. After an error the file is as it
// was, its time stamp included. What Attach put there earlier, under whatever name, is gone.
//
// The image still shows the file as it was when it was opened: close it.
func (img *Image) Attach(sections ...NewSection) error {
	st, err := img.changeable()
	if err != nil {
		return err
	}
	before := img.before()
	end := before.size                    // where the tail belongs
	again := end != uint64(len(img.Data)) // something is in its place: an earlier one, or a signature
	if again && img.has(sections) && img.tight(&before, sections[0].Name) {
		now := time.Now()
		return fileError(os.Chtimes(img.Path, now, now))
	}
	tail, header, err := img.tail(&before, end, sections)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(img.Path, os.O_RDWR, 0)
	if err != nil {
		return fileError(err)
	}
	defer f.Close()
	if err := img.hold(f); err != nil {
		return err
	}

	write := func(b []byte, at uint64) {
		if err == nil {
			_, err = f.WriteAt(b, int64(at))
		}
	}
	fail := func(doing string) error {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return fmt.Errorf("%s: %s %s: %w", img.Path, doing, sections[0].Name, err)
	}
	if again {
		// First make the file whole with a tail behind both what is in the place and the place itself. What of the place is not in the
		// file yet is written before that, so that the disk cannot be full afterwards; it begins with a mark, like all that is ours.
		length := uint64(len(img.Data))
		at := max(length, end+uint64(len(tail)))
		var between []byte
		if at > length {
			at = max(at, length+markSize)
			between = append(mark(length), make([]byte, at-length-markSize)...)
		}
		aside, asideHeader, tailErr := img.tail(&before, at, sections)
		if tailErr != nil {
			return tailErr
		}
		write(between, length)
		write(aside, at)
		write(asideHeader, img.headerOff())
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
			return fmt.Errorf("%w; and taking that back: %w", err, undo)
		}
		return err
	}
	if again {
		// From here on the file has the new contents: what follows only puts them where a first run would have.
		write(tail, end)
		write(header, img.headerOff())
		if err == nil {
			err = f.Truncate(int64(end) + int64(len(tail)))
		}
		if err != nil {
			return fail("tidying after attaching")
		}
	}
	return nil
}

// hold keeps other processes from attaching, until f is closed, and tells whether one has changed the file since it was opened.
func (img *Image) hold(f *os.File) error {
	if err := replace.Lock(f); err != nil {
		return fmt.Errorf("%s: cannot lock: %w", img.Path, err)
	}
	st, err := f.Stat()
	if err != nil {
		return fileError(err)
	}
	if was := img.opened; was != nil && (!os.SameFile(was, st) || st.Size() != was.Size() || !st.ModTime().Equal(was.ModTime())) {
		return fmt.Errorf("%s: changed while it was being encoded: by another btf-ko, or the linker?", img.Path)
	}
	return nil
}

// changeable tells whether the file may be changed, and is still the one that was opened.
func (img *Image) changeable() (os.FileInfo, error) {
	if img.unsigned == 0 && img.Signed() {
		return nil, fmt.Errorf("%s: %w", img.Path, ErrSigned)
	}
	return img.writable()
}

// writable is changeable for a change that leaves a signature as it is.
func (img *Image) writable() (os.FileInfo, error) {
	st, err := os.Stat(img.Path)
	switch {
	case err != nil:
		return nil, fileError(err)
	case st.Mode()&0o222 == 0: // root would get past this
		return nil, fmt.Errorf("%s: read-only (mode %#o): make it writable first", img.Path, st.Mode().Perm())
	case st.Size() != int64(len(img.Data)):
		return nil, fmt.Errorf("%s: changed while it was being read", img.Path)
	}
	return st, nil
}

// has tells whether the file has just these contents.
func (img *Image) has(sections []NewSection) bool {
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

// tight tells whether what is attached, the section first above all, stands where a first run puts it, with nothing behind it.
func (img *Image) tight(before *record, first string) bool {
	l := img.layout()
	s := img.Section(first)
	return img.shoff+uint64(len(img.Sections))*l.shdr+recordSize == uint64(len(img.Data)) && s != nil && s.Offset < before.size+markSize+16
}

// headerOff is where the bytes that Attach changes begin in the ELF header: e_shoff.
func (img *Image) headerOff() uint64 {
	if img.Class == elf.ELFCLASS64 {
		return 40
	}
	return 32
}

// tail builds what is appended at file offset at, and the end of the ELF header from e_shoff on that makes it visible.
func (img *Image) tail(before *record, at uint64, sections []NewSection) (tail, header []byte, err error) {
	l, o := img.layout(), img.Order
	headers := append([]byte(nil), img.Data[before.shoff:before.shoff+uint64(before.shnum)*l.shdr]...)
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

	// The names of the sections, and the new ones behind them.
	namesHeader := headers[uint64(before.shstrndx)*l.shdr:][:l.shdr]
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

	// The header of each: the one it has, or a new one at the end.
	shnum := before.shnum
	for i, n := range sections {
		var h []byte
		for i := uint64(0); i < uint64(before.shnum); i++ {
			old := headers[i*l.shdr:][:l.shdr]
			if s, ok := CString(names, uint64(o.Uint32(old))); ok && string(s) == n.Name {
				h = old
				break
			}
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
			continue // SHT_NULL: a header that stands for nothing keeps the numbers of the others. At offset 0 libelf would clear the file's.
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
	// Counts from SHN_LORESERVE on stand in section header 0 (gABI, "Extended section numbering").
	count := header[len(header)-4:]
	if shnum >= uint32(elf.SHN_LORESERVE) {
		o.PutUint16(count, 0)
		put(headers, 32, 20, uint64(shnum))
	} else {
		o.PutUint16(count, uint16(shnum))
	}
	tail = append(tail, headers...)
	tail = append(tail, before.bytes()...)
	return tail, header, nil
}
