// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"debug/elf"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/dwarf"
)

// A tracer finds parameters by the calling convention. The compiler may use other registers for a
// function if it knows all its callers. This file compares the parameters' locations in DWARF with
// the calling convention.

// paramReg is the register in which a parameter is passed.
type paramReg struct {
	known bool // DW_AT_location is present
	reg   int  // DWARF register number, or dwarf.NoRegister
}

// registers are the parameter registers of a calling convention.
type registers struct {
	list []int // DWARF register numbers, or anyRegister if unknown
	pair bool  // a struct that fits two registers is passed in two
}

// anyRegister stands for a register of a machine whose convention pahole does not know either. It is
// never unexpected: see D11 in docs/deviations.md.
const anyRegister = -1

// parameterRegisters returns the registers of the first integer parameters.
func parameterRegisters(m elf.Machine) registers {
	unknown := func(n int) []int {
		regs := make([]int, n)
		for i := range regs {
			regs[i] = anyRegister
		}
		return regs
	}
	switch m {
	case elf.EM_X86_64:
		// System V ABI, figure 3.4 and table 3.36: rdi, rsi, rdx, rcx, r8, r9.
		return registers{[]int{5, 4, 1, 2, 8, 9}, true}
	case elf.EM_S390:
		return registers{[]int{2, 3, 4, 5, 6}, false}
	case elf.EM_AARCH64, elf.EM_ARM:
		return registers{[]int{0, 1, 2, 3, 4, 5, 6, 7}, true}
	case elf.EM_MIPS, elf.EM_PPC, elf.EM_PPC64, elf.EM_RISCV:
		return registers{unknown(8), true}
	}
	return registers{nil, true}
}

// checkParameters130 applies Rules130: each parameter must be in the register of its position.
func (f *unitFunctions) checkParameters130(t *unitTypes) {
	for i := range f.list {
		s := &f.list[i]
		s.reordered = false
		structByValue := false
		for j, p := range f.paramsOf(s) {
			if p.passed.known && j < len(f.regs.list) && f.regs.list[j] != anyRegister {
				s.unexpectedReg = s.unexpectedReg ||
					t.d.InOtherRegister(s.unit, p.loc, f.regs.list[j])
			}
			structByValue = structByValue || t.isStruct(p.typ)
		}
		// pahole 1.30 does not track where structs are passed, nor the parameters after them.
		s.unexpectedReg = s.unexpectedReg && !structByValue
	}
}

// checkParameters132 applies Rules132: a parameter uses as many registers as its size requires,
// even if it is optimized out. Locations in out-of-line copies of an inline function also count for
// its abstract instance.
func (f *unitFunctions) checkParameters132(t *unitTypes, clang bool) {
	for i := range f.list {
		s := &f.list[i]
		for j := range f.paramsOf(s) {
			p := &f.params[s.first+j]
			if p.passed.known {
				p.passed.reg = t.d.ParameterRegister(s.unit, p.loc,
					f.regs.pair && t.registersFor(p.typ) > 1)
			}
		}
	}
	for i := range f.list {
		s := &f.list[i]
		if !s.abstract || s.declared {
			continue
		}
		for _, p := range f.paramsOf(s) {
			if o, ok := f.parameterAt(p.origin); ok && p.origin != 0 {
				to := &f.params[o].passed
				to.known = to.known || p.passed.known
				if p.passed.reg != dwarf.NoRegister {
					to.reg = p.passed.reg
				}
			}
		}
	}
	for i := range f.list {
		s := &f.list[i]
		s.nonstandardCC = clang && s.nocall && !s.inline
		f.checkRegisters(s, t, clang)
	}
}

// checkRegisters compares the parameters of a function with the registers of the calling
// convention.
func (f *unitFunctions) checkRegisters(s *subprogram, t *unitTypes, clang bool) {
	regs := f.regs.list
	next := 0 // index of the next parameter's register
	structByValue := false
	for j, p := range f.paramsOf(s) {
		slots := t.registersFor(p.typ)
		if !f.regs.pair {
			slots = 1
		}
		structByValue = structByValue || t.isStruct(p.typ)
		s.optimized = s.optimized || !p.passed.known
		s.uncertain = s.uncertain || j >= len(regs) && t.isPacked(p.typ)
		used := slots
		if used > 2 {
			used = 1
		}
		if clang && !s.nonstandardCC {
			if slots > 2 {
				continue
			}
			found := p.passed.reg == dwarf.NoRegister
			for k := next; k < min(next+slots, len(regs)); k++ {
				found = found || regs[k] == anyRegister || regs[k] == p.passed.reg
			}
			s.unexpectedReg = s.unexpectedReg || !found && next < len(regs)
			next += used
			continue
		}
		switch {
		case p.passed.known && next >= len(regs), !p.passed.known && clang:
			continue
		case p.passed.reg == dwarf.NoRegister:
			s.optimized = true
		case regs[next] != anyRegister && regs[next] != p.passed.reg:
			s.unexpectedReg = true
		}
		next += used
	}
	s.unexpectedReg = s.unexpectedReg && !structByValue
}

// registersFor returns the number of registers that a value of a type fills.
func (t *unitTypes) registersFor(ref btf.Ref) int {
	size, ok := t.size(ref)
	if !ok || size <= t.addrSize {
		return 1
	}
	return int(min((size+t.addrSize-1)/t.addrSize, 1<<16))
}

// isStruct reports whether a type is a struct, looking through typedefs and const.
func (t *unitTypes) isStruct(ref btf.Ref) bool {
	for range maxNesting {
		if ref == 0 {
			return false
		}
		switch typ := &t.unit.Types[ref-1]; typ.Kind {
		case btf.KindTypedef, btf.KindConst:
			ref = typ.To
		default:
			return typ.Kind == btf.KindStruct
		}
	}
	return false
}

// isPacked reports whether a type is a struct with a tag whose layout violates natural alignment.
// Its alignment on the stack is unknown. DWARF does not record the packed attribute, but a
// misaligned member or end implies it.
func (t *unitTypes) isPacked(ref btf.Ref) bool {
	if ref == 0 {
		return false
	}
	s := &t.unit.Types[ref-1]
	if s.Kind != btf.KindStruct || s.Name == 0 {
		return false
	}
	packed := false
	end, largest := uint64(0), uint64(1) // bits; bytes
	for _, m := range t.unit.Members[s.First : s.First+s.N] {
		offset, width := uint64(m.Offset), uint64(0)
		if s.KindFlag {
			offset, width = offset&0xffffff, offset>>24
		}
		if width == 0 {
			size, _ := t.size(m.Type)
			width = 8 * size
			align := t.alignment(m.Type)
			largest = max(largest, align)
			packed = packed || offset%(8*align) != 0
		}
		if offset > end {
			return false // a packed struct has no holes
		}
		end = max(end, offset+width)
	}
	size := uint64(s.Size)
	return end >= 8*size && (packed || size%largest != 0)
}

// alignment returns the natural alignment of a type in bytes.
func (t *unitTypes) alignment(ref btf.Ref) uint64 {
	if ref == 0 {
		return 1
	}
	switch typ := &t.unit.Types[ref-1]; typ.Kind {
	case btf.KindPtr:
		return t.addrSize
	case btf.KindInt, btf.KindFloat, btf.KindEnum, btf.KindEnum64:
		return max(uint64(typ.Size), 1)
	}
	if align, known := t.alignments[ref]; known {
		return align
	}
	if t.alignments == nil {
		t.alignments = map[btf.Ref]uint64{}
	}
	t.alignments[ref] = 1 // also ends recursion in a damaged file
	align := uint64(1)
	switch typ := &t.unit.Types[ref-1]; typ.Kind {
	case btf.KindStruct, btf.KindUnion:
		for _, m := range t.unit.Members[typ.First : typ.First+typ.N] {
			align = max(align, t.alignment(m.Type))
		}
	case btf.KindArray, btf.KindTypedef, btf.KindConst, btf.KindVolatile, btf.KindRestrict,
		btf.KindTypeTag:
		align = t.alignment(typ.To)
	}
	t.alignments[ref] = align
	return align
}
