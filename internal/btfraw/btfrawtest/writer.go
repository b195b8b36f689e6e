// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package btfrawtest writes BTF for tests, word by word, so that it can be wrong.
package btfrawtest

import (
	"encoding/binary"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// A Writer writes a .BTF section.
type Writer struct {
	Order       binary.ByteOrder
	Types       []byte
	Strings     []byte
	Next        uint32 // id of the next type
	FirstString uint32 // name offset of the section's first string
}

// New returns the writer of a section that stands alone.
func New(order binary.ByteOrder) *Writer {
	return &Writer{Order: order, Strings: []byte{0}, Next: 1}
}

// Split returns the writer of a section that refers to the types and strings written so far.
func (w *Writer) Split() *Writer {
	return &Writer{Order: w.Order, Next: w.Next, FirstString: w.FirstString + uint32(len(w.Strings))}
}

// Str writes a string and returns its name offset. For a string that starts with @, that is the
// offset of the rest.
func (w *Writer) Str(s string) uint32 {
	if s == "" {
		return 0
	}
	off := w.FirstString + uint32(len(w.Strings))
	w.Strings = append(append(w.Strings, s...), 0)
	if s[0] == '@' {
		off++
	}
	return off
}

// Words writes words of 32 bits to the types.
func (w *Writer) Words(words ...uint32) {
	for _, v := range words {
		w.Types = append(w.Types, 0, 0, 0, 0)
		w.Order.PutUint32(w.Types[len(w.Types)-4:], v)
	}
}

// KindFlag is the kind_flag of an info word.
const KindFlag = 1 << 31

// Add writes a type and returns its id. info is its vlen or linkage, and KindFlag.
func (w *Writer) Add(kind btfraw.Kind, name string, info, sizeOrType uint32, words ...uint32) uint32 {
	w.Words(w.Str(name), uint32(kind)<<24|info, sizeOrType)
	w.Words(words...)
	w.Next++
	return w.Next - 1
}

// Int writes an INT of size bytes, without an encoding.
func (w *Writer) Int(name string, size uint32) uint32 {
	return w.Add(btfraw.Int, name, 0, size, 8*size)
}

// Bytes returns the section, with a header of 24 or 32 bytes.
func (w *Writer) Bytes(header uint32) []byte {
	out := make([]byte, header)
	w.Order.PutUint16(out, btfraw.Magic)
	out[btfraw.VersionAt] = 1
	for i, v := range []uint32{header, 0, uint32(len(w.Types)), uint32(len(w.Types)), uint32(len(w.Strings))} {
		w.Order.PutUint32(out[btfraw.HdrLenAt+4*i:], v)
	}
	return append(append(out, w.Types...), w.Strings...)
}
