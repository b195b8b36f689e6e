// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// writeBase writes raw BTF with this number of types, and with at least stringBytes of strings.
func writeBase(t *testing.T, path string, types, stringBytes int) {
	t.Helper()
	names := []byte("\x00in the base\x00")
	var records []byte
	put := func(words ...uint32) {
		for _, w := range words {
			records = binary.LittleEndian.AppendUint32(records, w)
		}
	}
	put(1, uint32(btf.KindInt)<<24, 4, btf.IntSigned<<24|32)
	for i := range types - 1 {
		put(uint32(len(names)), uint32(btf.KindTypedef)<<24, 1)
		names = fmt.Appendf(names, "t%d\x00", i)
	}
	if more := stringBytes - len(names); more > 0 {
		names = append(append(names, bytes.Repeat([]byte("x"), more-1)...), 0)
	}
	raw := []byte{0x9f, 0xeb, 1, 0, 24, 0, 0, 0}
	for _, x := range []int{0, len(records), len(records), len(names)} {
		raw = binary.LittleEndian.AppendUint32(raw, uint32(x))
	}
	if err := os.WriteFile(path, append(append(raw, records...), names...), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The kernel limits the types and strings of base and module together. At the limit a module is encoded; one
// more is an error, and the module is unchanged.
func TestLimits(t *testing.T) {
	dir := buildFixture(t, 5)
	ring, base := filepath.Join(dir, "ring.ko"), filepath.Join(dir, "base")
	detached := filepath.Join(dir, "ring.btf")
	plain := elftest.Read(t, ring)
	btfKo := func(args ...string) (string, int) {
		var out bytes.Buffer
		status := run(args, &out, &out)
		return out.String(), status
	}
	writeBase(t, base, 2, 0)
	out, status := btfKo("--btf_base", base, "--base_cache", "off", "--btf_encode_detached", detached, ring)
	if status != exitDone {
		t.Fatal(out)
	}
	dump, _ := btfKo("dump", "--btf_base", base, detached)
	newTypes := strings.Count("\n"+dump, "\n[")
	newStrings := int(binary.LittleEndian.Uint32(elftest.Read(t, detached)[20:])) // str_len
	for _, test := range []struct {
		name               string
		types, stringBytes int
		want               string
	}{
		{"ids that fit", btf.MaxTypeID - newTypes, 0, ""},
		{"one id too many", btf.MaxTypeID - newTypes + 1, 0,
			"ring.ko: 1048576 types in base and module together, more than the kernel's limit of 1048575"},
		{"no id left", btf.MaxTypeID, 0,
			fmt.Sprintf("ring.ko: %d types in base and module together, more than the kernel's limit of 1048575",
				btf.MaxTypeID+newTypes)},
		{"a base over the limit", btf.MaxTypeID + 1, 0,
			"base: 1048576 BTF types, more than the kernel's limit of 1048575"},
		{"strings that fit", 2, btf.MaxNameOffset - newStrings, ""},
		{"one byte of strings too many", 2, btf.MaxNameOffset - newStrings + 1,
			"ring.ko: 16777216 bytes of strings in base and module together, more than the kernel's limit of 16777215"},
	} {
		t.Run(test.name, func(t *testing.T) {
			writeBase(t, base, test.types, test.stringBytes)
			if err := os.WriteFile(ring, plain, 0o644); err != nil {
				t.Fatal(err)
			}
			out, status := btfKo("--btf_base", base, "--base_cache", "off", ring)
			if test.want != "" {
				if status != exitFailed || !strings.HasSuffix(out, "/"+test.want+"\n") || strings.Count(out, "\n") != 1 {
					t.Errorf("exit status %d, %s\nwant: %s", status, out, test.want)
				}
				if !bytes.Equal(elftest.Read(t, ring), plain) {
					t.Error("the module has changed")
				}
				return
			}
			if status != exitDone {
				t.Fatal(out)
			}
			if out, status := btfKo("verify", "--btf_base", base, ring); status != exitDone {
				t.Errorf("verify: %s", out)
			}
		})
	}
}

// Section numbers from SHN_LORESERVE (65,280) on are stored in .symtab_shndx (SHN_XINDEX). The per-CPU section
// of this module has such a number.
func TestManySections(t *testing.T) {
	dir := buildFixture(t, 5)
	var source strings.Builder
	for i := range int(elf.SHN_LORESERVE) {
		fmt.Fprintf(&source, ".section s%d,\"aw\"\n.byte 1\n", i)
	}
	if err := os.WriteFile(filepath.Join(dir, "many.s"), []byte(source.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	elftest.Run(t, dir, "as", "-o", "many.o", "many.s")
	elftest.Run(t, dir, "ld", "-r", "-o", "many.ko", "many.o", "ring.ko")
	vmlinux, ring := filepath.Join(dir, "vmlinux"), filepath.Join(dir, "ring.ko")
	many := filepath.Join(dir, "many.ko")
	before := elftest.Read(t, many)
	btfKo := func(args ...string) {
		t.Helper()
		var out bytes.Buffer
		if status := run(args, &out, &out); status != exitDone {
			t.Fatalf("%v: exit status %d\n%s", args, status, out.String())
		}
	}
	btfKo("--btf_base", vmlinux, ring, many)
	want, err := section(ring, ".BTF")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := section(many, ".BTF"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("BTF differs from that of ring.ko (%v)", err)
	}
	f, err := elf.Open(many)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	at := slices.IndexFunc(f.Sections, func(s *elf.Section) bool { return s.Name == ".data..percpu" })
	if at < int(elf.SHN_LORESERVE) {
		t.Errorf(".data..percpu is section %d, below SHN_LORESERVE", at)
	}
	btfKo("strip", many)
	if !bytes.Equal(elftest.Read(t, many), before) {
		t.Error("strip does not restore the original bytes")
	}
}
