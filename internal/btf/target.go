// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"strings"
)

// Target is the machine that a kernel or a module is for. Zero fields are unknown: ELF files name
// all three, raw BTF has only a byte order and, usually, the size of a long.
type Target struct {
	Machine elf.Machine
	Class   elf.Class
	Data    elf.Data // byte order
}

// longNames are the spellings of long and unsigned long of gcc and clang.
var longNames = map[string]bool{
	"long": true, "long int": true, "unsigned long": true, "long unsigned int": true,
}

// Target returns what the BTF of a kernel reveals of its machine.
func (b *Blob) Target() Target {
	t := Target{Data: elf.ELFDATA2LSB}
	if b.Order == binary.ByteOrder(binary.BigEndian) {
		t.Data = elf.ELFDATA2MSB
	}
	if len(b.Strings) == 0 || b.Strings[0] != 0 {
		return t // split BTF: the names are in its base
	}
	for pos := 0; pos < len(b.Types); {
		end, ok := typeEnd(b.Types, pos)
		if !ok {
			break
		}
		if r := b.Types[pos:end]; infoKind(le32(r[4:])) == KindInt {
			if name, err := b.str(le32(r)); err == nil && longNames[string(name)] {
				switch le32(r[8:]) {
				case 4:
					t.Class = elf.ELFCLASS32
				case 8:
					t.Class = elf.ELFCLASS64
				}
				break
			}
		}
		pos = end
	}
	return t
}

// Order returns the byte order; little endian if it is unknown.
func (t Target) Order() binary.ByteOrder {
	if t.Data == elf.ELFDATA2MSB {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// CheckBase returns an error if a base is for another machine. The error does not name the file
// that is split against the base.
func (t Target) CheckBase(path string, base Target) error {
	if differ(t.Machine, base.Machine) {
		return fmt.Errorf("a module for %s, but base %s is for %s: %s", t.name(), path, base.name(), useOwnBase)
	}
	if differ(t.Class, base.Class) || differ(t.Data, base.Data) {
		return fmt.Errorf("a module for %v, but base %s is for %v: %s", t, path, base, useOwnBase)
	}
	return nil
}

const useOwnBase = "use the base of the kernel that the module is built for"

// differ reports whether both values are known and different.
func differ[T comparable](a, b T) bool {
	var unknown T
	return a != unknown && b != unknown && a != b
}

// machineNames are the names of machines, by class if there are two.
var machineNames = map[elf.Machine][2]string{
	elf.EM_386:       {"i386", "i386"},
	elf.EM_X86_64:    {"x32", "x86-64"},
	elf.EM_ARM:       {"arm", "arm"},
	elf.EM_AARCH64:   {"arm64", "arm64"},
	elf.EM_S390:      {"s390", "s390x"},
	elf.EM_PPC:       {"powerpc", "powerpc"},
	elf.EM_PPC64:     {"powerpc64", "powerpc64"},
	elf.EM_RISCV:     {"riscv32", "riscv64"},
	elf.EM_LOONGARCH: {"loongarch32", "loongarch64"},
	elf.EM_MIPS:      {"mips", "mips64"},
	elf.EM_SPARCV9:   {"sparc64", "sparc64"},
}

// name returns the name of the machine, which is known.
func (t Target) name() string {
	names, ok := machineNames[t.Machine]
	switch {
	case !ok:
		return strings.ToLower(strings.TrimPrefix(t.Machine.String(), "EM_"))
	case t.Class == elf.ELFCLASS32:
		return names[0]
	}
	return names[1]
}

// String describes the target, such as "s390x (64-bit, big-endian)".
func (t Target) String() string {
	var is []string
	switch t.Class {
	case elf.ELFCLASS32:
		is = append(is, "32-bit")
	case elf.ELFCLASS64:
		is = append(is, "64-bit")
	}
	switch t.Data {
	case elf.ELFDATA2LSB:
		is = append(is, "little-endian")
	case elf.ELFDATA2MSB:
		is = append(is, "big-endian")
	}
	if t.Machine == elf.EM_NONE {
		return "a " + strings.Join(is, ", ") + " machine"
	}
	return fmt.Sprintf("%s (%s)", t.name(), strings.Join(is, ", "))
}
