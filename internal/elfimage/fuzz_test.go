// SPDX-License-Identifier: GPL-2.0-only

package elfimage

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

func addObjects(f *testing.F) {
	for _, target := range elftest.Targets {
		f.Add(elftest.Read(f, elftest.Object(f, target, "echo.c")))
	}
	gcc := elftest.Read(f, elftest.Object(f, elftest.Targets[0], "echo.c", "-gz=zlib"))
	f.Add(gcc)
	f.Add(sign(gcc, []byte("signature")))
}

// Whatever the bytes are, reading them ends, and not in a panic.
func FuzzRead(f *testing.F) {
	addObjects(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		img, err := Parse("x.ko", data)
		if err != nil {
			return
		}
		if syms, err := img.SymbolTable(); err == nil && syms != nil {
			for i := range syms.Len() {
				s := syms.At(i)
				_ = syms.Name(&s)
			}
		}
		img.BuildID()
		img.DebugLink()
		for i := range img.Sections {
			s := &img.Sections[i]
			_, _ = img.Contents(s)
			if s.Size > 1<<20 || i > 50 { // sections may be all the same bytes
				continue
			}
			r, err := img.Relocate(s)
			if err != nil {
				continue
			}
			c := r.Cursor(0)
			for off := range uint64(len(r.Data)) {
				c.Value(off, 1)
				if off < 100 {
					r.Symbol(off)
				}
			}
		}
	})
}

// Attaching to whatever can be parsed gives a file with the section, or changes nothing.
func FuzzAttach(f *testing.F) {
	addObjects(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "x.ko")
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		img, err := Open(path)
		if err != nil {
			return
		}
		defer img.Close()
		types := []byte("types")
		if err := img.DropSignature(); err != nil {
			return
		}
		if err := img.Attach(NewSection{Name: ".BTF", Contents: types}); err != nil {
			if !bytes.Equal(elftest.Read(t, path), data) {
				t.Errorf("changed, though: %v", err)
			}
			return
		}
		img, err = Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer img.Close()
		s := img.Section(".BTF")
		if s == nil {
			t.Fatal("no .BTF")
		}
		if got, err := img.Contents(s); err != nil || !bytes.Equal(got, types) {
			t.Errorf("%q, %v", got, err)
		}
		once := elftest.Read(t, path)
		if err := img.Attach(NewSection{Name: ".BTF", Contents: types}); err != nil || !bytes.Equal(elftest.Read(t, path), once) {
			t.Errorf("again: other bytes (%v)", err)
		}
	})
}
