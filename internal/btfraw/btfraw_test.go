// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfraw

import (
	"bytes"
	"encoding/binary"
	"testing"
)

var orders = []binary.ByteOrder{binary.LittleEndian, binary.BigEndian}

// marshal puts words before strings.
func marshal(order binary.ByteOrder, strings string, words ...uint32) []byte {
	var types []byte
	for _, w := range words {
		types = append(types, 0, 0, 0, 0)
		order.PutUint32(types[len(types)-4:], w)
	}
	return Marshal(order, types, []byte(strings))
}

// example returns an INT as a base, and a split with a STRUCT that has a bit field of it and a PTR
// to the STRUCT.
func example(order binary.ByteOrder) (base, split []byte) {
	base = marshal(order, "\x00int\x00", 1, uint32(Int)<<24, 4, 1<<24|32)
	split = marshal(order, "ring\x00head\x00",
		5, 1<<31|uint32(Struct)<<24|1, 4, 10, 1, 3<<24|8,
		0, uint32(Ptr)<<24, 2)
	return base, split
}

func TestReadInBothByteOrders(t *testing.T) {
	for _, order := range orders {
		rawBase, rawSplit := example(order)
		base, err := Read(rawBase, nil)
		if err != nil {
			t.Fatal(err)
		}
		split, err := Read(rawSplit, base)
		if err != nil {
			t.Fatal(err)
		}
		ring := split.Record(2)
		if ring.Kind() != Struct || ring.Name() != "ring" {
			t.Errorf("%v: %v %q", order, ring.Kind(), ring.Name())
		}
		if m, want := ring.Member(0), (Member{10, 1, 8, 3}); m != want || ring.Str(m.Name) != "head" {
			t.Errorf("%v: %+v", order, m)
		}
		if r := split.Record(1); r.Kind() != Int || r.Name() != "int" || r.BTF != base || r.Offset() != HeaderSize {
			t.Errorf("%v: %v %q at %d", order, r.Kind(), r.Name(), r.Offset())
		}
		if n := split.CountKinds(); split.NumTypes() != 2 || split.End() != 4 || n[Struct] != 1 || n[Ptr] != 1 {
			t.Errorf("%v: %d types, %v", order, split.NumTypes(), n)
		}
	}
}

func join(rawBase, rawSplit []byte) ([]byte, error) {
	base, err := Read(rawBase, nil)
	if err != nil {
		return nil, err
	}
	split, err := Read(rawSplit, base)
	if err != nil {
		return nil, err
	}
	return split.Join()
}

func TestJoin(t *testing.T) {
	for _, order := range orders {
		rawBase, rawSplit := example(order)
		joined, err := join(rawBase, rawSplit)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Read(joined, nil)
		if err != nil {
			t.Fatal(err)
		}
		if b.NumTypes() != 3 || b.Record(2).Name() != "ring" || b.Record(3).Type() != 2 {
			t.Errorf("%v: %d types, %q", order, b.NumTypes(), b.Record(2).Name())
		}
	}
	little, _ := example(binary.LittleEndian)
	_, big := example(binary.BigEndian)
	if _, err := join(little, big); err == nil {
		t.Error("joined two byte orders")
	}
}

// FuzzRead checks that all of what Read accepts can be read.
func FuzzRead(f *testing.F) {
	for _, order := range orders {
		base, split := example(order)
		f.Add(base, split)
	}
	f.Fuzz(func(t *testing.T, rawBase, raw []byte) {
		base, err := Read(rawBase, nil)
		if err != nil {
			return
		}
		split, err := Read(raw, base)
		if (split == nil) != (err != nil) {
			t.Fatalf("%v and %v", split, err)
		}
		if err != nil {
			return
		}
		for r := range split.All {
			for off := range r.NameOffsets {
				if s := split.Bytes(off); bytes.IndexByte(s, 0) >= 0 {
					t.Errorf("type %d: %q", r.ID, s)
				}
			}
			for _, id := range r.References {
				split.Kind(id)
			}
		}
		if joined, err := split.Join(); err == nil {
			if b, err := Read(joined, nil); err != nil || b.End() != split.End() {
				t.Errorf("joined: %v", err)
			}
		}
	})
}
