// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfids

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/kbtf/kbtf/internal/btf"
)

// A layout builds a section from bytes: lists, sets and set8s as the macros lay them out, with a few symbols that
// may be anywhere.
type layout struct {
	input  []byte
	order  byteOrder
	linked []byte
	s      *Section
}

func (l *layout) next() (v byte) {
	if len(l.input) > 0 {
		v, l.input = l.input[0], l.input[1:]
	}
	return v
}

func (l *layout) word(v uint32) { l.linked = l.order.AppendUint32(l.linked, v) }

// id adds a word for an id. Few names, so that several words have the same.
func (l *layout) id() {
	n := l.next()
	if n != 0xff { // BTF_ID_UNUSED has no symbol
		name := fmt.Sprintf("%s__f%d__%d", kinds[n%4].word, n/4%8, len(l.linked))
		l.s.add(name, name, uint64(len(l.linked)), wordSize)
	}
	l.word(0)
}

func (l *layout) build() {
	for len(l.input) > 0 {
		from := uint64(len(l.linked))
		switch op := l.next(); op % 4 {
		case 0:
			l.id()
		case 1, 2:
			name := fmt.Sprintf("set__s%d", from)
			if op%4 == 2 {
				name = fmt.Sprintf("set8__s%d", from)
			}
			l.word(0)
			if op%4 == 2 {
				l.word(uint32(l.next()))
			}
			for range op / 4 % 8 {
				l.id()
				if op%4 == 2 {
					l.word(uint32(l.next()))
				}
			}
			l.s.add(name, name, from, uint64(len(l.linked))-from)
		case 3:
			name := []string{"set__a", "set8__b", "func__f1__1", "struct__f2__x", "func__f__", "enum__e__1"}[op/4%6]
			at, size := uint64(l.next()), uint64(l.next())
			if at > 250 {
				at = -at
			}
			l.s.add(name, name, at, size)
		}
	}
}

// types returns BTF with most of the types that a layout refers to.
func (l *layout) types(without byte) *btf.Blob {
	blob := &btf.Blob{Strings: []byte{0}}
	for n := range byte(32) {
		if n%8 == without%16 {
			continue
		}
		k := kinds[n%4].kind
		words := []uint32{uint32(len(blob.Strings)), uint32(k) << 24, 0}
		blob.Strings = fmt.Appendf(blob.Strings, "f%d\x00", n/4)
		for _, w := range words {
			blob.Types = append(blob.Types, byte(w), byte(w>>8), byte(w>>16), byte(w>>24))
		}
	}
	return blob
}

// What Fill accepts, it fills in, and restore is its reverse. Neither of them, nor Print, panics.
func FuzzFill(f *testing.F) {
	f.Add(byte(0), []byte{0, 3, 0, 0xff, 1 + 4*3, 7, 0xff, 11, 2 + 4*3, 1, 7, 0x11, 11, 0x22, 7, 0x33})
	f.Add(byte(3), []byte{2 + 4*2, 0, 3, 1, 7, 2, 3 + 4*2, 2, 4, 3, 8, 16, 1, 0})
	f.Fuzz(func(t *testing.T, without byte, input []byte) {
		for _, order := range orders {
			l := layout{input: input, order: order, s: &Section{order: order}}
			l.build()
			s, blob := l.s, l.types(without)
			s.linked = l.linked
			before := bytes.Clone(l.linked)
			s.Kfuncs()
			s.Implicit()
			ids, err := btf.FindNamed(s.Wanted(), blob)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = s.restore(l.linked, blob)
			filled, err := s.Fill(ids)
			if !bytes.Equal(l.linked, before) {
				t.Fatal("the input has changed")
			}
			if err != nil {
				continue
			}
			s.Print(io.Discard, filled, ids)
			s.print(io.Discard, l.linked, nil)
			symbols := make(map[uint64]bool)
			for _, id := range s.IDs {
				symbols[id.Offset] = true
			}
			all := true // entries of set8s have symbols
			for _, set := range s.Sets {
				if got := order.Uint32(filled[set.Offset:]); got != set.count() {
					t.Fatalf("count %d, want %d", got, set.count())
				}
				at, last := set.Offset, int32(0)
				for entry := range set.entries(filled) {
					at += uint64(set.entrySize())
					all = all && (!set.Pairs || symbols[at])
					id := int32(order.Uint32(entry))
					if id < last {
						t.Fatalf("%d after %d", id, last)
					}
					last = id
				}
			}
			restored, err := s.restore(filled, blob)
			if all && (err != nil || !bytes.Equal(restored, l.linked)) {
				t.Fatalf("%v\nlinked   %x\nfilled   %x\nrestored %x", err, l.linked, filled, restored)
			}
		}
	})
}
