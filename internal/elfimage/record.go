// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfimage

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"hash/crc32"
)

// record follows the section header table, in little endian whatever the file's order.
type record struct {
	magic    [16]byte
	size     uint64 // of the original file, bytes
	shoff    uint64 // original e_shoff
	shnum    uint32 // original number of section headers
	shstrndx uint32
	stamp    Stamp
	// A CRC-32C of everything that is attached, up to here, follows.
}

// A Stamp identifies what the attached sections were made from. It is zero if that is not known.
type Stamp [16]byte

const recordSize = 60

var recordMagic = [16]byte([]byte("kbtf attached v2"))

// appendTo appends the record to what is attached.
func (r *record) appendTo(tail []byte) []byte {
	tail = append(tail, r.magic[:]...)
	tail = binary.LittleEndian.AppendUint64(tail, r.size)
	tail = binary.LittleEndian.AppendUint64(tail, r.shoff)
	tail = binary.LittleEndian.AppendUint32(tail, r.shnum)
	tail = binary.LittleEndian.AppendUint32(tail, r.shstrndx)
	tail = append(tail, r.stamp[:]...)
	return binary.LittleEndian.AppendUint32(tail, crc32.Checksum(tail, castagnoli))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// mark returns the start of what is attached at an offset, which follows the magic in little
// endian.
func mark(at uint64) []byte {
	return binary.LittleEndian.AppendUint64([]byte("kbtf attaching 1"), at)
}

const markSize = 24

// isPartialAttach reports whether the bytes at an offset are those of an Attach that was killed.
func isPartialAttach(rest []byte, at uint64) bool {
	m := mark(at)
	return bytes.HasPrefix(rest, m) || len(rest) >= 4 && bytes.HasPrefix(m, rest)
}

// intactSize returns the size of the file in bytes without what a killed Attach has left, and
// without a signature that is to be removed.
func (img *Image) intactSize() uint64 {
	size := uint64(len(img.Data))
	if img.unsignedSize > 0 {
		size = img.unsignedSize
	} else if signed := img.signatureEnd(); signed > 0 {
		return signed
	}
	if end := img.end(); end < size && isPartialAttach(img.Data[end:size], end) {
		return end
	}
	return size
}

// end returns the end of the last section or of the section headers, in bytes.
func (img *Image) end() uint64 {
	end := img.shoff + uint64(len(img.Sections))*img.layout().shdr
	for i := range img.Sections {
		if s := &img.Sections[i]; s.Type != elf.SHT_NOBITS && s.Size <= uint64(len(img.Data)) &&
			s.Offset <= uint64(len(img.Data))-s.Size {
			end = max(end, s.Offset+s.Size)
		}
	}
	return end
}

// original returns the header fields from before Attach; the present ones if nothing is attached.
func (img *Image) original() record {
	if r, ok := img.record(); ok {
		return r
	}
	return record{recordMagic, img.intactSize(), img.shoff, uint32(len(img.Sections)), img.shstrndx, Stamp{}}
}

// recordAt returns the offset of the record, if there is one.
func (img *Image) recordAt() uint64 {
	return img.shoff + uint64(len(img.Sections))*img.layout().shdr
}

// record returns the record; ok is false if nothing is attached.
func (img *Image) record() (r record, ok bool) {
	at := img.recordAt()
	b := img.Data[at:]
	if len(b) < recordSize || !bytes.HasPrefix(b, recordMagic[:]) {
		return r, false
	}
	r = record{recordMagic, binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:]),
		binary.LittleEndian.Uint32(b[32:]), binary.LittleEndian.Uint32(b[36:]), Stamp(b[40:56])}
	return r, r.size <= at && r.shoff <= r.size && uint64(r.shnum)*img.layout().shdr <= r.size-r.shoff &&
		r.shstrndx < r.shnum && img.keepsHeaders(&r)
}

// Stamp returns the stamp of the attached sections. It is zero if there are none, or if they are damaged.
func (img *Image) Stamp() Stamp {
	r, ok := img.record()
	if !ok {
		return Stamp{}
	}
	sum := img.recordAt() + recordSize - 4
	if crc32.Checksum(img.Data[r.size:sum], castagnoli) != binary.LittleEndian.Uint32(img.Data[sum:]) {
		return Stamp{}
	}
	return r.stamp
}

// keepsHeaders reports whether the section headers are those from before Attach, except for what Attach changes:
// the sections that it adds, replaces or removes, and the number and names of sections. Otherwise the file was
// changed since, and starting from the original would undo that.
func (img *Image) keepsHeaders(r *record) bool {
	if uint64(r.shnum) > uint64(len(img.Sections)) {
		return false
	}
	size := img.layout().shdr
	original := func(i uint32) Section { return img.parseHeader(img.Data[r.shoff+uint64(i)*size:]) }
	namesWere := original(r.shstrndx)
	were, err := img.Contents(&namesWere)
	if err != nil {
		return false
	}
	if are, err := img.Contents(&img.Sections[img.shstrndx]); err != nil || !bytes.HasPrefix(are, were) {
		return false
	}
	for i := range img.Sections {
		is := img.Sections[i]
		added := Section{Index: i, Name: is.Name, Type: elf.SHT_PROGBITS, Offset: is.Offset, Size: is.Size, Addralign: 8}
		isAdded := is == added && is.Offset >= r.size
		if i >= int(r.shnum) {
			if !isAdded {
				return false
			}
			continue
		}
		was := original(uint32(i))
		name, _ := CString(were, uint64(img.Order.Uint32(img.Data[r.shoff+uint64(i)*size:])))
		was.Index, was.Name = i, string(name)
		kept := was
		kept.Offset, kept.Size = is.Offset, is.Size
		removed := Section{Index: i, Offset: is.Offset}
		switch {
		case i == 0, i == int(r.shstrndx): // the number of sections, and their names
		case is == was, is == removed, is == kept && is.Offset >= r.size:
		case isAdded && is.Name == was.Name: // in its place
		default:
			return false
		}
	}
	return true
}
