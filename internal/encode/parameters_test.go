// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
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

// Declarations of functions that keep parameters alive.
const calls = "int ext(int); long long ext2(long long); "

// wideParameters are functions f with parameters that fill several registers. What is wanted is
// pahole's output, with which TestPaholeParameters compares it.
var wideParameters = []struct {
	name            string
	target          elftest.Target
	source          string
	rules130, rules bool // whether it is encoded
}{
	// GCC describes the value on entry of a pair of registers as DW_OP_regval_type.
	{"values on entry of pairs, swapped", elftest.GCC,
		"__int128 f(__int128 a, unsigned __int128 b) { return a + b; }", false, false},
	{"values on entry of pairs", elftest.GCC,
		"unsigned __int128 f(unsigned __int128 a, unsigned __int128 b) { return a > b ? a : b; }",
		false, false},
	{"a value on entry of one pair", elftest.S390,
		calls + "long long f(long long a) { long long x = ext2(a); return x + ext(a >> 32); }",
		false, true},
	{"a value on entry of the second pair", elftest.S390,
		calls + "int f(int a, int b, long long c) { return ext(a) + (int)ext2(c) + b; }",
		false, true},
	{"not needed after entry", elftest.GCC, "__int128 f(__int128 a) { return a * 3; }",
		true, true},
	// The convention passes these on the stack: one register is left, or none.
	{"moved from the stack to a pair", elftest.GCC, calls + `
			int f(int a, int b, int c, int d, int e, __int128 x) {
				while (a--) x = x * a + ext(b);
				return (int)(x >> 3);
			}`, true, false},
	{"a union moved from the stack to a pair", elftest.GCC, calls + `
			union u { long l[2]; __int128 w; };
			int f(int a, int b, int c, int d, int e, union u x) {
				while (a--) x.w = x.w * a + ext(b);
				return (int)(x.w >> 3);
			}`, true, false},
	{"after wide parameters", elftest.GCC, calls + `
			int f(__int128 a, __int128 b, int c, __int128 x) {
				while (c--) x = x * c + ext(c);
				return (int)(x >> 3);
			}`, false, false},
	{"after all registers", elftest.GCC, calls + `
			int f(__int128 a, __int128 b, int c, int d, __int128 x) {
				while (c--) x = x * c + ext(c);
				return (int)(x >> 3);
			}`, false, true},
}

func TestWideParameters(t *testing.T) {
	for _, tt := range wideParameters {
		for _, dwarf := range []string{"-gdwarf-4", "-gdwarf-5"} { // different location lists
			path := with(tt.target, "-O2", dwarf).build(t, tt.source).Path
			for rules, want := range map[Rules]bool{Rules130: tt.rules130, Rules132: tt.rules} {
				if got := hasF(encodeAndList(t, path,
					Options{Dialect: btf.Modern, Rules: rules})); got != want {
					t.Errorf("%s: %s, rules %d: encoded: %v, want %v",
						tt.name, dwarf, rules, got, want)
				}
			}
		}
	}
}

// machineParameters are functions f of machines that GCC does not compile for here. What is wanted
// is pahole's output, except for d11.
var machineParameters = []struct {
	name            string
	machine         elf.Machine
	clang           bool
	params          [][]byte // locations
	rules130, rules bool     // whether it is encoded
	d11             bool     // pahole 1.32 omits it
}{
	{"arm64", elf.EM_AARCH64, false, [][]byte{inReg(0), inReg(1)}, true, true, false},
	{"arm64, swapped", elf.EM_AARCH64, false, [][]byte{inReg(1), inReg(0)}, false, false, false},
	{"arm64, a float", elf.EM_AARCH64, false, [][]byte{inFloat}, true, true, false},
	{"arm64, clang, a float", elf.EM_AARCH64, true, [][]byte{inFloat}, true, true, false},
	{"arm64, a float last", elf.EM_AARCH64, false,
		[][]byte{inReg(0), inReg(1), inFloat}, true, true, false},
	{"arm64, a float on entry", elf.EM_AARCH64, false,
		[][]byte{inReg(0), floatOnEntry}, false, true, false},
	// The second parameter is where a tracer looks for the first one.
	{"arm64, a float first", elf.EM_AARCH64, false,
		[][]byte{inFloat, inReg(0)}, false, false, false},
	{"arm64, clang, a float first", elf.EM_AARCH64, true,
		[][]byte{inFloat, inReg(0)}, false, false, false},
	{"arm, a float last", elf.EM_ARM, true, [][]byte{inReg(0), inFloat}, true, true, false},

	{"riscv, clang", elf.EM_RISCV, true, [][]byte{inReg(10), inReg(11)}, true, true, true},
	{"riscv, clang, constant", elf.EM_RISCV, true, [][]byte{inReg(10), constant}, true, true, true},
	{"ppc64, clang", elf.EM_PPC64, true, [][]byte{inReg(3), inReg(4)}, true, true, true},
	{"ppc, clang", elf.EM_PPC, true, [][]byte{inReg(3), inReg(4)}, true, true, true},
	{"mips, clang", elf.EM_MIPS, true, [][]byte{inReg(4), inReg(5)}, true, true, true},
	{"riscv, gcc", elf.EM_RISCV, false, [][]byte{inReg(10), inReg(11)}, true, true, false},
	{"loongarch, clang", elf.EM_LOONGARCH, true, [][]byte{inReg(4), inReg(5)}, true, true, false},
}

// Locations. A floating-point register has no DW_OP_regN.
var (
	inFloat      = []byte{0x90, 64}                // DW_OP_regx
	floatOnEntry = []byte{0xa3, 2, 0x90, 64, 0x9f} // DW_OP_entry_value, DW_OP_stack_value
	constant     = []byte{0x30, 0x9f}              // DW_OP_lit0, DW_OP_stack_value
)

func inReg(n byte) []byte { return []byte{0x50 + n} }

func TestRegistersOfMachines(t *testing.T) {
	for _, tt := range machineParameters {
		path := handWritten(t, tt.machine, tt.clang, tt.params)
		for rules, want := range map[Rules]bool{Rules130: tt.rules130, Rules132: tt.rules} {
			if got := hasF(encodeAndList(t, path,
				Options{Dialect: btf.Modern, Rules: rules})); got != want {
				t.Errorf("%s, rules %d: encoded: %v, want %v", tt.name, rules, got, want)
			}
		}
	}
}

// handWritten returns a file for a machine with a function f, whose int parameters have these
// locations. Without relocations, only the machine's number distinguishes it from x86-64.
func handWritten(t *testing.T, m elf.Machine, clang bool, locations [][]byte) (path string) {
	t.Helper()
	producer := "GNU C17"
	if clang {
		producer = "clang version 19"
	}
	var params strings.Builder
	for i, expr := range locations {
		fmt.Fprintf(&params, ".uleb128 4; .asciz \"p%d\"; .4byte int-unit; .byte %d", i, len(expr))
		for _, b := range expr {
			fmt.Fprintf(&params, ", %d", b)
		}
		params.WriteByte('\n')
	}
	dir := t.TempDir()
	source := filepath.Join(dir, "f.S")
	if err := os.WriteFile(source, []byte(`
		.type f, @function
	f:
		.section .debug_abbrev
		.uleb128 1; .uleb128 0x11; .byte 1; .uleb128 0x25; .uleb128 0x08; .uleb128 0x13;
		.uleb128 0x05; .uleb128 0; .uleb128 0
		.uleb128 2; .uleb128 0x24; .byte 0; .uleb128 0x03; .uleb128 0x08; .uleb128 0x3e;
		.uleb128 0x0b; .uleb128 0x0b; .uleb128 0x0b; .uleb128 0; .uleb128 0
		.uleb128 3; .uleb128 0x2e; .byte 1; .uleb128 0x03; .uleb128 0x08; .uleb128 0; .uleb128 0
		.uleb128 4; .uleb128 0x05; .byte 0; .uleb128 0x03; .uleb128 0x08; .uleb128 0x49;
		.uleb128 0x13; .uleb128 0x02; .uleb128 0x18; .uleb128 0; .uleb128 0
		.byte 0
		.section .debug_info
	unit:	.4byte 9f-1f
	1:	.2byte 5; .byte 1, 8; .4byte 0
		.uleb128 1; .asciz "`+producer+`"; .2byte 0x1d
	int:	.uleb128 2; .asciz "int"; .byte 5, 4
		.uleb128 3; .asciz "f"
		`+params.String()+`
		.byte 0, 0
	9:`), 0o644); err != nil {
		t.Fatal(err)
	}
	elftest.Run(t, dir, "gcc", "-c", "f.S")
	path = filepath.Join(dir, "f.o")
	data := elftest.Read(t, path)
	binary.LittleEndian.PutUint16(data[18:], uint16(m)) // e_machine
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// hasF reports whether a BTF has the function f.
func hasF(lines []string) bool {
	return slices.ContainsFunc(lines,
		func(s string) bool { return strings.HasPrefix(s, "func f ") })
}
