// SPDX-License-Identifier: GPL-2.0-only

package encode

import (
	"debug/elf"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/dwarf"
)

// A tracer finds parameters by the calling convention. The compiler may have had other ideas for a function that it knows all
// callers of; where DWARF says that a parameter is tells.

// place is where a parameter of a function arrives.
type place struct {
	known bool // DW_AT_location is there
	reg   int  // DWARF register number, or dwarf.NoRegister
}

// registers is what a calling convention passes parameters in.
type registers struct {
	list []int // DWARF register numbers, anyRegister where they are not told
	pair bool  // a struct of two registers' size is passed in two
}

const anyRegister = -1

// parameterRegisters gives the registers that pass the first integer parameters.
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
		return registers{[]int{5, 4, 1, 2, 8, 9}, true} // rdi, rsi, rdx, rcx, r8, r9: System V ABI, figure 3.4 and table 3.36
	case elf.EM_S390:
		return registers{[]int{2, 3, 4, 5, 6}, false}
	case elf.EM_AARCH64, elf.EM_ARM:
		return registers{[]int{0, 1, 2, 3, 4, 5, 6, 7}, true}
	case elf.EM_MIPS, elf.EM_PPC, elf.EM_PPC64, elf.EM_RISCV:
		return registers{unknown(8), true}
	}
	return registers{nil, true}
}

// lookAtParameters applies Rules130: a parameter is expected in the register of its position.
func (f *unitFunctions) lookAtParameters(t *unitTypes) {
	for i := range f.list {
		s := &f.list[i]
		s.reordered = false
		structByValue := false
		for j, p := range f.paramsOf(s) {
			if p.at.known && j < len(f.regs.list) && f.regs.list[j] != anyRegister {
				reg := t.d.ParameterRegister(s.unit, p.loc)
				s.unexpectedReg = s.unexpectedReg || reg != dwarf.NoRegister && reg != f.regs.list[j]
			}
			structByValue = structByValue || t.isStruct(p.typ)
		}
		// Where a struct arrives is not looked at, and so not where the parameters after it do.
		s.unexpectedReg = s.unexpectedReg && !structByValue
	}
}

// lookCloserAtParameters applies Rules132: a parameter takes as many registers as its size asks for, also one that is not there. What
// the out-of-line copies of an inline function say holds for its abstract instance too.
func (f *unitFunctions) lookCloserAtParameters(t *unitTypes, clang bool) {
	for i := range f.list {
		s := &f.list[i]
		for j := range f.paramsOf(s) {
			p := &f.params[s.first+j]
			if p.at.known {
				p.at.reg = t.d.ParameterRegisters(s.unit, p.loc, f.regs.pair && t.slots(p.typ) > 1)
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
				to := &f.params[o].at
				to.known = to.known || p.at.known
				if p.at.reg != dwarf.NoRegister {
					to.reg = p.at.reg
				}
			}
		}
	}
	for i := range f.list {
		s := &f.list[i]
		s.changed = clang && s.nocall && !s.inline
		f.walk(s, t, clang)
	}
}

// walk goes along the parameters of one function and the registers that they should be in.
func (f *unitFunctions) walk(s *subprogram, t *unitTypes, clang bool) {
	regs := f.regs.list
	next := 0 // the register that the next parameter should be in
	structByValue := false
	for j, p := range f.paramsOf(s) {
		slots := t.slots(p.typ)
		if !f.regs.pair {
			slots = 1
		}
		structByValue = structByValue || t.isStruct(p.typ)
		s.optimized = s.optimized || !p.at.known
		s.uncertain = s.uncertain || j >= len(regs) && t.isPacked(p.typ)
		takes := slots
		if takes > 2 {
			takes = 1
		}
		if clang && !s.changed {
			if slots > 2 {
				continue
			}
			found := p.at.reg == dwarf.NoRegister
			for k := next; k < min(next+slots, len(regs)); k++ {
				found = found || regs[k] == anyRegister || regs[k] == p.at.reg
			}
			s.unexpectedReg = s.unexpectedReg || !found && next < len(regs)
			next += takes
			continue
		}
		switch {
		case p.at.known && next >= len(regs), !p.at.known && clang:
			continue
		case p.at.reg == dwarf.NoRegister:
			s.optimized = true
		case regs[next] != anyRegister && regs[next] != p.at.reg:
			s.unexpectedReg = true
		}
		next += takes
	}
	s.unexpectedReg = s.unexpectedReg && !structByValue
}

// slots is the number of registers that a value of a type would fill.
func (t *unitTypes) slots(ref btf.Ref) int {
	size, ok := t.size(ref)
	if !ok || size <= t.addrSize {
		return 1
	}
	return int(min((size+t.addrSize-1)/t.addrSize, 1<<16))
}

// isStruct tells whether a type is a struct, seen through typedefs and const.
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

// isPacked tells whether a type is a struct with a tag whose layout is tighter than natural alignment allows: on the stack, nobody
// knows how it is aligned. DWARF does not say "packed"; a member, or the end, out of alignment does.
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
			return false // a hole: a packed struct has none
		}
		end = max(end, offset+width)
	}
	size := uint64(s.Size)
	return end >= 8*size && (packed || size%largest != 0)
}

// alignment is the natural alignment of a type in bytes.
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
	t.alignments[ref] = 1 // also what a damaged file has inside of itself
	align := uint64(1)
	switch typ := &t.unit.Types[ref-1]; typ.Kind {
	case btf.KindStruct, btf.KindUnion:
		for _, m := range t.unit.Members[typ.First : typ.First+typ.N] {
			align = max(align, t.alignment(m.Type))
		}
	case btf.KindArray, btf.KindTypedef, btf.KindConst, btf.KindVolatile, btf.KindRestrict, btf.KindTypeTag:
		align = t.alignment(typ.To)
	}
	t.alignments[ref] = align
	return align
}
