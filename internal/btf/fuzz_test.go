// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"encoding/binary"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
	"github.com/kbtf/kbtf/internal/fault"
)

// compiledBlobs returns the BTF that gcc emits for testdata/c.
func compiledBlobs(f *testing.F) (list [][]byte) {
	for _, source := range []string{"kinds.c", "ring.c", "params.c"} {
		object := elftest.Object(f, elftest.GCC, source, "-gbtf", "-g0", "-gbtf")
		elftest.Run(f, filepath.Dir(object), "objcopy", "-O", "binary", "-j", ".BTF",
			"--set-section-flags", ".BTF=alloc", object, "x.btf")
		list = append(list, elftest.Read(f, filepath.Join(filepath.Dir(object), "x.btf")))
	}
	return list
}

// checkRefused checks that an error is a single line and does not come from a panic.
func checkRefused(t *testing.T, err error) {
	t.Helper()
	if text := err.Error(); strings.ContainsAny(text, "\n") ||
		strings.Contains(text, "internal error") {
		t.Errorf("refused with %q", text)
	}
}

// ready returns a base whose index is complete.
func ready(base *Base, err error) (*Base, error) {
	if err == nil {
		err = base.Ready()
	}
	return base, err
}

// FuzzBase opens arbitrary data as a base. It is refused, or all types in it are found, and a base
// file made from it is the same base.
func FuzzBase(f *testing.F) {
	for _, raw := range compiledBlobs(f) {
		f.Add(raw)
		b, err := ParseBlob(raw)
		if err != nil {
			f.Fatal(err)
		}
		for _, layout := range []bool{false, true} {
			big, err := marshal(b.Types, b.Strings, binary.BigEndian, layout)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(big)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		blob, err := ParseBlob(raw)
		if err != nil {
			checkRefused(t, err)
			return
		}
		base, err := ready(NewBase("base", blob))
		if err != nil {
			checkRefused(t, err)
			return
		}
		if n := base.NumTypes(); 12*n > len(raw) {
			t.Errorf("%d types in %d bytes", n, len(raw))
		}
		findAll(t, base)
		file, err := base.File()
		if err != nil {
			t.Fatal(err)
		}
		opened, err := ready(OpenBaseFile("base", file))
		if err != nil {
			t.Fatal(err)
		}
		indexed, err := ready(NewIndexedBase("base", blob, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range []*Base{opened, indexed} {
			findAll(t, other)
			if again, err := other.File(); err != nil || !bytes.Equal(again, file) ||
				other.Dialect != base.Dialect {
				t.Errorf("base file differs (%v)", err)
			}
		}
	})
}

// findAll looks up all types and strings of a base.
func findAll(t *testing.T, base *Base) {
	t.Helper()
	if base.NumTypes() > 1000 { // lookups of equal types are linear
		return
	}
	var ids []uint32
	for id := uint32(1); id <= uint32(base.NumTypes()); id++ {
		at := le32(base.Types[base.off[id]:])
		name, err := base.str(at)
		if err != nil {
			t.Fatal(err)
		}
		whole := at == 0 || base.Strings[at-1] == 0 // not the suffix of another string
		if off, ok := base.FindString(name); whole && !ok || ok && len(name) > 0 &&
			!base.sameString(off, at) {
			t.Errorf("string %q found at %d, %v", name, off, ok)
		}
		k := infoKind(base.info(id))
		if ids = base.typesByHash(base.hash[id], ids[:0]); slices.Contains(ids,
			id) == (k == KindFwd || k == KindVar || k == KindDatasec) {
			t.Errorf("type %d, a %v, by contents: %v", id, k, ids)
		}
		if c := tagClassOf(k, infoFlag(base.info(id))); c != notTag && len(name) > 0 {
			if ids = base.typesByTag(c, name, hashName(name), ids[:0]); !slices.Contains(ids, id) {
				t.Errorf("type %d, a %v, by tag: %v", id, k, ids)
			}
			if others := base.sharesTag(id, tagHash(c, hashName(name))); len(ids) > 1 && !others {
				t.Errorf("type %d shares its tag with %v", id, ids)
			}
		}
		base.props(id, 0)
		base.declares(id)
		base.reachesDeclaration(id, map[uint32]bool{})
	}
	if _, found := base.FindString([]byte("no such string\n")); found &&
		!bytes.Contains(base.Strings, []byte("no such string\n")) {
		t.Error("a string that does not exist is found")
	}
}

// FuzzBaseFile changes a byte of base files. The change is detected, or has no effect. A forged
// file with correct checksums leads to an error at worst, not to an endless loop.
func FuzzBaseFile(f *testing.F) {
	for _, raw := range compiledBlobs(f) {
		b, err := ParseBlob(raw)
		if err != nil {
			f.Fatal(err)
		}
		base, err := ready(NewBase("base", b))
		if err != nil {
			f.Fatal(err)
		}
		file, err := base.File()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file, uint(baseFileStart), byte(1))
		f.Add(file, uint(len(file)-1), byte(0))
	}
	f.Fuzz(func(t *testing.T, file []byte, at uint, flip byte) {
		file = slices.Clone(file) // aligned for any size
		readForged(file)
		base, err := ready(OpenBaseFile("base", file))
		if err != nil {
			checkRefused(t, err)
			return
		}
		fresh, err := ready(NewBase("base", &Blob{Types: base.Types, Strings: base.Strings}))
		if err != nil {
			return // forged
		}
		good, err := fresh.File()
		if err != nil {
			t.Fatal(err)
		}
		damaged := slices.Clone(file)
		damaged[at%uint(len(file))] ^= flip
		opened, err := ready(OpenBaseFile("base", damaged))
		sameFile(t, opened, err, good)
		indexed, err := ready(NewIndexedBase("base", &fresh.Blob, damaged))
		sameFile(t, indexed, err, good)
	})
}

// sameFile checks that a base was refused, or has this base file.
func sameFile(t *testing.T, base *Base, err error, good []byte) {
	t.Helper()
	if err != nil {
		checkRefused(t, err)
	} else if file, err := base.File(); err != nil || !bytes.Equal(file, good) {
		t.Errorf("different base without an error (%v)", err)
	}
}

// readForged looks up all contents of a base file after correcting its checksums.
func readForged(file []byte) {
	file = slices.Clone(file)
	seal(file)
	_ = fault.Recover(func() error {
		base, err := ready(OpenBaseFile("base", file))
		if err != nil || base.NumTypes() > 1000 {
			return err
		}
		for id := uint32(1); id <= uint32(base.NumTypes()); id++ {
			name, _ := base.str(le32(base.Types[base.off[id]:]))
			base.FindString(name)
			base.typesByHash(base.hash[id], nil)
			base.typesByTag(structTag, name, hashName(name), nil)
			base.reachesDeclaration(id, map[uint32]bool{})
			base.props(id, 0)
		}
		return nil
	})
}

// seal corrects the checksums of a base file, if its header can be read.
func seal(file []byte) {
	var h baseFileHeader
	if len(file) < baseFileStart {
		return
	}
	if _, err := binary.Decode(file, binary.LittleEndian, &h); err != nil {
		return
	}
	copy(h.Magic[:], baseFileMagic)
	h.Version, h.Size = BaseFileVersion, uint64(len(file))
	h.seal()
	_, _ = binary.Encode(file, binary.LittleEndian, &h)
	f, err := readBaseFile(file)
	if err != nil {
		return
	}
	b := Blob{Types: f.sections[0], Strings: f.sections[1]}
	h.Contents, h.Index = b.checksums(), f.checksum()
	h.seal()
	_, _ = binary.Encode(file, binary.LittleEndian, &h)
}
