// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfimage

import (
	"bytes"
	"compress/zlib"
	"debug/elf"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

func addObjects(f *testing.F) {
	for _, target := range elftest.Targets {
		f.Add(elftest.Read(f, elftest.Object(f, target, "echo.c")))
	}
	gcc := elftest.Read(f, elftest.Object(f, elftest.GCC, "echo.c", "-gz=zlib"))
	f.Add(gcc)
	f.Add(sign(gcc, []byte("signature")))
}

// recompressed returns an object with .debug_info compressed again, after its end.
func recompressed(f *testing.F, path string, kind elf.CompressionType) []byte {
	f.Helper()
	file := elftest.Read(f, path)
	img, err := Parse(path, file)
	if err != nil {
		f.Fatal(err)
	}
	s := img.Section(".debug_info")
	plain, err := img.Contents(s)
	if err != nil {
		f.Fatal(err)
	}
	var data bytes.Buffer
	var w io.WriteCloser = zlib.NewWriter(&data)
	if kind == elf.COMPRESS_ZSTD {
		if w, err = zstd.NewWriter(&data); err != nil {
			f.Fatal(err)
		}
	}
	if _, err := w.Write(plain); err != nil {
		f.Fatal(err)
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	section, _ := chdr(img.Class, img.Order, kind, uint64(len(plain)), data.Bytes())
	h := file[img.shoff+uint64(s.Index)*img.layout().shdr:]
	if img.Class == elf.ELFCLASS64 {
		img.Order.PutUint64(h[8:], uint64(s.Flags|elf.SHF_COMPRESSED))
		img.Order.PutUint64(h[24:], uint64(len(file)))
		img.Order.PutUint64(h[32:], uint64(len(section.Data)))
	} else {
		img.Order.PutUint32(h[8:], uint32(s.Flags|elf.SHF_COMPRESSED))
		img.Order.PutUint32(h[16:], uint32(len(file)))
		img.Order.PutUint32(h[20:], uint32(len(section.Data)))
	}
	file = append(file, section.Data...)
	if img, err = Parse(path, file); err != nil {
		f.Fatal(err)
	}
	if got, err := img.Inflate(img.Section(".debug_info")); err != nil || !bytes.Equal(got, plain) {
		f.Fatalf("%d bytes, %v", len(got), err)
	}
	return file
}

// Reading arbitrary bytes terminates without a panic; a section reads the same alone and as one of
// several.
func FuzzRead(f *testing.F) {
	addObjects(f)
	for _, target := range elftest.Targets {
		switch target.Name { // both classes, both orders
		case "gcc", "s390x-linux-gnu", "i386-linux-gnu", "powerpc-linux-gnu":
			object := elftest.Object(f, target, "echo.c", "-gdwarf-5")
			f.Add(recompressed(f, object, elf.COMPRESS_ZLIB))
			f.Add(recompressed(f, object, elf.COMPRESS_ZSTD))
		}
	}
	// two sections with the same name
	f.Add(elftest.Read(f, elftest.Object(f, elftest.GCC, "echo.c", "-fdebug-types-section")))
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
			if s.Size > 1<<16 || i > 50 { // sections may share all their bytes
				continue
			}
			r, err := img.Relocate(s)
			if err != nil {
				continue
			}
			if len(r.Data) > maxRatio*(len(data)+1) {
				t.Errorf("section %d: %d bytes of a file of %d", i, len(r.Data), len(data))
			}
			if len(r.Data) > 1<<20 {
				continue
			}
			c := r.Cursor(0)
			for off := range uint64(len(r.Data)) {
				c.Value(off, 1)
				if off < 100 {
					r.Symbol(off)
				}
			}
			all, err := img.Relocate(s, s)
			if err != nil {
				continue
			}
			if half := len(all.Data) / 2; half != len(r.Data) ||
				!bytes.Equal(all.Data[:half], all.Data[half:]) {
				t.Errorf("section %d twice: %d bytes, want %d", i, 2*half, 2*len(r.Data))
			}
			if !lazy(r) && !bytes.Equal(all.Data[:len(r.Data)], r.Data) {
				t.Errorf("section %d: different bytes as one of two", i)
			}
		}
	})
}

// Attaching to any parsable file adds the section, or changes nothing.
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
				t.Errorf("changed despite the error: %v", err)
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
		if err := img.Attach(NewSection{Name: ".BTF", Contents: types}); err != nil ||
			!bytes.Equal(elftest.Read(t, path), once) {
			t.Errorf("second Attach differs (%v)", err)
		}
	})
}
