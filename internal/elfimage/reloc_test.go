// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfimage

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// Relocated sections equal a linker's output with every section at address 0.
func TestRelocate(t *testing.T) {
	for _, target := range elftest.Targets {
		for _, dwarf := range []string{"-gdwarf-4", "-gdwarf-5"} {
			if target.LD == nil {
				continue // package dwarf compares it with debug/dwarf
			}
			t.Run(target.Name+dwarf, func(t *testing.T) {
				object := elftest.Object(t, target, "ring.c", dwarf)
				img, linked := open(t, object), open(t, linkAtZero(t, target, object))
				relocated := 0
				for i := range img.Sections {
					s := &img.Sections[i]
					if !strings.HasPrefix(s.Name, ".debug_") {
						continue
					}
					r, err := img.Relocate(s)
					if err != nil {
						t.Fatal(err)
					}
					if len(r.rela) > 0 {
						relocated++
					}
					want, err := linked.Contents(linked.Section(s.Name))
					if err != nil {
						t.Fatal(err)
					}
					if got := throughCursor(r); !bytes.Equal(got, want) {
						at := 0
						for at < min(len(got), len(want)) && got[at] == want[at] {
							at++
						}
						t.Errorf("%s differs at offset %#x: %x, want %x",
							s.Name, at, got[at:min(at+16, len(got))],
							want[at:min(at+16, len(want))])
					}
				}
				if relocated < 3 {
					t.Errorf("%d sections with relocations: nothing tested", relocated)
				}
			})
		}
	}
}

// lazy reports whether no relocation of a section has been applied.
func lazy(r *Relocated) bool { return len(r.rela) > 0 && len(r.pending) == len(r.rela) }

// throughCursor returns a section with each relocated field replaced by the cursor's value.
func throughCursor(r *Relocated) []byte {
	out := bytes.Clone(r.Data)
	o := r.img.Order
	c := r.Cursor(0)
	var last uint64
	for e := r.rela; len(e) >= relaSize; e = e[relaSize:] {
		off, typ := binary.LittleEndian.Uint64(e), uint32(binary.LittleEndian.Uint64(e[8:]))
		if off < last {
			panic("not sorted")
		}
		last = off
		switch typ {
		case r.abs.abs32, r.abs.abs32s:
			o.PutUint32(out[off:], uint32(c.Value(off, uint64(o.Uint32(out[off:])))))
		case r.abs.abs64:
			o.PutUint64(out[off:], c.Value(off, o.Uint64(out[off:])))
		}
	}
	return out
}

// linkAtZero links an object with each of its sections at address 0, overlapping.
func linkAtZero(t *testing.T, target elftest.Target, object string) (path string) {
	t.Helper()
	f, err := elf.Open(object)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	script := "SECTIONS {\n"
	for _, s := range f.Sections {
		if s.Flags&elf.SHF_ALLOC != 0 {
			script += fmt.Sprintf("%s 0 : { *(%s) }\n", s.Name, s.Name)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "script"), []byte(script+"}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	flags := []string{"-T", "script", "-O0", "--no-relax", "--no-check-sections", "-z", "undefs",
		"-e", "0", "-o", "linked"}
	if target.LD[0] != "ld.lld" {
		// Unlike ld.lld with -O0, GNU ld always merges strings.
		plain := filepath.Join(dir, "plain.o")
		elftest.Run(t, dir, target.Objcopy,
			"--set-section-flags=.debug_*str=contents,readonly,debug", object, plain)
		object = plain
	}
	target.Link(t, dir, append(flags, object)...)
	return filepath.Join(dir, "linked")
}

// A cursor may start anywhere, skip fields, and look ahead in a copy.
func TestCursor(t *testing.T) {
	img := open(t, elftest.Object(t, elftest.GCC, "ring.c", "-gdwarf-4"))
	r, err := img.Relocate(img.Section(".debug_info"))
	if err != nil {
		t.Fatal(err)
	}
	if !lazy(r) {
		t.Fatal("relocations were applied to a copy")
	}
	all := throughCursor(r)
	var offs []uint64
	for e := r.rela; len(e) > 0; e = e[relaSize:] {
		offs = append(offs, binary.LittleEndian.Uint64(e))
	}
	want := func(off uint64) uint64 { return uint64(binary.LittleEndian.Uint32(all[off:])) }
	for i, off := range offs {
		c := r.Cursor(off)
		if got := uint64(uint32(c.Value(off, 0))); got != want(off) {
			t.Fatalf("at %#x: %#x, want %#x", off, got, want(off))
		}
		ahead := c
		if i+3 < len(offs) {
			if got := uint64(uint32(ahead.Value(offs[i+3], 0))); got != want(offs[i+3]) {
				t.Fatalf("from %#x at %#x: %#x, want %#x", off, offs[i+3], got, want(offs[i+3]))
			}
		}
		if got := c.Value(off+1, 12345); got != 12345 {
			t.Fatalf("at %#x, where no field is: %#x", off+1, got)
		}
	}
}

// The symbol of a field is found in all forms of relocation.
func TestSymbolOfField(t *testing.T) {
	for _, target := range elftest.Targets {
		t.Run(target.Name, func(t *testing.T) {
			img := open(t, elftest.Object(t, target, "ring.c", "-gdwarf-4"))
			r, err := img.Relocate(img.Section(".debug_info"))
			if err != nil {
				t.Fatal(err)
			}
			percpu := img.Section(".data..percpu")
			found := 0
			for off := range uint64(len(r.Data)) {
				if s, addend, ok, _ := r.Symbol(off); ok && int(s.Section) == percpu.Index &&
					s.Value+uint64(addend) == 0 {
					found++
				}
			}
			if found != 1 { // DW_OP_addr of ring_stats
				t.Errorf("%d fields refer to the start of .data..percpu, want 1", found)
			}
		})
	}
}

func swapEntries(a, b []byte) {
	e := bytes.Clone(a[:relaSize])
	copy(a, b[:relaSize])
	copy(b, e)
}

// Relocations that are unsorted, unknown, or wrong.
func TestOddRelocations(t *testing.T) {
	object := elftest.Read(t, elftest.Object(t, elftest.GCC, "ring.c", "-gdwarf-4"))
	img, err := Parse("x.o", object)
	if err != nil {
		t.Fatal(err)
	}
	info, rela := img.Section(".debug_info"), img.Section(".rela.debug_info")
	sorted, err := img.Relocate(info)
	if err != nil {
		t.Fatal(err)
	}
	want := throughCursor(sorted)

	change := func(edit func(data, rela []byte)) (*Relocated, error) {
		data := bytes.Clone(object)
		edit(data, data[rela.Offset:rela.Offset+rela.Size])
		img, err := Parse("x.o", data)
		if err != nil {
			t.Fatal(err)
		}
		return img.Relocate(img.Section(".debug_info"))
	}
	t.Run("reversed", func(t *testing.T) {
		r, err := change(func(_, rela []byte) {
			for i, j := 0, len(rela)-relaSize; i < j; i, j = i+relaSize, j-relaSize {
				swapEntries(rela[i:], rela[j:])
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if lazy(r) || !bytes.Equal(r.Data, want) {
			t.Error("values differ from sequential reads")
		}
		c := r.Cursor(0)
		if c.Value(6, 77) != 77 {
			t.Error("a cursor changes a value that is already relocated")
		}
	})
	t.Run("symbol out of range", func(t *testing.T) {
		r, err := change(func(_, rela []byte) { binary.LittleEndian.PutUint32(rela[12:], 1<<30) })
		if err != nil {
			t.Fatal(err)
		}
		off := binary.LittleEndian.Uint64(r.rela)
		c := r.Cursor(0)
		if got := c.Value(off, 5); got != 5 {
			t.Errorf("value %#x, want the field's own", got)
		}
		_, _, ok, err := r.Symbol(off)
		if ok {
			t.Error("has a symbol")
		}
		for _, err := range []error{err, c.Err()} {
			if err == nil || !strings.Contains(err.Error(), "relocation against symbol 1073741824 of ") {
				t.Errorf("got %v", err)
			}
		}
	})
	// Sorted, and applied to a copy.
	for _, swap := range []bool{false, true} {
		t.Run(fmt.Sprintf("unknown type, applied %t", swap), func(t *testing.T) {
			r, err := change(func(_, rela []byte) {
				binary.LittleEndian.PutUint32(rela[8:], 200) // the first
				if swap {
					swapEntries(rela[relaSize:], rela[2*relaSize:])
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if lazy(r) == swap {
				t.Fatalf("lazy: %t", lazy(r))
			}
			off := binary.LittleEndian.Uint64(r.rela)
			c := r.Cursor(0)
			if c.Value(off-1, 5); c.Err() != nil {
				t.Errorf("another field: %v", c.Err())
			}
			c.Value(off, 5)
			_, _, _, err = r.Symbol(off)
			for _, err := range []error{err, c.Err()} {
				if want := fmt.Sprintf(".debug_info: offset %#x: relocation type 200 is not known for "+
					"machine EM_X86_64: damaged file?", off); err == nil || err.Error() != want {
					t.Errorf("got %v, want %s", err, want)
				}
			}
		})
	}
	t.Run("type NONE", func(t *testing.T) {
		r, err := change(func(_, rela []byte) { binary.LittleEndian.PutUint32(rela[8:], noRelocation) })
		if err != nil {
			t.Fatal(err)
		}
		c := r.Cursor(0)
		if got := c.Value(binary.LittleEndian.Uint64(r.rela), 5); got != 5 || c.Err() != nil {
			t.Errorf("value %#x, %v, want the field's own", got, c.Err())
		}
	})
	t.Run("outside of the section", func(t *testing.T) {
		// the first: no longer sorted
		_, err := change(func(_, rela []byte) { binary.LittleEndian.PutUint64(rela, info.Size-3) })
		if err == nil || !strings.Contains(err.Error(),
			"x.o: section .rela.debug_info: offset 0x") ||
			!strings.Contains(err.Error(), ": relocation outside the section of ") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("machine", func(t *testing.T) {
		_, err := change(func(data, _ []byte) {
			binary.LittleEndian.PutUint16(data[18:],
				uint16(elf.EM_68K))
		})
		if err == nil || err.Error() != "x.o: relocations of machine EM_68K are not known" {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no section", func(t *testing.T) {
		r, err := img.Relocate()
		if err != nil || len(r.Data) != 0 {
			t.Errorf("got %v, %v", r, err)
		}
		c := r.Cursor(3)
		if c.Value(3, 9) != 9 {
			t.Error("a value without a relocation")
		}
		if _, _, ok, _ := r.Symbol(3); ok {
			t.Error("a symbol without a relocation")
		}
	})
}

// Unsorted relocations are detected anywhere, also if two threads share the check.
func TestSortedRela(t *testing.T) {
	for _, n := range []int{0, 1, 2, largeRela/relaSize - 1, largeRela/relaSize + 1,
		largeRela/relaSize + 2} {
		raw := make([]byte, n*relaSize)
		for i := range n {
			binary.LittleEndian.PutUint64(raw[i*relaSize:], uint64(i+1))
		}
		if !sortedRela(raw) {
			t.Errorf("%d sorted entries reported as unsorted", n)
		}
		for _, at := range []int{1, n/2 - 1, n / 2, n/2 + 1, n - 1} {
			if at < 1 || at >= n {
				continue
			}
			binary.LittleEndian.PutUint64(raw[at*relaSize:], 0)
			if sortedRela(raw) {
				t.Errorf("%d entries, unsorted at %d, reported as sorted", n, at)
			}
			binary.LittleEndian.PutUint64(raw[at*relaSize:], uint64(at+1))
		}
	}
}
