// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
	"github.com/kbtf/kbtf/internal/fault"
)

// Truncating a mapped file makes the kernel send SIGBUS. That is an ordinary error, in whatever
// thread it happens.
func TestFileTruncated(t *testing.T) {
	gcc := elftest.GCC
	dir := t.TempDir()
	var objects []string
	for _, source := range []string{"kinds.c", "params.c", "ring.c", "echo.c"} {
		objects = append(objects, elftest.Object(t, gcc, source, "-gdwarf-5"))
	}
	elftest.Run(t, dir, "ld", append([]string{"-r", "-z", "muldefs", "-o", "module.ko"},
		objects...)...)
	path := filepath.Join(dir, "module.ko")
	whole := elftest.Read(t, path)
	for _, threads := range []int{1, 2} {
		if err := os.WriteFile(path, whole, 0o644); err != nil {
			t.Fatal(err)
		}
		img, err := elfimage.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer img.Close()
		if err := os.Truncate(path, 4096); err != nil {
			t.Fatal(err)
		}
		if _, err := File(img, NoBase(), Options{Threads: threads}); !errors.Is(err,
			fault.ErrTruncated) {
			t.Errorf("%d threads: %v", threads, err)
		}
	}
}

// The same for a base, also with an index, which other threads read first.
func TestBaseTruncated(t *testing.T) {
	raw := largeBase(t, minCachedTypes)
	made, err := LoadBase(raw, BaseCache{})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "base.btfbase")
	if _, err := WriteBaseFile(file, made); err != nil {
		t.Fatal(err)
	}
	// The member's name is in the base, far from its start: even if the index is complete by then,
	// the name is compared with the file.
	img := gcc.build(t, "typedef int t77; struct s { t77 t9990; } v;")
	for _, path := range []string{raw, file} {
		whole := elftest.Read(t, path)
		for _, ready := range []bool{false, true} { // index complete or not
			if err := os.WriteFile(path, whole, 0o644); err != nil {
				t.Fatal(err)
			}
			base, err := LoadBase(path, BaseCache{})
			if err == nil && ready {
				err = base.Ready()
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(path, 4096); err != nil {
				t.Fatal(err)
			}
			if _, err := File(img, base,
				Options{Dialect: base.Dialect, Threads: 2}); !errors.Is(err, fault.ErrTruncated) {
				t.Errorf("%s, ready %v: %v", filepath.Base(path), ready, err)
			}
		}
	}
}

// A relocation of an unknown type is an error if its field is read. Otherwise the output is the same.
func TestUnknownRelocation(t *testing.T) {
	for _, target := range []elftest.Target{elftest.GCC, elftest.I386, elftest.S390X} {
		object := elftest.Read(t, elftest.Object(t, target, "ring.c", "-gdwarf-5"))
		encode := func(file []byte) ([]byte, error) {
			img, err := elfimage.Parse("x.ko", file)
			if err != nil {
				t.Fatal(err)
			}
			return File(img, NoBase(), Options{Dialect: btf.Modern, Threads: 1})
		}
		want, err := encode(object)
		if err != nil {
			t.Fatal(err)
		}
		img, err := elfimage.Parse("x.ko", object)
		if err != nil {
			t.Fatal(err)
		}
		size, addends := 8, ""
		if img.Section(".rela.debug_info") != nil {
			size, addends = 24, "a"
		}
		refused := 0
		for _, name := range []string{".debug_info", ".debug_str_offsets"} {
			s := img.Section(".rel" + addends + name)
			if s == nil {
				continue
			}
			for at := s.Offset; at < s.Offset+s.Size; at += uint64(size) {
				damaged := bytes.Clone(object)
				typ := at + 8 // the type is in r_info (ELF64: low word)
				switch {
				case size == 8:
					typ = at + 4 // ELF32: low byte
				case img.BigEndian():
					typ = at + 15
				}
				damaged[typ] = 200
				got, err := encode(damaged)
				switch {
				case err != nil && strings.HasPrefix(err.Error(), "x.ko: .debug_") &&
					strings.Contains(err.Error(), "relocation type 200 is not known for machine"):
					refused++
				case err != nil:
					t.Errorf("%s: %s: relocation at %#x: %v", target.Name, name, at, err)
				case !bytes.Equal(got, want):
					t.Errorf("%s: %s: relocation at %#x: other types", target.Name, name, at)
				}
			}
		}
		if refused < 20 {
			t.Errorf("%s: %d relocations refused, want more", target.Name, refused)
		}
	}
}
