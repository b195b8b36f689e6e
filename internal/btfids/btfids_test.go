// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfids

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/kbtf/kbtf/internal/btf"
)

// byteOrder is either of the byte orders.
type byteOrder interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

var orders = []byteOrder{binary.LittleEndian, binary.BigEndian}

// module returns a section with random lists and sets, as the linker writes it, and BTF that has
// most of its functions.
func module(r *rand.Rand, order byteOrder) (s *Section, linked []byte, blob *btf.Blob) {
	s = &Section{order: order}
	word := func(v uint32) { linked = order.AppendUint32(linked, v) }
	id := func(number int) {
		s.add("symbol", fmt.Sprintf("func__f%d__%d", r.IntN(40), number), uint64(len(linked)), 4)
		word(0)
	}
	for i := range 1 + r.IntN(5) {
		from, symbol := uint64(len(linked)), ""
		switch r.IntN(3) {
		case 0:
			for range r.IntN(4) {
				id(len(linked))
			}
		case 1:
			symbol = fmt.Sprintf("set__s%d", i)
			word(0)
			for range r.IntN(6) {
				id(len(linked))
			}
		case 2:
			symbol = fmt.Sprintf("set8__s%d", i)
			word(0)
			word(r.Uint32N(2))
			for range r.IntN(6) {
				id(len(linked))
				word(r.Uint32())
			}
		}
		if symbol != "" {
			s.add("symbol", symbol, from, uint64(len(linked))-from)
		}
	}
	// FUNCs f0 to f29, in any order.
	blob = &btf.Blob{Strings: []byte{0}}
	for _, n := range r.Perm(30) {
		for _, w := range []uint32{uint32(len(blob.Strings)), uint32(btf.KindFunc) << 24, 0} {
			blob.Types = binary.LittleEndian.AppendUint32(blob.Types, w)
		}
		blob.Strings = fmt.Appendf(blob.Strings, "f%d\x00", n)
	}
	return s, linked, blob
}

// What is filled in can be restored with the BTF that it was filled in for, also if a set8 has a
// function twice, or several that BTF does not have.
func TestRestoreIsTheReverseOfFill(t *testing.T) {
	sets := 0
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 0))
		for _, order := range orders {
			s, linked, blob := module(r, order)
			s.linked = linked
			ids, err := btf.FindNamed(s.Wanted(), blob)
			if err != nil {
				t.Fatal(err)
			}
			filled, err := s.Fill(ids)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			for _, set := range s.Sets {
				if got := order.Uint32(filled[set.Offset:]); got != set.count() {
					t.Fatalf("seed %d: count %d, want %d", seed, got, set.count())
				}
				last := int32(-1)
				for entry := range set.entries(filled) {
					if id := int32(order.Uint32(entry)); id < last {
						t.Fatalf("seed %d: %d after %d", seed, id, last)
					} else {
						last = id
					}
				}
				sets++
			}
			restored, err := s.restore(filled, blob)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if !bytes.Equal(restored, linked) {
				t.Fatalf("seed %d:\nlinked   %x\nfilled   %x\nrestored %x", seed, linked, filled, restored)
			}
		}
	}
	if sets < 4000 {
		t.Errorf("%d sets, want more", sets)
	}
}

// Kfuncs are the functions of sets with a flag.
func TestKfuncsOfSets(t *testing.T) {
	order := binary.LittleEndian
	s := &Section{order: order}
	var data []byte
	for _, set := range []struct {
		name  string
		flags uint32
	}{{"kfuncs", 1}, {"hooks", 0}} {
		from := uint64(len(data))
		data = order.AppendUint32(order.AppendUint32(data, 0), set.flags)
		for i := range 2 {
			s.add("symbol", fmt.Sprintf("func__%s%d__%d", set.name, i, i), uint64(len(data)), 4)
			data = order.AppendUint32(order.AppendUint32(data, 0), uint32(i+5))
		}
		s.add("symbol", "set8__"+set.name, from, uint64(len(data))-from)
	}
	s.linked = data
	got := s.Kfuncs()
	if len(got) != 2 || got["kfuncs0"] != 5 || got["kfuncs1"] != 6 {
		t.Errorf("%v", got)
	}
}

func FuzzSection(f *testing.F) {
	f.Add("func__f__1", uint64(8), uint64(4), "set8__s", uint64(0), uint64(16), make([]byte, 16))
	f.Add("set__t", uint64(0), uint64(8), "set__s", uint64(4), uint64(1)<<63, []byte{1, 0, 0, 0, 9, 0, 0, 0})
	f.Fuzz(func(t *testing.T, a string, aAt, aSize uint64, b string, bAt, bSize uint64, data []byte) {
		for _, order := range orders {
			s := &Section{order: order, linked: data}
			s.add("a", a, aAt, aSize)
			s.add("b", b, bAt, bSize)
			s.Kfuncs()
			before := bytes.Clone(data)
			ids := map[btf.NamedType]uint32{}
			for i, wanted := range s.Wanted() {
				ids[wanted] = uint32(i + 1)
			}
			filled, err := s.Fill(ids)
			if err == nil && len(filled) != len(data) {
				t.Errorf("%d bytes instead of %d", len(filled), len(data))
			}
			if s.isFilled(data) {
				_, _ = s.restore(data, &btf.Blob{Strings: []byte{0}})
			}
			if !bytes.Equal(data, before) {
				t.Error("the input has changed")
			}
		}
	})
}
