// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfverify

import (
	"encoding/binary"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// A writer makes the bytes of a .BTF section word by word, so that they can be wrong.
type writer struct {
	order       binary.ByteOrder
	types       []byte
	strings     []byte
	next        uint32 // id of the next type
	firstString uint32
}

func newWriter(order binary.ByteOrder) *writer {
	return &writer{order: order, strings: []byte{0}, next: 1}
}

// split starts a section that refers to the types and strings written so far.
func (w *writer) split() *writer {
	return &writer{order: w.order, next: w.next, firstString: w.firstString + uint32(len(w.strings))}
}

// str returns the name offset of a new string; of a string that begins with @, that of the rest in
// the middle of it.
func (w *writer) str(s string) uint32 {
	if s == "" {
		return 0
	}
	off := w.firstString + uint32(len(w.strings))
	w.strings = append(append(w.strings, s...), 0)
	if s[0] == '@' {
		off++
	}
	return off
}

func (w *writer) words(words ...uint32) {
	for _, v := range words {
		w.types = append(w.types, 0, 0, 0, 0)
		w.order.PutUint32(w.types[len(w.types)-4:], v)
	}
}

const flag = 1 << 31 // kind_flag

// add writes a type; info is its vlen or linkage and, if need be, flag.
func (w *writer) add(kind btfraw.Kind, name string, info, sizeOrType uint32, words ...uint32) uint32 {
	w.words(w.str(name), uint32(kind)<<24|info, sizeOrType)
	w.words(words...)
	w.next++
	return w.next - 1
}

func (w *writer) int(name string, size uint32) uint32 {
	return w.add(btfraw.Int, name, 0, size, 8*size)
}
func (w *writer) ref(kind btfraw.Kind, name string, to uint32) { w.add(kind, name, 0, to) }

// A field is a member, value, parameter or variable: its name, and the words behind that.
type field struct {
	name  string
	words []uint32
}

func f(name string, words ...uint32) field { return field{name, words} }

// list writes a type with what follows it.
func (w *writer) list(kind btfraw.Kind, name string, info, sizeOrType uint32, fields ...field) uint32 {
	var words []uint32
	for _, f := range fields {
		if kind != btfraw.Datasec {
			words = append(words, w.str(f.name))
		}
		words = append(words, f.words...)
	}
	return w.add(kind, name, info|uint32(len(fields)), sizeOrType, words...)
}

// bytes returns the section with a header of the given length, 24 or 32.
func (w *writer) bytes(header uint32) []byte {
	out := make([]byte, header)
	w.order.PutUint16(out, btfraw.Magic)
	out[btfraw.VersionAt] = 1
	for i, v := range []uint32{header, 0, uint32(len(w.types)), uint32(len(w.types)), uint32(len(w.strings))} {
		w.order.PutUint32(out[btfraw.HdrLenAt+4*i:], v)
	}
	return append(append(out, w.types...), w.strings...)
}
