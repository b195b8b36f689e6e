// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfdiff

import (
	"encoding/binary"

	"github.com/kbtf/kbtf/internal/btfraw"
	"github.com/kbtf/kbtf/internal/btfraw/btfrawtest"
)

// A writer writes a .BTF section, type by type.
type writer struct{ *btfrawtest.Writer }

func newWriter(order binary.ByteOrder) *writer { return &writer{btfrawtest.New(order)} }

// split starts a section that refers to the types and strings written so far.
func (w *writer) split() *writer { return &writer{w.Split()} }

const kindFlag = btfrawtest.KindFlag

type field struct {
	name  string
	value uint32 // a member's or parameter's type, an enumerator's value
}

func (w *writer) ptr(to uint32) uint32 { return w.Add(btfraw.Ptr, "", 0, to) }
func (w *writer) typedef(name string, to uint32) uint32 {
	return w.Add(btfraw.Typedef, name, 0, to)
}

// structure writes a struct whose members are 8 bytes each.
func (w *writer) structure(name string, members ...field) uint32 {
	var words []uint32
	for i, m := range members {
		words = append(words, w.Str(m.name), m.value, uint32(i)*64)
	}
	return w.Add(btfraw.Struct, name, uint32(len(members)), uint32(len(members))*8, words...)
}

func (w *writer) enum(name string, values ...field) uint32 {
	var words []uint32
	for _, v := range values {
		words = append(words, w.Str(v.name), v.value)
	}
	return w.Add(btfraw.Enum, name, uint32(len(values)), 4, words...)
}

func (w *writer) forward(name string) uint32 { return w.Add(btfraw.Fwd, name, 0, 0) }

// function writes a FUNC and its FUNC_PROTO.
func (w *writer) function(name string, returns uint32, params ...field) uint32 {
	var words []uint32
	for _, p := range params {
		words = append(words, w.Str(p.name), p.value)
	}
	proto := w.Add(btfraw.FuncProto, "", uint32(len(params)), returns, words...)
	return w.Add(btfraw.Func, name, 0, proto)
}
