// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// argumentRegisters are the DWARF numbers of the registers of the first three integer arguments, by
// each machine's ABI.
var argumentRegisters = map[elf.Machine][]int{
	elf.EM_X86_64:  {5, 4, 1}, // rdi, rsi, rdx
	elf.EM_AARCH64: {0, 1, 2},
	elf.EM_PPC64:   {3, 4, 5},
	elf.EM_PPC:     {3, 4, 5},
	elf.EM_RISCV:   {10, 11, 12},
	elf.EM_MIPS:    {4, 5, 6},
	elf.EM_S390:    {2, 3, 4},
	elf.EM_ARM:     {0, 1, 2},
	elf.EM_386:     {NoRegister, NoRegister, NoRegister}, // on the stack
}

// Parameters of external functions are in the registers of the ABI, whatever happens to them later.
func TestParameterRegister(t *testing.T) {
	for _, target := range elftest.Targets {
		for _, f := range flavours {
			t.Run(target.Name+" "+f.name, func(t *testing.T) {
				if f.only64 && target.Bits == 32 {
					return
				}
				d := load(t, elftest.Object(t, target, "params.c", f.flags...), everything())
				units, err := d.Units()
				if err != nil {
					t.Fatal(err)
				}
				r := d.Reader(&units[0])
				function, nth, seen, lists := "", 0, 0, 0
				for r.Next() {
					switch r.Tag {
					case TagSubprogram:
						name, err := r.StringAttr(AttrName)
						if err != nil {
							t.Fatal(err)
						}
						function, nth = string(name), 0
					case TagFormalParameter:
						if !r.Has(AttrLocation) {
							continue // the declaration of opaque
						}
						if r.Class[AttrLocation] != ClassExpr {
							lists++
						}
						if d.Image.Machine == elf.EM_MIPS && function == "forgotten" {
							seen++
							// clang only records where this function copies its second parameter to
							continue
						}
						want := argumentRegisters[d.Image.Machine][nth]
						if got := d.ParameterRegister(r.u, r.Location(), false); got != want {
							t.Errorf("%s, parameter %d: register %d, want %d",
								function, nth, got, want)
						}
						if d.InOtherRegister(r.u, r.Location(), want) {
							t.Errorf("%s, parameter %d: in another register than %d",
								function, nth, want)
						}
						nth++
						seen++
					}
				}
				if seen != 9 {
					t.Errorf("%d parameters with a location, want 9", seen)
				}
				if lists == 0 && d.Image.Machine != elf.EM_386 {
					t.Error("no location list: nothing tested")
				}
			})
		}
	}
}

// list5 has DW_LLE entries and end_of_list; list4 pairs of addresses, each with an expression.
func list5(entries ...[]byte) []byte { return append(slices.Concat(entries...), 0) }

func list4(exprs ...[]byte) (list []byte) {
	for i, e := range exprs {
		list = binary.LittleEndian.AppendUint64(list, uint64(16*i))
		list = binary.LittleEndian.AppendUint64(list, uint64(16*i+16))
		list = binary.LittleEndian.AppendUint16(list, uint16(len(e)))
		list = append(list, e...)
	}
	return append(list, make([]byte, 16)...)
}

func sized(expr ...byte) []byte { return append([]byte{byte(len(expr))}, expr...) }

// Which of a parameter's locations determines its register, and whether it is another one than rdi.
func TestFirstRegister(t *testing.T) {
	const stackValue, fbreg, lit0, regvalType = 0x9f, 0x91, 0x30, 0xa5
	rdi, rbx := byte(opReg0+5), byte(opReg0+3)
	entry := []byte{opEntryValue, 1, rdi, stackValue}
	entryRBX := []byte{opEntryValue, 1, rbx, stackValue}
	entryPair := []byte{opEntryValue, 3, regvalType, 5, 1, stackValue}
	for _, test := range []struct {
		name  string
		exprs [][]byte
		want  int
		other bool
	}{
		{"one register", [][]byte{{rdi}}, 5, false},
		{"another register", [][]byte{{rbx}}, 3, true},
		{"the first register", [][]byte{{rdi}, {rbx}}, 5, false},
		{"regx", [][]byte{{opRegx, 64}}, NoRegister, false},
		{"long regx", [][]byte{{opRegx, 0x80, 2}}, NoRegister, false},
		{"regx without a number", [][]byte{{opRegx}}, NoRegister, false},
		{"stack", [][]byte{{fbreg, 0}}, NoRegister, false},
		{"stack, then a register", [][]byte{{fbreg, 0}, {rbx}}, NoRegister, false},
		{"nothing", [][]byte{{}}, NoRegister, false},
		{"no value, then a register", [][]byte{{}, {rbx}}, NoRegister, false},
		{"a piece of a register", [][]byte{{rbx, opPiece, 4}}, 3, false},
		{"a piece of a register later", [][]byte{{fbreg, 0}, {rbx, opPiece, 4}}, NoRegister, false},
		{"value on entry", [][]byte{entry}, 5, false},
		{"value on entry, GNU's", [][]byte{{opGNUEntryVal, 1, rdi, stackValue}}, 5, false},
		{"register, then its value on entry", [][]byte{{rbx}, entryRBX}, 3, true},
		{"register, then the value of another on entry", [][]byte{{rbx}, entry}, 3, false},
		{"constant, then the value on entry", [][]byte{{lit0, stackValue}, {rbx}, entry}, 5, false},
		{"two values on entry", [][]byte{{lit0, stackValue}, entryRBX, entry}, 3, false},
		{"value on entry of a numbered register",
			[][]byte{{opEntryValue, 2, opRegx, 64, stackValue}}, NoRegister, true},
		{"value on entry of a pair of registers", [][]byte{entryPair}, NoRegister, true},
		{"pair, then its value on entry", [][]byte{{rdi, opPiece, 8, rbx, opPiece, 8}, entryPair},
			5, true},
		{"register, then the value of a pair on entry", [][]byte{{rdi}, entryPair}, 5, false},
		{"value of a pair on entry, then of a register", [][]byte{entryPair, entry}, 5, false},
		{"value on entry of the stack", [][]byte{{opEntryValue, 2, fbreg, 0}}, NoRegister, true},
		{"value on entry of two operations",
			[][]byte{{opEntryValue, 3, rbx, opPiece, 4, stackValue}}, NoRegister, false},
		{"computed from a value on entry",
			[][]byte{{opEntryValue, 1, rbx, opPlusUconst, 1, stackValue}}, NoRegister, false},
		{"truncated value on entry", [][]byte{{opEntryValue, 9, rdi}}, NoRegister, false},
		{"value on entry without a size", [][]byte{{opEntryValue}}, NoRegister, false},
		{"value on entry of nothing", [][]byte{{opEntryValue, 0, stackValue}}, NoRegister, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if len(test.exprs) == 1 {
				check(t, "expression",
					test.want, test.other,
					(&builder{abbrev: parameterIn(formExprloc)}).unit5(append([]byte{1},
						append(sized(test.exprs[0]...), 0)...)...))
			}
			var offsetPairs, startEnds, startLengths [][]byte
			for i, e := range test.exprs {
				offsetPairs = append(offsetPairs,
					append([]byte{4, byte(16 * i), byte(16*i + 16)}, sized(e...)...))
				startEnds = append(startEnds,
					append(append([]byte{7}, make([]byte, 16)...), sized(e...)...))
				startLengths = append(startLengths,
					append(append([]byte{8}, make([]byte, 8)...),
						append([]byte{16}, sized(e...)...)...))
			}
			baseAddress := append([]byte{6}, make([]byte, 8)...)
			baseAddressx := []byte{1, 0x80, 1}
			view := []byte{9, 1, 0x80, 1}
			for name, list := range map[string][]byte{
				"offset pairs":  list5(offsetPairs...),
				"base address":  list5(append([][]byte{baseAddress, view}, offsetPairs...)...),
				"base addressx": list5(append([][]byte{baseAddressx}, offsetPairs...)...),
				"start, end":    list5(startEnds...),
				"start, length": list5(startLengths...),
				"without end":   slices.Concat(offsetPairs...),
				"default": list5(append([]byte{5}, sized(test.exprs[0]...)...),
					slices.Concat(offsetPairs[1:]...)),
			} {
				b := &builder{abbrev: parameterIn(formSecOffset),
					loclists: append(make([]byte, 12), list...)}
				check(t, "loclists, "+name, test.want, test.other, b.unit5(1, 12, 0, 0, 0, 0))

				// The same through the offset table: list 1 of 2.
				b = &builder{abbrev: parameterIn(formLoclistx),
					loclists: append(make([]byte, 12), 99, 0, 0, 0, 8, 0, 0, 0)}
				b.loclists = append(b.loclists, list...)
				check(t, "loclistx, "+name, test.want, test.other, b.unit5(1, 1, 0))
			}
			for name, list := range map[string][]byte{
				"offsets": list4(test.exprs...),
				"base address": slices.Concat([]byte{255, 255, 255, 255, 255, 255, 255, 255, 0, 16,
					0, 0, 0, 0, 0, 0}, list4(test.exprs...)),
			} {
				if name == "offsets" && len(test.exprs[0]) == 0 {
					continue
				}
				b := &builder{abbrev: parameterIn(formSecOffset), loc: append([]byte{7}, list...)}
				// Version 4: length, version, offset of abbreviations, address size.
				b.info = []byte{13, 0, 0, 0, 4, 0, 0, 0, 0, 0, 8, 1, 1, 0, 0, 0, 0}
				check(t, "loc, "+name, test.want, test.other, b)
			}
		})
	}
}

// parameterIn is abbreviation 1: a parameter with a location of some form.
func parameterIn(form byte) []byte {
	return []byte{1, byte(TagFormalParameter), 1, 0x02, form, 0, 0, 0}
}

func check(t *testing.T, how string, want int, other bool, b *builder) {
	t.Helper()
	d := b.data()
	units, err := d.Units()
	if err != nil {
		t.Fatal(err)
	}
	r := d.Reader(&units[0])
	if !r.Next() {
		t.Fatalf("%s: no DIE: %v", how, r.Err())
	}
	if got := d.ParameterRegister(r.u, r.Location(), false); got != want {
		t.Errorf("%s: register %d, want %d", how, got, want)
	}
	if got := d.InOtherRegister(r.u, r.Location(), 5); got != other {
		t.Errorf("%s: in another register than 5: %v, want %v", how, got, other)
	}
}

// The address of a variable is that of its symbol: a section offset in a relocatable file, an
// address in a linked one.
func TestVarAddr(t *testing.T) {
	variables := []string{"counter", "other_counter", "hidden_counter", "everything"}
	places := func(t *testing.T, path string) {
		t.Helper()
		d := load(t, path, everything())
		syms, err := d.Image.SymbolTable()
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]VarAddr{}
		for i := range syms.Len() {
			s := syms.At(i)
			if name := string(syms.Name(&s)); slices.Contains(variables, name) {
				want[name] = VarAddr{s.Section, s.Value}
				if d.Image.Type != elf.ET_REL {
					want[name] = VarAddr{0, s.Value}
				}
			}
		}
		got := map[string]VarAddr{}
		units, err := d.Units()
		if err != nil {
			t.Fatal(err)
		}
		for i := range units {
			r := d.Reader(&units[i])
			for r.Next() {
				if r.Tag != TagVariable || !r.Has(AttrLocation) {
					continue
				}
				name, err := r.StringAttr(AttrName)
				if err != nil {
					t.Fatal(err)
				}
				if p, ok := r.VarAddr(); ok && slices.Contains(variables, string(name)) {
					got[string(name)] = p
				}
			}
		}
		for _, name := range variables {
			if got[name] != want[name] || got[name] == (VarAddr{}) {
				t.Errorf("%s: %+v, want %+v", name, got[name], want[name])
			}
		}
	}
	for _, target := range elftest.Targets {
		for _, f := range flavours {
			if f.only64 && target.Bits == 32 {
				continue
			}
			t.Run(target.Name+" "+f.name, func(t *testing.T) {
				object := elftest.Object(t, target, "kinds.c", f.flags...)
				places(t, object)
				if target.LD != nil && f.name == "DWARF 5" {
					places(t, linked(t, target, object))
				}
			})
		}
	}
}

// linked links an object into a program.
func linked(t *testing.T, target elftest.Target, object string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "linked")
	target.Link(t, "", "-z", "undefs", "-e", "0", "-o", path, object)
	return path
}

func TestVarAddrHandWritten(t *testing.T) {
	address := []byte{0x10, 0x32, 0x54, 0x76, 0, 0, 0, 0}
	at := uint64(0x76543210)
	for _, test := range []struct {
		name string
		expr []byte
		want uint64 // 0: no address
	}{
		{"address", slices.Concat([]byte{opAddr}, address), at},
		{"address and a constant",
			slices.Concat([]byte{opAddr}, address, []byte{opPlusUconst, 0x81, 1}), at + 129},
		{"indexed address", []byte{opAddrx, 1}, at},
		{"indexed address, GNU's", []byte{opGNUAddrIndex, 1}, at},
		{"indexed address and a constant", []byte{opAddrx, 1, opPlusUconst, 4}, at + 4},
		{"index beyond the table", []byte{opAddrx, 2}, 0},
		{"index that overflows",
			[]byte{opAddrx, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
			0},
		{"no index", []byte{opAddrx}, 0},
		{"truncated address", []byte{opAddr, 0, 0, 0, 0}, 0},
		// DW_OP_stack_value
		{"address and something else", slices.Concat([]byte{opAddr}, address, []byte{0x9f}), 0},
		{"address and a constant and something else",
			slices.Concat([]byte{opAddr}, address, []byte{opPlusUconst, 4, 0x9f}), 0},
		{"address and no constant", slices.Concat([]byte{opAddr}, address, []byte{opPlusUconst}),
			0},
		{"register", []byte{opReg0}, 0},
		{"nothing", nil, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := &builder{abbrev: parameterIn(formExprloc),
				addr: slices.Concat(make([]byte, 8), make([]byte, 8), address)}
			d := b.unit5(append([]byte{1}, append(sized(test.expr...), 0)...)...).data()
			units, err := d.Units()
			if err != nil {
				t.Fatal(err)
			}
			r := d.Reader(&units[0])
			if !r.Next() {
				t.Fatal(r.Err())
			}
			p, ok := r.VarAddr()
			if got := fmt.Sprint(p.Addr, ok); ok != (test.want != 0) ||
				ok && (p != VarAddr{Addr: test.want}) {
				t.Errorf("got %s, want %#x", got, test.want)
			}
		})
	}
}

// The part of a list, and of an expression, that is read is limited.
func TestLongLocationLists(t *testing.T) {
	b := &builder{loclists: bytes.Repeat([]byte{5, 1, opReg0}, 1<<16)} // DW_LLE_default_location
	n := 0
	b.data().eachExpr(&Unit{Version: 5, AddrSize: 8, offSize: 4}, Location{ClassSecOffset, 0},
		func([]byte) bool {
			n++
			return true
		})
	if n != maxLocations {
		t.Errorf("%d locations visited, want %d", n, maxLocations)
	}
	b = &builder{loclists: append([]byte{5, 0x80, 0x10}, make([]byte, 2048)...)} // 2048 bytes long
	b.data().eachExpr(&Unit{Version: 5, AddrSize: 8, offSize: 4}, Location{ClassSecOffset, 0},
		func(expr []byte) bool {
			t.Errorf("an expression of %d bytes is visited", len(expr))
			return true
		})
}
