// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"testing"
)

// intBlob returns BTF with one INT.
func intBlob(name string, size uint32, order binary.ByteOrder) *Blob {
	types := make([]byte, typeSize+4)
	put32(types, 1)
	put32(types[4:], info(KindInt, 0, false))
	put32(types[8:], size)
	return &Blob{Order: order, Types: types, Strings: []byte("\x00" + name + "\x00")}
}

func TestTargetOfRawBTF(t *testing.T) {
	for _, tt := range []struct {
		name  string
		size  uint32
		order binary.ByteOrder
		want  Target
	}{
		{"long int", 8, binary.LittleEndian, Target{0, elf.ELFCLASS64, elf.ELFDATA2LSB}},
		{"long unsigned int", 4, binary.LittleEndian, Target{0, elf.ELFCLASS32, elf.ELFDATA2LSB}},
		{"unsigned long", 8, binary.BigEndian, Target{0, elf.ELFCLASS64, elf.ELFDATA2MSB}},
		{"long", 4, binary.BigEndian, Target{0, elf.ELFCLASS32, elf.ELFDATA2MSB}},
		{"long", 16, binary.LittleEndian, Target{0, 0, elf.ELFDATA2LSB}}, // no machine has one
		{"long long int", 8, binary.LittleEndian, Target{0, 0, elf.ELFDATA2LSB}},
		{"int", 4, binary.BigEndian, Target{0, 0, elf.ELFDATA2MSB}},
	} {
		blob := intBlob(tt.name, tt.size, tt.order)
		if got := blob.Target(); got != tt.want {
			t.Errorf("%s, %d bytes: %v, want %v", tt.name, tt.size, got, tt.want)
		}
		blob.Types = append(blob.Types[:len(blob.Types):len(blob.Types)], 1, 2, 3) // damaged
		if got := blob.Target(); got != tt.want {
			t.Errorf("%s, damaged: %v, want %v", tt.name, got, tt.want)
		}
		split := *blob
		split.Strings = split.Strings[1:]
		if got := split.Target(); got.Class != 0 || got.Data != tt.want.Data {
			t.Errorf("%s, split: %v", tt.name, got)
		}
	}
}

func TestCheckBase(t *testing.T) {
	const le, be, c32, c64 = elf.ELFDATA2LSB, elf.ELFDATA2MSB, elf.ELFCLASS32, elf.ELFCLASS64
	for _, tt := range []struct {
		module, base Target
		of, is       string // the two in the error; empty if there is none
	}{
		{Target{elf.EM_AARCH64, c64, le}, Target{elf.EM_X86_64, c64, le}, "arm64", "x86-64"},
		{Target{elf.EM_S390, c64, be}, Target{elf.EM_X86_64, c64, le}, "s390x", "x86-64"},
		{Target{elf.EM_RISCV, c32, le}, Target{elf.EM_RISCV, c64, le},
			"riscv32 (32-bit, little-endian)", "riscv64 (64-bit, little-endian)"},
		{Target{elf.EM_AARCH64, c64, be}, Target{elf.EM_AARCH64, c64, le},
			"arm64 (64-bit, big-endian)", "arm64 (64-bit, little-endian)"},
		{Target{elf.EM_ARM, c32, le}, Target{0, c64, le}, "arm (32-bit, little-endian)", "a 64-bit, little-endian machine"},
		{Target{elf.EM_ARM, c32, le}, Target{0, 0, be}, "arm (32-bit, little-endian)", "a big-endian machine"},
		{Target{0, 0, be}, Target{elf.EM_PPC64, c64, le}, "a big-endian machine", "powerpc64 (64-bit, little-endian)"},
		{Target{elf.EM_68K, c32, be}, Target{elf.EM_ARM, c32, le}, "68k", "arm"},
		{Target{elf.EM_ARM, c32, le}, Target{0, c32, le}, "", ""},
		{Target{elf.EM_ARM, c32, le}, Target{}, "", ""},
		{Target{}, Target{elf.EM_ARM, c32, le}, "", ""},
	} {
		got := ""
		if err := tt.module.CheckBase("vmlinux", tt.base); err != nil {
			got = err.Error()
		}
		want := ""
		if tt.of != "" {
			want = fmt.Sprintf("a module for %s, but base vmlinux is for %s: %s", tt.of, tt.is, useOwnBase)
		}
		if got != want {
			t.Errorf("%v, %v: %q, want %q", tt.module, tt.base, got, want)
		}
	}
}
