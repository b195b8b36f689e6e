// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"cmp"
	"slices"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/dwarf"
)

// unitFunctions collects the subprogram DIEs of a unit that may describe functions of the table.
type unitFunctions struct {
	table  *functionTable
	rules  Rules
	regs   registers
	linked bool // a linked file: addresses in DWARF and symbols are comparable

	list    []subprogram // sorted by offset of the DIE
	params  []parameter  // sorted by offset of the DIE
	open    int          // depth of the current subprogram, -1: none
	inParam bool         // the last child of it is a parameter
}

type subprogram struct {
	unit     *dwarf.Unit
	die      btf.Ref // offset of the DIE, encoded as in unitTypes
	origin   btf.Ref // DW_AT_abstract_origin or DW_AT_specification, 0: none
	abstract bool    // origin is an abstract origin, which provides absent attributes
	declared bool
	inline   bool // has DW_AT_inline: an abstract instance
	nocall   bool // DW_AT_calling_convention is DW_CC_nocall
	variadic bool
	resolved bool
	addr     uint64 // DW_AT_low_pc
	hasCode  bool   // not only declared, or inlined
	name     btf.Name
	ret      btf.Ref
	first, n int // range in params
	tags     []funcTag
	gnuTags  btf.Ref // DW_AT_GNU_annotation
	traits
}

type parameter struct {
	die, origin btf.Ref
	name        btf.Name
	typ         btf.Ref
	hasType     bool
	passed      paramReg
	loc         dwarf.Location
	gnuTags     btf.Ref // DW_AT_GNU_annotation
}

// setFile prepares for the units of a file.
func (f *unitFunctions) setFile(table *functionTable, rules Rules, regs registers, linked bool) {
	f.table, f.rules, f.regs, f.linked = table, rules, regs, linked
	clear(f.list[:cap(f.list)]) // drop references to the units of the previous file
}

func (f *unitFunctions) reset() {
	f.list, f.params, f.open = f.list[:0], f.params[:0], -1
}

// ccNocall is DW_CC_nocall (DWARF 5, table 7.18). clang marks functions with it that do not follow
// the calling convention.
const ccNocall = 3

// visit handles a DIE that unitTypes does not.
func (f *unitFunctions) visit(r *dwarf.Reader, t *unitTypes) error {
	switch r.Tag {
	case dwarf.TagSubprogram:
		f.open = -1
		n, err := t.name(r, dwarf.AttrName)
		if err != nil {
			return err
		}
		s := subprogram{unit: r.Unit(), die: t.selfRef(r),
			origin: t.refAttr(r, dwarf.AttrAbstractOrigin), abstract: true,
			declared: r.Has(dwarf.AttrDeclaration), inline: r.Has(dwarf.AttrInline), name: n,
			ret: t.ref(r), first: len(f.params), gnuTags: t.refAttr(r, dwarf.AttrGNUAnnotation)}
		if s.origin == 0 {
			s.origin, s.abstract = t.refAttr(r, dwarf.AttrSpecification), false
		}
		if n == 0 && s.origin == 0 {
			return nil
		}
		if n != 0 && f.table.find(&t.unit, n) == nil {
			return nil
		}
		s.hasCode = r.Has(dwarf.AttrLowPC) || r.Has(dwarf.AttrRanges)
		if f.linked {
			s.addr = r.Address(dwarf.AttrLowPC)
			s.hasCode = s.addr != 0 || r.Has(dwarf.AttrRanges) // 0: the linker dropped it
		}
		s.hasCode = s.hasCode && !t.assembler // C has the prototype, if there is one
		convention, _ := r.Uint(dwarf.AttrCallingConvention)
		s.nocall = convention == ccNocall
		f.list = append(f.list, s)
		f.open = r.Depth
	case dwarf.TagFormalParameter:
		if !f.isParent(r) {
			return nil
		}
		n, err := t.name(r, dwarf.AttrName)
		if err != nil {
			return err
		}
		p := parameter{die: t.selfRef(r), origin: t.refAttr(r, dwarf.AttrAbstractOrigin), name: n,
			typ: t.ref(r), hasType: r.Has(dwarf.AttrType),
			gnuTags: t.refAttr(r, dwarf.AttrGNUAnnotation),
			passed:  paramReg{reg: dwarf.NoRegister}}
		if r.Has(dwarf.AttrLocation) {
			p.passed.known, p.loc = true, r.Location()
		}
		f.list[len(f.list)-1].n++
		f.inParam = true
		f.params = append(f.params, p)
	case dwarf.TagUnspecifiedParameters:
		if f.isParent(r) {
			f.list[len(f.list)-1].variadic = true
		}
	case dwarf.TagLLVMAnnotation:
		return f.annotation(r, t)
	}
	return nil
}

// annotation handles a btf_decl_tag.
func (f *unitFunctions) annotation(r *dwarf.Reader, t *unitTypes) error {
	if f.open < 0 || !t.dialect.DeclTags {
		return nil
	}
	s := &f.list[len(f.list)-1]
	var component uint32
	switch r.Depth {
	case f.open + 1:
		component = btf.WholeDecl
	case f.open + 2:
		if !f.inParam {
			return nil
		}
		component = uint32(s.n - 1)
	default:
		return nil
	}
	value, err := t.declTag(r)
	if err == nil && value != 0 {
		s.tags = append(s.tags, funcTag{component, value})
	}
	return err
}

// isParent reports whether the current subprogram is the parent of the DIE at the reader. In a
// damaged unit a parameter may have no parent.
func (f *unitFunctions) isParent(r *dwarf.Reader) bool { return f.open >= 0 && f.open == r.Depth-1 }

// closeTo ends the current subprogram if the DIE at depth is not its child.
func (f *unitFunctions) closeTo(depth int) {
	if f.open >= depth {
		f.open = -1
	}
	if f.open+1 == depth {
		f.inParam = false
	}
}

func (f *unitFunctions) subprogramAt(die btf.Ref) *subprogram {
	i, ok := slices.BinarySearchFunc(f.list, die,
		func(s subprogram, die btf.Ref) int { return cmp.Compare(s.die, die) })
	if !ok {
		return nil
	}
	return &f.list[i]
}

// parameterAt returns the index of a parameter in params.
func (f *unitFunctions) parameterAt(die btf.Ref) (n int, ok bool) {
	return slices.BinarySearchFunc(f.params, die,
		func(p parameter, die btf.Ref) int { return cmp.Compare(p.die, die) })
}

func (f *unitFunctions) paramsOf(s *subprogram) []parameter {
	return f.params[s.first : s.first+s.n]
}

// inherit adds the attributes of a subprogram's origin (DWARF 5, sections 3.3.8.2 and 2.13.2).
// depth limits chains of origins.
func (f *unitFunctions) inherit(s *subprogram, depth int) {
	if s.resolved {
		return
	}
	s.resolved = true
	if s.origin == 0 || depth > maxNesting {
		return
	}
	from := f.subprogramAt(s.origin)
	if from == nil {
		return
	}
	f.inherit(from, depth+1)
	if s.name == 0 {
		s.name = from.name
	}
	if !s.abstract {
		return
	}
	if s.ret == 0 {
		s.ret = from.ret
	}
	s.nocall = s.nocall || from.nocall
	for i := range f.paramsOf(s) {
		p := &f.params[s.first+i]
		if p.origin == 0 {
			continue
		}
		o, ok := f.parameterAt(p.origin)
		if !ok {
			continue
		}
		if !p.hasType {
			p.name, p.typ = f.params[o].name, f.params[o].typ
		}
		s.reordered = s.reordered || o-from.first != i
	}
}

// finish completes the subprograms, after t has finished.
func (f *unitFunctions) finish(t *unitTypes, clang bool) {
	for i := range f.list {
		f.inherit(&f.list[i], 0)
	}
	for i := range f.list {
		s := &f.list[i]
		s.ret = t.resolve(s.ret)
		for _, value := range t.gnuDeclTags(s.gnuTags) {
			s.tags = append(s.tags, funcTag{btf.WholeDecl, value})
		}
		for j, p := range f.paramsOf(s) {
			for _, value := range t.gnuDeclTags(p.gnuTags) {
				s.tags = append(s.tags, funcTag{uint32(j), value})
			}
		}
	}
	for i := range f.params {
		f.params[i].typ = t.resolve(f.params[i].typ)
	}
	if f.rules == Rules130 {
		f.checkParameters130(t)
	} else {
		f.checkParameters132(t, clang)
	}
}

// merge adds the states of a unit to the table. refs are the unit's types in the module.
func (f *unitFunctions) merge(m *btf.Module, t *unitTypes, refs []btf.Ref, unit int) {
	ref := func(n btf.Ref) btf.Ref {
		if n == 0 {
			return 0
		}
		return refs[n-1]
	}
	for i := range f.list {
		s := &f.list[i]
		if s.declared || s.name == 0 {
			continue
		}
		fn := f.table.find(&t.unit, s.name)
		if fn == nil {
			continue
		}
		params := f.paramsOf(s)
		if slices.ContainsFunc(params, func(p parameter) bool { return p.name == 0 }) {
			continue
		}
		st := state{unit: unit, addr: s.addr, hasCode: s.hasCode, ret: ref(s.ret),
			traits: s.traits}
		if s.n > 0 || s.variadic {
			st.params = make([]btf.Param, 0, s.n+1)
		}
		for _, p := range params {
			st.params = append(st.params,
				btf.Param{Name: m.Intern(&t.unit, p.name), Type: ref(p.typ)})
		}
		if s.variadic {
			st.params = append(st.params, btf.Param{})
		}
		for _, tag := range s.tags {
			st.tags = append(st.tags, funcTag{tag.component, m.Intern(&t.unit, tag.value)})
		}
		fn.states = append(fn.states, st)
	}
}
