// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"errors"
	"slices"
	"testing"
)

func checkSameIndex(t *testing.T, got, want *Base) {
	t.Helper()
	if err := got.Ready(); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.off, want.off) || !slices.Equal(got.hash, want.hash) ||
		got.Dialect != want.Dialect {
		t.Error("the index in the file differs")
	}
	for id := uint32(1); id <= uint32(want.NumTypes()); id++ {
		if ids := got.typesByHash(want.hash[id], nil); !slices.Equal(ids, []uint32{id}) {
			t.Errorf("type %d found as %v", id, ids)
		}
	}
	ids := got.typesByTag(structTag, []byte("s"), hashName([]byte("s")), nil)
	if !slices.Equal(ids, []uint32{2}) {
		t.Errorf("struct s found as %v", ids)
	}
	if off, ok := got.FindString([]byte("double")); !ok || off != 9 {
		t.Errorf("double found at %d, %v", off, ok)
	}
	if _, ok := got.FindString([]byte("doubl")); ok {
		t.Error("doubl found")
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
	checkSameIndex(t, got, want)
}

// A change of any byte is detected, or has no effect.
func TestBaseFileDamaged(t *testing.T) {
	blob := sampleBlob(t)
	want := mustBase(t, blob)
	file, err := want.File()
	if err != nil {
		t.Fatal(err)
	}
	checkRefused := 0
	for i := range file {
		bad := slices.Clone(file)
		bad[i] ^= 0x10
		got, err := NewIndexedBase("base", blob, bad)
		if err != nil {
			checkRefused++
			continue
		}
		checkSameIndex(t, got, want)
	}
	if checkRefused < baseFileHeaderSize {
		t.Errorf("%d changes refused, want at least the header's %d", checkRefused,
			baseFileHeaderSize)
	}
	for n := range file {
		if _, err := NewIndexedBase("base", blob, file[:n]); err == nil {
			t.Errorf("no error for the first %d of %d bytes", n, len(file))
		}
	}
	if _, err := NewIndexedBase("base", blob, append(slices.Clone(file), 0)); err == nil {
		t.Error("no error for an extra byte")
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
	other.Types[8] = 8 // size of the int
	got, err := NewIndexedBase("base", &other, file)
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Ready(); err != nil || !slices.Equal(got.hash, mustBase(t, &other).hash) {
		t.Errorf("the index is not that of the other base (%v)", err)
	}
	other.Types = slices.Clone(blob.Types)
	// without FLOAT: another dialect
	put32(other.Types[len(other.Types)-8:], info(KindTypedef, 0, false))
	put32(other.Types[len(other.Types)-4:], 1)
	if got, err = NewIndexedBase("base", &other, file); err == nil {
		err = got.Ready()
	}
	if !errors.Is(err, errOtherBase) {
		t.Errorf("got %v, want %v", err, errOtherBase)
	}
	shorter := *blob
	shorter.Types = blob.Types[:len(blob.Types)-12]
	if _, err := NewIndexedBase("base", &shorter, file); !errors.Is(err, errOtherBase) {
		t.Errorf("got %v, want %v", err, errOtherBase)
	}
}

// A change of any byte is detected, or has no effect.
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
				t.Errorf("byte %d changed: different base without an error (%v)", n, err)
			}
		}
	}
}
