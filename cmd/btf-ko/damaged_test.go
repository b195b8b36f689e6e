// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// damageable is a copy of ring.ko with the section headers at the start, so that a truncated copy still
// has them.
type damageable struct {
	data   []byte
	header map[string]int // offsets of the section headers, by section name
}

const (
	ehdrSize = 64 // Elf64_Ehdr, bytes
	shdrSize = 64 // Elf64_Shdr
	shType   = 4  // sh_type in Elf64_Shdr
	shOffset = 24 // sh_offset
	shSize   = 32
)

func headersFirst(t *testing.T, path string) *damageable {
	t.Helper()
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.NewFile(bytes.NewReader(old))
	if err != nil {
		t.Fatal(err)
	}
	le := binary.LittleEndian
	shoff := le.Uint64(old[40:])
	headers := bytes.Clone(old[shoff : shoff+shdrSize*uint64(len(f.Sections))])
	d := &damageable{header: map[string]int{}}
	for i, s := range f.Sections {
		h := headers[shdrSize*i:]
		le.PutUint64(h[shOffset:], le.Uint64(h[shOffset:])+uint64(len(headers)))
		d.header[s.Name] = ehdrSize + shdrSize*i
	}
	d.data = append(append(append(d.data, old[:ehdrSize]...), headers...), old[ehdrSize:shoff]...)
	le.PutUint64(d.data[40:], ehdrSize)
	return d
}

// put sets the field at offset off of a section's header.
func (d *damageable) put(section string, off int, v uint64) {
	binary.LittleEndian.PutUint64(d.data[d.header[section]+off:], v)
}

func (d *damageable) size(section string) uint64 {
	return binary.LittleEndian.Uint64(d.data[d.header[section]+shSize:])
}

func (d *damageable) contents(section string) []byte {
	h := d.data[d.header[section]:]
	off := binary.LittleEndian.Uint64(h[shOffset:])
	return d.data[off : off+binary.LittleEndian.Uint64(h[shSize:])]
}

// runOn runs btf-ko on a file with these bytes. On failure, stderr must be one line that begins with the
// file's name, and the file must be unchanged. failure is that line without the name.
func runOn(t *testing.T, vmlinux string, data []byte) (failure string, after []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.ko")
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, longAgo, longAgo); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	status := run([]string{"-q", "--btf_base", vmlinux, path}, &stderr, &stderr)
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if status == exitDone {
		return "", after
	}
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(after, data) || !st.ModTime().Equal(longAgo) {
		t.Errorf("failed, but changed the file: %s", stderr.String())
	}
	failure, named := strings.CutPrefix(stderr.String(), "btf-ko: "+path+": ")
	failure, line := strings.CutSuffix(failure, "\n")
	oneLine := line && !strings.Contains(failure, "\n")
	if status != exitFailed || !named || !oneLine || strings.Contains(failure, "internal error") {
		t.Errorf("exit status %d, stderr:\n%s", status, stderr.String())
	}
	return failure, after
}

func TestDamagedModule(t *testing.T) {
	dir := buildFixture(t, 5)
	tests := []struct {
		name   string
		damage func(d *damageable)
		want   string
	}{
		{"whole", func(d *damageable) {}, ""},
		{"32-bit header of a 64-bit file", func(d *damageable) { d.data[elf.EI_CLASS] = byte(elf.ELFCLASS32) },
			"no section headers"},
		{"unknown class", func(d *damageable) { d.data[elf.EI_CLASS] = 3 }, "unknown ELF class 3"},
		{"unknown byte order", func(d *damageable) { d.data[elf.EI_DATA] = 0 }, "unknown byte order 0"},
		{"other machine", func(d *damageable) { d.data[18] = byte(elf.EM_68K) },
			"a module for 68k, but base "},
		{".debug_info beyond the end", func(d *damageable) { d.put(".debug_info", shSize, 1<<40) },
			"truncated: section I .debug_info at offset O, 1099511627776 bytes, in a file of N"},
		{".debug_info at an offset that wraps", func(d *damageable) { d.put(".debug_info", shOffset, 1<<64-8) },
			"truncated: section I .debug_info at offset 18446744073709551608, S bytes, in a file of N"},
		{".debug_abbrev beyond the end", func(d *damageable) { d.put(".debug_abbrev", shOffset, 1<<40) },
			"truncated: section I .debug_abbrev at offset 1099511627776, S bytes, in a file of N"},
		{".symtab beyond the end", func(d *damageable) { d.put(".symtab", shSize, 1<<40) },
			"truncated: section I .symtab at offset O, 1099511627776 bytes, in a file of N"},
		{".rela.debug_info beyond the end", func(d *damageable) { d.put(".rela.debug_info", shSize, 1<<40) },
			"truncated: section I .rela.debug_info at offset O, 1099511627776 bytes, in a file of N"},
		{"empty .debug_info", func(d *damageable) { d.put(".debug_info", shSize, 0) },
			"no DWARF (.debug_info): build with CONFIG_DEBUG_INFO=y, before stripping"},
		{".debug_info is SHT_NOBITS", func(d *damageable) { d.data[d.header[".debug_info"]+shType] = byte(elf.SHT_NOBITS) },
			"no DWARF (.debug_info): build with CONFIG_DEBUG_INFO=y, before stripping"},
		{"half of .debug_abbrev", func(d *damageable) { d.put(".debug_abbrev", shSize, d.size(".debug_abbrev")/2) },
			".debug_info: unit at offset 0x0: .debug_abbrev: truncated table at offset 0x"},
		{"no abbreviations", func(d *damageable) { clear(d.contents(".debug_abbrev")) },
			".debug_info: DIE at offset 0xc: abbreviation "},
		{"unknown DWARF", func(d *damageable) { d.contents(".debug_info")[4] = 6 },
			".debug_info: unit at offset 0x0: DWARF version 6, only 2 to 5 are known"},
		{"oversized unit", func(d *damageable) { d.contents(".debug_info")[3] = 1 },
			".debug_info: unit at offset 0x0: 0x1"},
		{"no strings", func(d *damageable) { d.put(".debug_str", shSize, 1) }, "no string at offset 0x"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := headersFirst(t, filepath.Join(dir, "ring.ko"))
			test.damage(d)
			got, _ := runOn(t, filepath.Join(dir, "vmlinux"), d.data)
			if !strings.Contains(got, expand(test.want, d)) || (got == "") != (test.want == "") {
				t.Errorf("got:  %s\nwant: %s", got, expand(test.want, d))
			}
		})
	}
}

// expand replaces I, O, S and N in an error message by the section's index, offset and size and the file
// size.
func expand(want string, d *damageable) string {
	for name, h := range d.header {
		if strings.HasPrefix(want, "truncated: section I "+name+" ") {
			h0 := d.data[h:]
			return strings.NewReplacer(
				" I ", fmt.Sprintf(" %d ", (h-ehdrSize)/shdrSize),
				" O,", fmt.Sprintf(" %d,", binary.LittleEndian.Uint64(h0[shOffset:])),
				" S ", fmt.Sprintf(" %d ", binary.LittleEndian.Uint64(h0[shSize:])),
				" of N", fmt.Sprintf(" of %d", len(d.data)),
			).Replace(want)
		}
	}
	return want
}

// A truncated module is refused at every length, because the section names are near the end.
func TestTruncatedModule(t *testing.T) {
	dir := buildFixture(t, 5)
	d := headersFirst(t, filepath.Join(dir, "ring.ko"))
	for n := 0; n < len(d.data); n += 61 {
		failure, _ := runOn(t, filepath.Join(dir, "vmlinux"), d.data[:n])
		if failure == "" {
			t.Errorf("%d of %d bytes were encoded", n, len(d.data))
		}
	}
}

// A module with random damage is either refused, or gets BTF that can be read.
func TestRandomDamage(t *testing.T) {
	dir := buildFixture(t, 5)
	vmlinux := filepath.Join(dir, "vmlinux")
	base, err := btf.LoadSpec(vmlinux)
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(400) {
		d := headersFirst(t, filepath.Join(dir, "ring.ko"))
		rnd := rand.New(rand.NewPCG(1, seed))
		where := d.data
		if seed%2 == 0 {
			where = d.contents([]string{".debug_info", ".debug_abbrev", ".rela.debug_info", ".symtab"}[seed/2%4])
		}
		for range 1 + rnd.IntN(4) {
			where[rnd.IntN(len(where))] = byte(rnd.Uint32())
		}
		failure, after := runOn(t, vmlinux, d.data)
		if failure != "" {
			continue
		}
		if _, err := readSplit(after, base); err != nil {
			t.Errorf("seed %d: unreadable BTF: %v", seed, err)
		}
	}
}

// If a damaged base is refused, the module is unchanged. It may be accepted if only numbers are wrong.
func TestRandomlyDamagedBase(t *testing.T) {
	dir := buildFixture(t, 5)
	module, err := os.ReadFile(filepath.Join(dir, "ring.ko"))
	if err != nil {
		t.Fatal(err)
	}
	blob, err := section(filepath.Join(dir, "vmlinux"), ".BTF")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x.ko")
	base := filepath.Join(t.TempDir(), "base")
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(2, seed))
		damaged := bytes.Clone(blob)
		for range 1 + rnd.IntN(3) {
			damaged[rnd.IntN(len(damaged))] = byte(rnd.Uint32())
		}
		if err := os.WriteFile(base, damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, module, 0o644); err != nil {
			t.Fatal(err)
		}
		var stderr bytes.Buffer
		if run([]string{"-q", "--btf_base", base, path}, &stderr, &stderr) == exitDone {
			continue
		}
		got := stderr.String()
		if !strings.Contains(got, base) || strings.Count(got, "\n") != 1 || strings.Contains(got, "internal error") {
			t.Errorf("seed %d: %s", seed, got)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, module) {
			t.Errorf("seed %d: the module has changed (%v)", seed, err)
		}
	}
}
