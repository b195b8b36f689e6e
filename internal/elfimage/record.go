// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfimage

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
)

// record follows the section header table, in little endian whatever the file's order.
type record struct {
	magic    [16]byte
	size     uint64 // of the original file, bytes
	shoff    uint64 // original e_shoff
	shnum    uint32 // original number of section headers
	shstrndx uint32
}

const recordSize = 40

var recordMagic = [16]byte([]byte("kbtf attached v1"))

func (r *record) bytes() []byte {
	b := append(make([]byte, 0, recordSize), r.magic[:]...)
	b = binary.LittleEndian.AppendUint64(b, r.size)
	b = binary.LittleEndian.AppendUint64(b, r.shoff)
	b = binary.LittleEndian.AppendUint32(b, r.shnum)
	return binary.LittleEndian.AppendUint32(b, r.shstrndx)
}

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
	now := record{recordMagic, img.intactSize(), img.shoff, uint32(len(img.Sections)), img.shstrndx}
	at := img.shoff + uint64(len(img.Sections))*img.layout().shdr
	b := img.Data[at:]
	if len(b) < recordSize || !bytes.HasPrefix(b, recordMagic[:]) {
		return now
	}
	r := record{recordMagic, binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:]),
		binary.LittleEndian.Uint32(b[32:]), binary.LittleEndian.Uint32(b[36:])}
	if r.size > at || r.shoff > r.size || uint64(r.shnum)*img.layout().shdr > r.size-r.shoff ||
		r.shstrndx >= r.shnum || r.shnum == 0 {
		return now
	}
	return r
}
