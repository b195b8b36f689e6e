// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfdiff

import (
	"encoding/binary"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// A writer makes the bytes of a .BTF section, type by type.
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

func (w *writer) str(s string) uint32 {
	if s == "" {
		return 0
	}
	off := w.firstString + uint32(len(w.strings))
	w.strings = append(append(w.strings, s...), 0)
	return off
}

func (w *writer) words(words ...uint32) {
	for _, v := range words {
		w.types = append(w.types, 0, 0, 0, 0)
		w.order.PutUint32(w.types[len(w.types)-4:], v)
	}
}

const kindFlag = 1 << 31

// add writes a type; info is its vlen and, if need be, kindFlag.
func (w *writer) add(kind btfraw.Kind, name string, info, sizeOrType uint32, words ...uint32) uint32 {
	w.words(w.str(name), uint32(kind)<<24|info, sizeOrType)
	w.words(words...)
	w.next++
	return w.next - 1
}

type field struct {
	name  string
	value uint32 // a member's or parameter's type, an enumerator's value
}

func (w *writer) int(name string, size uint32) uint32 {
	return w.add(btfraw.Int, name, 0, size, size*8)
}
func (w *writer) ptr(to uint32) uint32 { return w.add(btfraw.Ptr, "", 0, to) }
func (w *writer) typedef(name string, to uint32) uint32 {
	return w.add(btfraw.Typedef, name, 0, to)
}

// structure writes a struct whose members are 8 bytes each.
func (w *writer) structure(name string, members ...field) uint32 {
	var words []uint32
	for i, m := range members {
		words = append(words, w.str(m.name), m.value, uint32(i)*64)
	}
	return w.add(btfraw.Struct, name, uint32(len(members)), uint32(len(members))*8, words...)
}

func (w *writer) enum(name string, values ...field) uint32 {
	var words []uint32
	for _, v := range values {
		words = append(words, w.str(v.name), v.value)
	}
	return w.add(btfraw.Enum, name, uint32(len(values)), 4, words...)
}

func (w *writer) forward(name string) uint32 { return w.add(btfraw.Fwd, name, 0, 0) }

// function writes a FUNC and its FUNC_PROTO.
func (w *writer) function(name string, returns uint32, params ...field) uint32 {
	var words []uint32
	for _, p := range params {
		words = append(words, w.str(p.name), p.value)
	}
	proto := w.add(btfraw.FuncProto, "", uint32(len(params)), returns, words...)
	return w.add(btfraw.Func, name, 0, proto)
}

// bytes returns the section with a header of the given length, 24 or 32.
func (w *writer) bytes(header uint32) []byte {
	out := make([]byte, header)
	w.order.PutUint16(out, btfraw.Magic)
	out[2] = 1
	for i, v := range []uint32{header, 0, uint32(len(w.types)), uint32(len(w.types)), uint32(len(w.strings))} {
		w.order.PutUint32(out[4+4*i:], v)
	}
	return append(append(out, w.types...), w.strings...)
}
