// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfverify

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

const flag = btfrawtest.KindFlag

func (w *writer) ref(kind btfraw.Kind, name string, to uint32) { w.Add(kind, name, 0, to) }

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
			words = append(words, w.Str(f.name))
		}
		words = append(words, f.words...)
	}
	return w.Add(kind, name, info|uint32(len(fields)), sizeOrType, words...)
}
