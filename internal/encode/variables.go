// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"bytes"
	"cmp"
	"debug/elf"
	"fmt"
	"slices"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/dwarf"
	"github.com/kbtf/kbtf/internal/elfimage"
)

// perCPU is the section whose variables become VARs by default: BPF programs need their offsets to
// find the copy of a CPU.
const perCPU = ".data..percpu"

// ignoredPrefixes are prefixes of names that kernel macros generate.
var ignoredPrefixes = [][]byte{
	[]byte("__UNIQUE_ID"), []byte("__tpstrtab_"), []byte("__exitcall_"),
	[]byte("__gendwarfksyms_ptr_"),
	[]byte("__func_stack_frame_non_standard_"),
}

// maxVarName is the longest name of a VAR that kernels before KSYM_NAME_LEN 512 accept, in bytes.
const maxVarName = 128

// Variables selects the variables that become VARs.
type Variables uint8

const (
	PerCPU       Variables = iota // in the section .data..percpu
	NoVariables                   // none
	AllVariables                  // in all sections
)

// unitVariables collects the variables of a unit that are in the selected sections.
type unitVariables struct {
	img      *elfimage.Image
	sections []bool // by index: selected; nil: none is
	strict   bool

	declared   map[uint64]variable // by offset of the DIE: declarations
	list       []variable
	target     annotationTarget // the last variable, for its annotations; typ is its index in list
	targetDecl uint64           // or the DIE of a declaration, if not 0

	objects map[objectSymbol]bool // built on first use
}

type variable struct {
	spec    uint64 // DIE of its declaration, 0: none
	section int
	off     uint64 // in the section, bytes
	name    btf.Name
	typ     btf.Ref
	linkage uint32
	tags    []btf.Name // values of btf_decl_tag
	gnuTags btf.Ref    // DW_AT_GNU_annotation
}

type objectSymbol struct {
	section int
	name    string
}

func newUnitVariables(img *elfimage.Image, opt *Options) unitVariables {
	return unitVariables{img: img, sections: variableSections(img, opt), strict: opt.Strict}
}

// variableSections returns, by section, whether its variables are selected; nil if none is.
func variableSections(img *elfimage.Image, opt *Options) (sections []bool) {
	for i := range img.Sections {
		if opt.Variables == AllVariables || opt.Variables == PerCPU &&
			img.Sections[i].Name == perCPU {
			if sections == nil {
				sections = make([]bool, len(img.Sections))
			}
			sections[i] = true
		}
	}
	return sections
}

func (v *unitVariables) reset() {
	v.list = v.list[:0]
	v.target.depth = -1
	clear(v.declared)
}

// closeTo ends the last variable if the DIE at depth is not its child.
func (v *unitVariables) closeTo(depth int) {
	if v.target.depth >= depth {
		v.target.depth = -1
	}
}

// visit handles a DIE that neither unitTypes nor unitFunctions does.
func (v *unitVariables) visit(r *dwarf.Reader, t *unitTypes) error {
	switch {
	case v.sections == nil:
		return nil
	case r.Tag == dwarf.TagLLVMAnnotation:
		return v.annotation(r, t)
	case r.Tag != dwarf.TagVariable:
		return nil
	}
	x := variable{spec: r.Ref(dwarf.AttrSpecification), linkage: btf.VarStatic}
	declares := r.Has(dwarf.AttrDeclaration) && x.spec == 0
	if !declares {
		place, ok := r.VarAddr()
		if !ok || r.Depth != 1 || r.Has(dwarf.AttrArtificial) || !v.locate(place, &x) {
			return nil
		}
	}
	var err error
	if x.name, err = t.name(r, dwarf.AttrName); err != nil {
		return err
	}
	x.typ, x.gnuTags = t.ref(r), t.refAttr(r, dwarf.AttrGNUAnnotation)
	if r.Has(dwarf.AttrExternal) {
		x.linkage = btf.VarGlobal
	}
	v.target = annotationTarget{depth: r.Depth, typ: uint32(len(v.list))}
	if declares {
		if v.declared == nil {
			v.declared = map[uint64]variable{}
		}
		v.declared[r.Off], v.targetDecl = x, r.Off
		return nil
	}
	v.list, v.targetDecl = append(v.list, x), 0
	return nil
}

// annotation handles a btf_decl_tag of the last variable.
func (v *unitVariables) annotation(r *dwarf.Reader, t *unitTypes) error {
	if v.target.depth < 0 || v.target.depth != r.Depth-1 || !t.dialect.DeclTags {
		return nil
	}
	value, err := t.declTag(r)
	if err != nil || value == 0 {
		return err
	}
	if v.targetDecl == 0 {
		x := &v.list[v.target.typ]
		x.tags = append(x.tags, value)
		return nil
	}
	x := v.declared[v.targetDecl]
	x.tags = append(x.tags, value)
	v.declared[v.targetDecl] = x
	return nil
}

// locate sets the section and offset of a variable. It reports whether the section is selected.
func (v *unitVariables) locate(p dwarf.VarAddr, x *variable) bool {
	if p.Section != 0 {
		x.section, x.off = int(p.Section), p.Addr
		return x.section < len(v.sections) && v.sections[x.section]
	}
	for i := range v.img.Sections {
		s := &v.img.Sections[i]
		loaded := s.Flags&elf.SHF_ALLOC != 0 &&
			(s.Type == elf.SHT_PROGBITS || s.Type == elf.SHT_NOBITS)
		if loaded && p.Addr >= s.Addr && p.Addr-s.Addr < s.Size {
			x.section, x.off = i, p.Addr-s.Addr
			return v.sections[i]
		}
	}
	return false
}

// merge adds the variables of a unit to the module. t has finished; refs are its types in the
// module.
func (v *unitVariables) merge(m *btf.Module, t *unitTypes, refs []btf.Ref, unit int) error {
	for _, x := range v.list {
		if x.spec != 0 {
			d := v.declared[x.spec]
			x.name, x.typ, x.linkage, x.tags = d.name, d.typ, d.linkage, d.tags
			x.gnuTags = cmp.Or(x.gnuTags, d.gnuTags)
		}
		name := t.unit.Text(x.name)
		typ := t.resolve(x.typ)
		if len(name) == 0 || isIgnored(name) {
			continue
		}
		if x.off == 0 {
			// Discarded variables also appear at the start of a section. Only trust those with a
			// symbol.
			found, err := v.hasSymbol(x.section, name)
			if err != nil {
				return err
			}
			if !found {
				continue
			}
		}
		if !validVarName(name) || typ == 0 {
			if v.strict {
				return fmt.Errorf("variable %q: BTF cannot express its name, or it is void: "+
					"pass --btf_encode_force, or the feature encode_force, to leave it out", name)
			}
			continue
		}
		size, ok := t.size(typ)
		if !ok || size == 0 || size > 1<<32-1 || x.off > 1<<32-1 {
			continue
		}
		y := btf.Variable{Unit: unit, SectionIndex: x.section,
			Section: m.Names.Intern([]byte(v.img.Sections[x.section].Name)),
			Name:    m.Intern(&t.unit, x.name), Type: refs[typ-1], Linkage: x.linkage,
			Off: uint32(x.off), Size: uint32(size)}
		for _, tag := range append(x.tags, t.gnuDeclTags(x.gnuTags)...) {
			y.Tags = append(y.Tags, m.Intern(&t.unit, tag))
		}
		m.AddVar(y)
	}
	return nil
}

func (v *unitVariables) hasSymbol(section int, name []byte) (bool, error) {
	if v.objects == nil {
		v.objects = map[objectSymbol]bool{}
		syms, err := v.img.SymbolTable()
		if err != nil {
			return false, err
		}
		if syms != nil {
			for i := range syms.Len() {
				if s := syms.At(i); s.Type() == elf.STT_OBJECT {
					v.objects[objectSymbol{int(s.Section), string(syms.Name(&s))}] = true
				}
			}
		}
	}
	return v.objects[objectSymbol{section, string(name)}], nil
}

func isIgnored(name []byte) bool {
	return slices.ContainsFunc(ignoredPrefixes,
		func(p []byte) bool { return bytes.HasPrefix(name, p) })
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
	return true
}
