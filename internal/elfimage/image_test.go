// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfimage

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// An image has the contents that debug/elf reads, for all machines.
func TestParse(t *testing.T) {
	check := func(t *testing.T, path string) {
		img, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer img.Close()
		f, err := elf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		compareImages(t, img, f)
	}
	for _, target := range elftest.Targets {
		t.Run(target.Name, func(t *testing.T) { check(t, elftest.Object(t, target, "ring.c")) })
	}
	gcc := elftest.GCC
	ring, echo := elftest.Object(t, gcc, "ring.c"), elftest.Object(t, gcc, "echo.c")
	dir := t.TempDir()
	t.Run("ld -r", func(t *testing.T) {
		elftest.Run(t, dir, "ld", "-r", "-o", "x.ko", ring, echo)
		check(t, filepath.Join(dir, "x.ko"))
	})
	t.Run("linked", func(t *testing.T) {
		elftest.Run(t, dir, "ld", "-e", "start_kernel", "-o", "vmlinux",
			elftest.Object(t, gcc, "vmlinux.c"))
		check(t, filepath.Join(dir, "vmlinux"))
	})
}

func compareImages(t *testing.T, img *Image, f *elf.File) {
	t.Helper()
	if img.Class != f.Class || img.Order != f.ByteOrder || img.Type != f.Type ||
		img.Machine != f.Machine {
		t.Errorf("header: got %v %v %v %v, want %+v", img.Class, img.Order, img.Type,
			img.Machine, f.FileHeader)
	}
	if len(img.Sections) != len(f.Sections) {
		t.Fatalf("%d sections, want %d", len(img.Sections), len(f.Sections))
	}
	for i := range img.Sections {
		got, want := &img.Sections[i], f.Sections[i]
		same := Section{Index: i, Name: want.Name, Type: want.Type, Flags: want.Flags,
			Addr: want.Addr, Offset: want.Offset,
			Size: want.FileSize, Link: want.Link, Info: want.Info, Addralign: want.Addralign,
			Entsize: want.Entsize}
		// debug/elf returns that of the decompressed section
		if want.Flags&elf.SHF_COMPRESSED != 0 {
			same.Addralign = got.Addralign
		}
		if *got != same {
			t.Errorf("section %d: got %+v, want %+v", i, *got, same)
		}
		if want.Type == elf.SHT_NOBITS || want.Type == elf.SHT_NULL {
			continue
		}
		data, err := img.Inflate(got)
		if err != nil {
			t.Error(err)
		}
		if wantData, err := want.Data(); err != nil || !bytes.Equal(data, wantData) {
			t.Errorf("section %d %s: wrong contents (%v)", i, got.Name, err)
		}
	}
	syms, err := img.SymbolTable()
	if err != nil {
		t.Fatal(err)
	}
	want, err := f.Symbols() // without the null symbol
	if err != nil {
		t.Fatal(err)
	}
	if syms.Len() != len(want)+1 {
		t.Fatalf("%d symbols, want %d", syms.Len(), len(want)+1)
	}
	for i, w := range want {
		s := syms.At(i + 1)
		section := elf.SectionIndex(s.Section)
		if w.Section == elf.SHN_XINDEX { // debug/elf does not resolve it
			section = w.Section
		}
		if got := (elf.Symbol{Name: string(syms.Name(&s)), Info: s.Info, Other: w.Other,
			Section: section, Value: s.Value,
			Size: s.Size}); got != (elf.Symbol{Name: w.Name, Info: w.Info, Other: w.Other,
			Section: w.Section, Value: w.Value, Size: w.Size}) {
			t.Errorf("symbol %d: got %+v, want %+v", i+1, got, w)
		}
	}
}

func TestSection(t *testing.T) {
	img := open(t, elftest.Object(t, elftest.GCC, "ring.c"))
	if s := img.Section(".data..percpu"); s == nil || s.Size != 16 {
		t.Errorf(".data..percpu is %+v, want 16 bytes", s)
	}
	if s := img.Section(".BTF"); s != nil {
		t.Errorf(".BTF is %+v, want none", s)
	}
}

func TestParseErrors(t *testing.T) {
	whole := elftest.Read(t, elftest.Object(t, elftest.GCC, "ring.c"))
	patched := func(at int, bytes ...byte) []byte {
		b := append([]byte(nil), whole...)
		copy(b[at:], bytes)
		return b
	}
	for _, test := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "x.ko: not an ELF file"},
		{"text", []byte("module"), "x.ko: not an ELF file"},
		{"magic number only", whole[:4], "x.ko: truncated ELF file: no room for its header"},
		{"half a header", whole[:63], "x.ko: truncated ELF file: no room for its header"},
		{"class", patched(elf.EI_CLASS, 0), "x.ko: unknown ELF class 0"},
		{"byte order", patched(elf.EI_DATA, 3), "x.ko: unknown byte order 3"},
		{"e_shoff 0", patched(40, 0, 0, 0, 0, 0, 0, 0, 0), "x.ko: no section headers"},
		{"e_shentsize", patched(58, 40), "x.ko: section headers of 40 bytes, expected 64"},
		{"e_shstrndx", patched(62, 0xfe, 0xfe), "x.ko: no section name table (index 65278 of "},
	} {
		t.Run(test.name, func(t *testing.T) {
			img, err := Parse("x.ko", test.data)
			if err == nil {
				t.Fatalf("got %+v, want an error", img)
			}
			if got := err.Error(); got != test.want && (len(got) < len(test.want) ||
				got[:len(test.want)] != test.want || test.want[len(test.want)-1] != ' ') {
				t.Errorf("got:  %s\nwant: %s", got, test.want)
			}
		})
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct{ path, want string }{
		{filepath.Join(dir, "none"), filepath.Join(dir, "none") + ": no such file or directory"},
		{dir, dir + ": not a regular file"},
		{os.DevNull, os.DevNull + ": not a regular file"},
	} {
		if _, err := Open(test.path); err == nil || err.Error() != test.want {
			t.Errorf("got:  %v\nwant: %s", err, test.want)
		}
	}
}

func open(t testing.TB, path string) *Image {
	t.Helper()
	img, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(img.Close)
	return img
}

// Names that are suffixes of one long string would be n*n/2 bytes long, in a table of n bytes.
func TestLongNames(t *testing.T) {
	const sections, name, shdr = 20000, 4 << 20, 64
	le := binary.LittleEndian
	file := make([]byte, 64+sections*shdr, 64+sections*shdr+name)
	copy(file, "\x7fELF\x02\x01\x01")
	le.PutUint16(file[16:], uint16(elf.ET_REL))
	le.PutUint64(file[40:], 64) // e_shoff
	le.PutUint16(file[58:], shdr)
	le.PutUint16(file[60:], sections)
	le.PutUint16(file[62:], 1)
	for i := range uint32(sections) {
		h := file[64+i*shdr:]
		le.PutUint32(h, i)
		le.PutUint32(h[4:], uint32(elf.SHT_NOBITS))
	}
	names := file[64+shdr:]
	le.PutUint32(names[4:], uint32(elf.SHT_STRTAB))
	le.PutUint64(names[24:], uint64(len(file)))
	le.PutUint64(names[32:], name)
	file = append(append(file, bytes.Repeat([]byte("a"), name-1)...), 0)
	_, err := Parse("x.ko", file)
	want := "x.ko: section 0: name at offset 0 lies outside the name table, or is too long"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	for _, n := range []int{maxString - 1, maxString} {
		got, ok := CString(append(bytes.Repeat([]byte("a"), n), 0), 0)
		if fine := n < maxString; ok != fine || fine && len(got) != n {
			t.Errorf("a string of %d bytes: %d, %v", n, len(got), ok)
		}
	}
}
