// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"encoding/binary"
	"strings"
	"testing"
)

// blobOf returns BTF with these types, in words, and strings.
func blobOf(t *testing.T, types []uint32, strings string) *Blob {
	t.Helper()
	var b []byte
	for _, w := range types {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	raw, err := marshal(b, []byte(strings), binary.LittleEndian, false)
	if err != nil {
		t.Fatal(err)
	}
	blob, err := ParseBlob(raw)
	if err != nil {
		t.Fatal(err)
	}
	return blob
}

// sampleBlob has an int, a struct with an int member, a pointer to the struct, and a double.
func sampleBlob(t *testing.T) *Blob {
	return blobOf(t, []uint32{
		1, info(KindInt, 0, false), 4, IntSigned<<24 | 32,
		5, info(KindStruct, 1, false), 4, 7, 1, 0,
		0, info(KindPtr, 0, false), 2,
		9, info(KindFloat, 0, false), 8,
	}, "\x00int\x00s\x00m\x00double\x00")
}

func mustBase(t *testing.T, b *Blob) *Base {
	t.Helper()
	base, err := NewBase("base", b)
	if err == nil {
		err = base.Ready()
	}
	if err != nil {
		t.Fatal(err)
	}
	return base
}

// NewBase or Ready returns an error with the id of the malformed type.
func TestBaseErrors(t *testing.T) {
	for _, tt := range []struct {
		name  string
		types []uint32
		want  string
	}{
		{"unknown kind", []uint32{0, 31 << 24, 0},
			"base base: BTF type 1: unknown kind, or truncated"},
		{"truncated", []uint32{0, info(KindStruct, 2, false), 4, 0, 0, 0},
			"base base: BTF type 1: unknown kind, or truncated"},
		{"reference out of range", []uint32{0, info(KindPtr, 0, false), 7},
			"base base: BTF type 1: reference to type 7 of 1"},
		{"name outside the strings", []uint32{99, info(KindFloat, 0, false), 4},
			"base base: BTF type 1: no string at offset 99 of 3 bytes"},
		{"DATASEC entry out of range",
			[]uint32{0, info(KindPtr, 0, false), 2, 1, info(KindDatasec, 1, false), 4, 9, 0, 4},
			"base base: BTF type 1: reference to type 9 of 2"},
		{"a pointer to itself", []uint32{0, info(KindPtr, 0, false), 1},
			"base base: BTF type 1: type 1 refers to itself without passing through a name"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			base, err := NewBase("base", blobOf(t, tt.types, "\x00a\x00"))
			if err == nil {
				err = base.Ready()
			}
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// A base that repeats a type many times is refused; one that repeats a string is not. Neither takes
// quadratic time.
func TestBaseNotDeduplicated(t *testing.T) {
	var types []uint32
	for range 1 << 19 {
		types = append(types, 0, info(KindConst, 0, false), 0)
	}
	_, err := ready(NewBase("base", blobOf(t, types, "\x00")))
	want := "base base: BTF type 4097: more than 4096 equal types: not deduplicated"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	types = types[:0]
	for range 1 << 18 {
		types = append(types, 1, info(KindFwd, 0, false), 0)
	}
	if _, err := ready(NewBase("base", blobOf(t, types, "\x00opaque\x00"))); err == nil {
		t.Error("no error for 2^18 declarations of one struct")
	}
	base := mustBase(t, blobOf(t, nil, "\x00"+strings.Repeat("a\x00", 1<<21)+"b\x00"))
	for _, s := range []string{"a", "b"} {
		if _, ok := base.FindString([]byte(s)); !ok {
			t.Errorf("%s not found", s)
		}
	}
}

// Names that are suffixes of one long string would be n*n/2 bytes long, in a table of n bytes.
func TestLongNames(t *testing.T) {
	const n = 1 << 19
	var types []uint32
	for i := range uint32(n) {
		types = append(types, 1+i, info(KindFwd, 0, false), 0)
	}
	_, err := ready(NewBase("base", blobOf(t, types, "\x00"+strings.Repeat("a", 2*n)+"\x00")))
	if want := "base base: BTF type 1: no string at offset 1 of 1048578 bytes"; err == nil ||
		err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	u := Unit{Tables: [4][]byte{[]byte(strings.Repeat("a", n) + "\x00")}}
	u.Reset()
	for i := range n {
		u.NameAt(StringRef(i))
	}
	if ref, ok := u.HashNames(); ok || ref != 0 {
		t.Errorf("ref %d, %v", ref, ok)
	}
}

// Anonymous structs with two members of the previous struct each: there are 2^100 paths to the
// innermost.
func TestReachesDeclaration(t *testing.T) {
	types := []uint32{1, info(KindFwd, 0, false), 0}
	for id := uint32(1); id <= 100; id++ {
		types = append(types, 0, info(KindStruct, 2, false), 8, 0, id, 0, 0, id, 32)
	}
	base := mustBase(t, blobOf(t, types, "\x00opaque\x00"))
	if !base.reachesDeclaration(101, map[uint32]bool{}) {
		t.Error("no declaration found")
	}
}
