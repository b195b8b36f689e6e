// SPDX-License-Identifier: GPL-2.0-only

package btf

import (
	"encoding/binary"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// blobOf makes raw BTF: words of types, and strings.
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

// sampleBlob has an int, a struct with a member of it, a pointer to the struct, and a float.
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

func same(t *testing.T, got, want *Base) {
	t.Helper()
	if err := got.Ready(); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.off, want.off) || !slices.Equal(got.hash, want.hash) || got.Dialect != want.Dialect {
		t.Error("the index from the file is not the index")
	}
	for id := uint32(1); id <= uint32(want.NumTypes()); id++ {
		if ids := got.withHash(want.hash[id], nil); !slices.Equal(ids, []uint32{id}) {
			t.Errorf("type %d is found as %v", id, ids)
		}
	}
	if ids := got.withTag(structTag, []byte("s"), hashName([]byte("s")), nil); !slices.Equal(ids, []uint32{2}) {
		t.Errorf("struct s is found as %v", ids)
	}
	if off, ok := got.FindString([]byte("double")); !ok || off != 9 {
		t.Errorf("double is found at %d, %v", off, ok)
	}
	if _, ok := got.FindString([]byte("doubl")); ok {
		t.Error("doubl is found")
	}
}

func TestBaseFile(t *testing.T) {
	blob := sampleBlob(t)
	want := mustBase(t, blob)
	if d := (Dialect{Float: true}); want.Dialect != d {
		t.Errorf("dialect %+v, want %+v", want.Dialect, d)
	}
	file, err := want.File()
	if err != nil {
		t.Fatal(err)
	}
	got, err := NewIndexedBase("base", blob, file)
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, want)
}

// Every single damaged byte is noticed, or does not matter.
func TestBaseFileDamaged(t *testing.T) {
	blob := sampleBlob(t)
	want := mustBase(t, blob)
	file, err := want.File()
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for i := range file {
		bad := slices.Clone(file)
		bad[i] ^= 0x10
		got, err := NewIndexedBase("base", blob, bad)
		if err != nil {
			refused++
			continue
		}
		same(t, got, want)
	}
	if refused < baseFileHeaderSize {
		t.Errorf("%d damages refused, there are %d in the header alone", refused, baseFileHeaderSize)
	}
	for n := range file {
		if _, err := NewIndexedBase("base", blob, file[:n]); err == nil {
			t.Errorf("the first %d of %d bytes are taken for the whole", n, len(file))
		}
	}
	if _, err := NewIndexedBase("base", blob, append(slices.Clone(file), 0)); err == nil {
		t.Error("a byte too many is not noticed")
	}
}

func TestBaseFileOfAnotherBase(t *testing.T) {
	blob := sampleBlob(t)
	file, err := mustBase(t, blob).File()
	if err != nil {
		t.Fatal(err)
	}
	other := *blob
	other.Types = slices.Clone(blob.Types)
	other.Types[8] = 8 // the int's size
	got, err := NewIndexedBase("base", &other, file)
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Ready(); err != nil || !slices.Equal(got.hash, mustBase(t, &other).hash) {
		t.Errorf("the index is not the other base's own (%v)", err)
	}
	other.Types = slices.Clone(blob.Types)
	put32(other.Types[len(other.Types)-8:], info(KindTypedef, 0, false)) // no FLOAT any more: another dialect
	put32(other.Types[len(other.Types)-4:], 1)
	if got, err = NewIndexedBase("base", &other, file); err == nil {
		err = got.Ready()
	}
	if !errors.Is(err, ErrOtherBase) {
		t.Errorf("got %v, want %v", err, ErrOtherBase)
	}
	shorter := *blob
	shorter.Types = blob.Types[:len(blob.Types)-12]
	if _, err := NewIndexedBase("base", &shorter, file); !errors.Is(err, ErrOtherBase) {
		t.Errorf("got %v, want %v", err, ErrOtherBase)
	}
}

// A base that breaks the rules is an error, with its place.
func TestBaseErrors(t *testing.T) {
	for _, tt := range []struct {
		name  string
		types []uint32
		want  string
	}{
		{"unknown kind", []uint32{0, 31 << 24, 0}, "base base: BTF type 1: unknown kind, or truncated"},
		{"truncated", []uint32{0, info(KindStruct, 2, false), 4, 0, 0, 0}, "base base: BTF type 1: unknown kind, or truncated"},
		{"reference to nowhere", []uint32{0, info(KindPtr, 0, false), 7}, "base base: BTF type 1: reference to type 7 of 1"},
		{"name outside the strings", []uint32{99, info(KindFloat, 0, false), 4}, "base base: BTF type 1: no string at offset 99 of 3 bytes"},
		{"a pointer to a section of a variable that is not there",
			[]uint32{0, info(KindPtr, 0, false), 2, 1, info(KindDatasec, 1, false), 4, 9, 0, 4}, "base base: BTF type 1: reference to type 9 of 2"},
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

func TestParseBlobErrors(t *testing.T) {
	good, err := marshal(nil, []byte{0}, binary.LittleEndian, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		change func(b []byte) []byte
		want   string
	}{
		{"shorter than a header", func(b []byte) []byte { return b[:23] }, "BTF of 23 bytes is shorter than its header"},
		{"no magic", func(b []byte) []byte { b[0] = 0; return b }, "no BTF magic (found 0xeb00)"},
		{"version", func(b []byte) []byte { b[2] = 2; return b }, "BTF version 2, only 1 is known"},
		{"header length", func(b []byte) []byte { b[4] = 99; return b }, "BTF header length 99 of 25 bytes"},
		{"strings cut off", func(b []byte) []byte { return b[:24] }, "truncated BTF: strings at offset 0, 1 bytes, in a body of 0"},
		{"strings without an end", func(b []byte) []byte { b[24] = 'x'; return b }, "malformed BTF: strings do not end with NUL"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ParseBlob(tt.change(slices.Clone(good))); err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// What is written in the other byte order says the same.
func TestBigEndianBlob(t *testing.T) {
	little := sampleBlob(t)
	raw, err := marshal(little.Types, little.Strings, binary.BigEndian, false)
	if err != nil {
		t.Fatal(err)
	}
	if raw[0] != 0xeb || raw[1] != 0x9f {
		t.Errorf("magic % x", raw[:2])
	}
	big, err := ParseBlob(raw)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(big.Types, little.Types) || big.Order != binary.ByteOrder(binary.BigEndian) {
		t.Error("types differ after a round trip")
	}
}

// A base file keeps every field of the dialect.
func TestDialectFields(t *testing.T) {
	var d Dialect
	if got, want := len(d.fields()), reflect.TypeFor[Dialect]().NumField(); got != want {
		t.Errorf("%d fields are kept, of %d", got, want)
	}
	for i, f := range d.fields() {
		*f = true
		if !reflect.ValueOf(d).Field(i).Bool() {
			t.Errorf("field %d is out of order", i)
		}
	}
}

// Whatever byte of a base file changes, it is noticed, or it was none that counts.
func TestOpenBaseFileDamaged(t *testing.T) {
	base, err := NewBase("base", sampleBlob(t))
	if err != nil {
		t.Fatal(err)
	}
	good, err := base.File()
	if err != nil {
		t.Fatal(err)
	}
	open := func(file []byte) (*Base, error) {
		b, err := OpenBaseFile("base", file)
		if err == nil {
			err = b.Ready()
		}
		return b, err
	}
	if b, err := open(good); err != nil || b.Dialect != base.Dialect {
		t.Fatalf("undamaged: %v", err)
	}
	for n := range good {
		if _, err := open(good[:n]); err == nil {
			t.Errorf("no error for the first %d of %d bytes", n, len(good))
		}
		bad := slices.Clone(good)
		bad[n] ^= 0x10
		if b, err := open(bad); err == nil {
			if again, err := b.File(); err != nil || !slices.Equal(again, good) {
				t.Errorf("byte %d changed: another base, and no error (%v)", n, err)
			}
		}
	}
}

// A base that says the same over and over is refused, if it is its types, and that takes no time.
func TestBaseRepeatsItself(t *testing.T) {
	var types []uint32
	for range 1 << 19 {
		types = append(types, 0, info(KindConst, 0, false), 0)
	}
	_, err := ready(NewBase("base", blobOf(t, types, "\x00")))
	if want := "base base: BTF type 4097: more than 4096 others are like it: types are not deduplicated"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	types = types[:0]
	for range 1 << 18 {
		types = append(types, 1, info(KindFwd, 0, false), 0)
	}
	if _, err := ready(NewBase("base", blobOf(t, types, "\x00opaque\x00"))); err == nil {
		t.Error("a hundred thousand declarations of one struct are taken")
	}
	base := mustBase(t, blobOf(t, nil, "\x00"+strings.Repeat("a\x00", 1<<21)+"b\x00"))
	for _, s := range []string{"a", "b"} {
		if _, ok := base.FindString([]byte(s)); !ok {
			t.Errorf("%s is not found", s)
		}
	}
}

// Names that are the ends of one long string: in a table of n bytes they would be n*n/2 bytes long.
func TestLongNames(t *testing.T) {
	const n = 1 << 19
	var types []uint32
	for i := range uint32(n) {
		types = append(types, 1+i, info(KindFwd, 0, false), 0)
	}
	_, err := ready(NewBase("base", blobOf(t, types, "\x00"+strings.Repeat("a", 2*n)+"\x00")))
	if want := "base base: BTF type 1: no string at offset 1 of 1048578 bytes"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	u := Unit{Tables: [4][]byte{[]byte(strings.Repeat("a", n) + "\x00")}}
	u.Reset()
	for i := range n {
		u.NameAt(Place(i))
	}
	if place, ok := u.HashNames(); ok || place != 0 {
		t.Errorf("place %d, %v", place, ok)
	}
}

// Structs without names that each have two members of the one before: there are 2^100 ways to the innermost one.
func TestManyWaysToADeclaration(t *testing.T) {
	types := []uint32{1, info(KindFwd, 0, false), 0}
	for id := uint32(1); id <= 100; id++ {
		types = append(types, 0, info(KindStruct, 2, false), 8, 0, id, 0, 0, id, 32)
	}
	base := mustBase(t, blobOf(t, types, "\x00opaque\x00"))
	if !base.leadsToDeclaration(101, map[uint32]bool{}) {
		t.Error("no declaration is found")
	}
}
