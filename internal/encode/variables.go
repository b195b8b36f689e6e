// SPDX-License-Identifier: GPL-2.0-only

package encode

import (
	"bytes"
	"debug/elf"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/dwarf"
	"github.com/kbtf/kbtf/internal/elfimage"
)

// perCPU is the section whose variables become VARs: a BPF program that wants its CPU's copy has to know where they are.
const perCPU = ".data..percpu"

// notForBTF are prefixes of names that macros of the kernel make up for variables that nobody looks for.
var notForBTF = [][]byte{
	[]byte("__UNIQUE_ID"), []byte("__tpstrtab_"), []byte("__exitcall_"), []byte("__gendwarfksyms_ptr_"),
	[]byte("__func_stack_frame_non_standard_"),
}

// maxVarName is the longest name of a VAR that kernels before KSYM_NAME_LEN 512 take, in bytes.
const maxVarName = 128

// unitVariables collects the variables of a unit that lie in the per-CPU section.
type unitVariables struct {
	img     *elfimage.Image
	section *elfimage.Section // nil: the file has no per-CPU variables

	declared map[uint64]variable // by offset of the DIE: declarations that a definition may complete
	list     []variable
}

type variable struct {
	spec    uint64
	off     uint64 // in the section, bytes
	name    btf.Name
	typ     btf.Ref
	linkage uint32
}

func (v *unitVariables) reset() {
	v.list = v.list[:0]
	clear(v.declared)
}

// visit takes the DIE of a variable.
func (v *unitVariables) visit(r *dwarf.Reader, t *unitTypes) error {
	if v.section == nil || r.Tag != dwarf.TagVariable {
		return nil
	}
	spec := r.Ref(dwarf.AttrSpecification)
	isDeclaration := r.Has(dwarf.AttrDeclaration) && spec == 0
	var place dwarf.Place
	if !isDeclaration {
		var ok bool
		if place, ok = r.VariablePlace(); !ok || r.Depth != 1 || r.Has(dwarf.AttrArtificial) || !v.inSection(&place) {
			return nil
		}
	}
	n, err := t.name(r, dwarf.AttrName)
	if err != nil {
		return err
	}
	x := variable{spec: spec, off: place.Addr, name: n, typ: t.ref(r), linkage: btf.VarStatic}
	if r.Has(dwarf.AttrExternal) {
		x.linkage = btf.VarGlobal
	}
	if isDeclaration {
		if v.declared == nil {
			v.declared = map[uint64]variable{}
		}
		v.declared[r.Off] = x
		return nil
	}
	v.list = append(v.list, x)
	return nil
}

// inSection tells whether a place lies in the per-CPU section, and makes its address relative to the section.
func (v *unitVariables) inSection(p *dwarf.Place) bool {
	if p.Section != 0 {
		return int(p.Section) == v.section.Index
	}
	if p.Addr < v.section.Addr || p.Addr-v.section.Addr >= v.section.Size {
		return false
	}
	p.Addr -= v.section.Addr
	return true
}

// merge adds the variables of a unit to the module. t has finished, refs are its types in the module.
func (v *unitVariables) merge(m *btf.Module, t *unitTypes, refs []btf.Ref, unit int) error {
	for _, x := range v.list {
		if x.spec != 0 {
			d := v.declared[x.spec]
			x.name, x.typ, x.linkage = d.name, d.typ, d.linkage
		}
		name := t.unit.Text(x.name)
		typ := t.resolve(x.typ)
		size, ok := t.size(typ)
		if !ok || size == 0 || size > 1<<32-1 || x.off > 1<<32-1 || !validVarName(name) {
			continue
		}
		if x.off == 0 {
			// The start of a section is also where leftovers of discarded variables seem to be: believe the symbol table.
			found, err := v.hasSymbol(name)
			if err != nil {
				return err
			}
			if !found {
				continue
			}
		}
		m.AddVar(unit, v.section.Index, m.Names.Intern([]byte(perCPU)), m.Intern(&t.unit, x.name), refs[typ-1], x.linkage,
			uint32(x.off), uint32(size))
	}
	return nil
}

func (v *unitVariables) hasSymbol(name []byte) (bool, error) {
	syms, err := v.img.SymbolTable()
	if err != nil || syms == nil {
		return false, err
	}
	for i := range syms.Len() {
		s := syms.At(i)
		if s.Type() == elf.STT_OBJECT && int(s.Section) == v.section.Index && bytes.Equal(syms.Name(&s), name) {
			return true, nil
		}
	}
	return false, nil
}

func validVarName(name []byte) bool {
	if len(name) == 0 || len(name) > maxVarName {
		return false
	}
	for i, c := range name {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', c == '.':
		case i > 0 && c >= '0' && c <= '9':
		default:
			return false
		}
	}
	for _, p := range notForBTF {
		if bytes.HasPrefix(name, p) {
			return false
		}
	}
	return true
}
