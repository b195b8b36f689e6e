// SPDX-License-Identifier: GPL-2.0-only

package encode

import (
	"bytes"
	"cmp"
	"debug/elf"
	"slices"
	"strings"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/dwarf"
	"github.com/kbtf/kbtf/internal/elfimage"
)

// A function becomes a FUNC if .symtab has it (STT_FUNC, also under a name with a suffix that the compiler added: foo.isra.0,
// foo.constprop.0, foo.part.0), some unit has a DIE for it that is not a declaration and whose parameters all have names, and
// tracing it by its prototype is safe: all units agree on the prototype, and no parameter arrives in a register other than the
// calling convention's. These are the rules of pahole 1.28 to 1.30 with the features consistent_func and optimized_func.

// functionTable is the functions of .symtab.
type functionTable struct {
	entry  map[string]int // number of a function
	funcs  []function
	kfuncs map[string]uint32 // flags, by name
}

// function is one entry of the table: everything that has been seen of one name.
type function struct {
	name   string
	states []state
}

// state is a function as one DIE of one unit describes it.
type state struct {
	unit          int
	ret           btf.Ref
	params        []btf.Param
	unexpectedReg bool
	structByValue bool // a parameter is a struct: where that arrives is not looked at
	tags          []funcTag
}

// funcTag is a btf_decl_tag of a function, or of one of its parameters.
type funcTag struct {
	component uint32
	value     btf.Name
}

func readFunctionTable(img *elfimage.Image) (*functionTable, error) {
	t := &functionTable{entry: map[string]int{}}
	var err error
	if t.kfuncs, err = readKfuncs(img); err != nil {
		return nil, err
	}
	syms, err := img.SymbolTable()
	if err != nil || syms == nil {
		return t, err
	}
	for i := range syms.Len() {
		s := syms.At(i)
		if s.Type() != elf.STT_FUNC {
			continue
		}
		name, _, _ := bytes.Cut(syms.Name(&s), []byte("."))
		if _, known := t.entry[string(name)]; !known && len(name) > 0 {
			t.entry[string(name)] = len(t.funcs)
			t.funcs = append(t.funcs, function{name: string(name)})
		}
	}
	return t, nil
}

// unitFunctions collects the subprogram DIEs of a unit that may describe functions of the table.
type unitFunctions struct {
	table *functionTable
	regs  []int // where the calling convention passes the first parameters: DWARF register numbers

	list    []subprogram // by offset of the DIE
	params  []parameter  // by offset of the DIE
	open    int          // depth of the subprogram that parameters belong to, -1: none
	inParam bool         // its last child is a parameter
}

type subprogram struct {
	die      btf.Ref // offset of the DIE, as unitTypes counts
	origin   btf.Ref // DW_AT_abstract_origin or DW_AT_specification, 0: none
	abstract bool    // origin is an abstract origin: what is missing here is taken from there
	declared bool
	variadic bool
	name     btf.Name
	ret      btf.Ref
	first, n int // parameters
	resolved bool
	tags     []funcTag
}

type parameter struct {
	die, origin btf.Ref
	name        btf.Name
	typ         btf.Ref
	hasType     bool
	reg         int
}

func (f *unitFunctions) reset() {
	f.list, f.params, f.open = f.list[:0], f.params[:0], -1
}

// visit takes a DIE that is no type. t gives references and names.
func (f *unitFunctions) visit(r *dwarf.Reader, t *unitTypes) error {
	switch r.Tag {
	case dwarf.TagSubprogram:
		f.open = -1
		n, err := t.name(r, dwarf.AttrName)
		if err != nil {
			return err
		}
		origin, abstract := t.refAttr(r, dwarf.AttrAbstractOrigin), true
		if origin == 0 {
			origin, abstract = t.refAttr(r, dwarf.AttrSpecification), false
		}
		if n == 0 && origin == 0 {
			return nil
		}
		if n != 0 {
			if _, known := f.table.entry[string(t.unit.Text(n))]; !known {
				return nil
			}
		}
		f.list = append(f.list, subprogram{die: t.here(r), origin: origin, abstract: abstract, declared: r.Has(dwarf.AttrDeclaration),
			name: n, ret: t.ref(r), first: len(f.params)})
		f.open = r.Depth
	case dwarf.TagFormalParameter:
		if f.open != r.Depth-1 {
			return nil
		}
		n, err := t.name(r, dwarf.AttrName)
		if err != nil {
			return err
		}
		p := parameter{die: t.here(r), origin: t.refAttr(r, dwarf.AttrAbstractOrigin), name: n, typ: t.ref(r), hasType: r.Has(dwarf.AttrType),
			reg: dwarf.NoRegister}
		if r.Has(dwarf.AttrLocation) {
			p.reg = r.ParameterRegister()
		}
		s := &f.list[len(f.list)-1]
		s.n++
		f.inParam = true
		f.params = append(f.params, p)
	case dwarf.TagUnspecifiedParameters:
		if f.open == r.Depth-1 {
			f.list[len(f.list)-1].variadic = true
		}
	case dwarf.TagLLVMAnnotation, dwarf.TagGNUAnnotation:
		return f.annotation(r, t)
	}
	return nil
}

// annotation takes a btf_decl_tag.
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
	kind, err := r.StringAttr(dwarf.AttrName)
	if err != nil || string(kind) != "btf_decl_tag" {
		return err
	}
	value, err := t.name(r, dwarf.AttrConstValue)
	if err == nil && value != 0 {
		s.tags = append(s.tags, funcTag{component, value})
	}
	return err
}

// closeTo forgets the open subprogram when the DIE at depth is not its child.
func (f *unitFunctions) closeTo(depth int) {
	if f.open >= depth {
		f.open = -1
	}
	if f.open+1 == depth {
		f.inParam = false
	}
}

func (f *unitFunctions) subprogramAt(die btf.Ref) *subprogram {
	i, ok := slices.BinarySearchFunc(f.list, die, func(s subprogram, die btf.Ref) int { return cmp.Compare(s.die, die) })
	if !ok {
		return nil
	}
	return &f.list[i]
}

func (f *unitFunctions) parameterAt(die btf.Ref) *parameter {
	i, ok := slices.BinarySearchFunc(f.params, die, func(p parameter, die btf.Ref) int { return cmp.Compare(p.die, die) })
	if !ok {
		return nil
	}
	return &f.params[i]
}

// inherit completes a subprogram from its origin (DWARF 5, sections 3.3.8.2 and 2.13.2). depth bounds chains of origins.
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
	for i := s.first; i < s.first+s.n; i++ {
		p := &f.params[i]
		if p.hasType || p.origin == 0 {
			continue
		}
		if o := f.parameterAt(p.origin); o != nil {
			p.name, p.typ = o.name, o.typ
		}
	}
}

// finish completes the subprograms. t has finished.
func (f *unitFunctions) finish(t *unitTypes) {
	for i := range f.list {
		f.inherit(&f.list[i], 0)
	}
	for i := range f.list {
		f.list[i].ret = t.resolve(f.list[i].ret)
	}
	for i := range f.params {
		f.params[i].typ = t.resolve(f.params[i].typ)
	}
}

// merge gives the states of a unit to the table. refs are the unit's types in the module.
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
		st := state{unit: unit, ret: ref(s.ret)}
		if s.n > 0 || s.variadic {
			st.params = make([]btf.Param, 0, s.n+1)
		}
		named := true
		for j, p := range f.params[s.first : s.first+s.n] {
			if p.name == 0 {
				named = false
				break
			}
			if j < len(f.regs) && p.reg != dwarf.NoRegister && f.regs[j] >= 0 && p.reg != f.regs[j] {
				st.unexpectedReg = true
			}
			st.structByValue = st.structByValue || t.isStruct(p.typ)
			st.params = append(st.params, btf.Param{Name: m.Intern(&t.unit, p.name), Type: ref(p.typ)})
		}
		if !named {
			continue
		}
		if s.variadic {
			st.params = append(st.params, btf.Param{})
		}
		for _, tag := range s.tags {
			st.tags = append(st.tags, funcTag{tag.component, m.Intern(&t.unit, tag.value)})
		}
		fn := &f.table.funcs[f.table.entry[string(t.unit.Text(s.name))]]
		fn.states = append(fn.states, st)
	}
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

// parameterRegisters lists the DWARF numbers of the registers that pass the first integer parameters. -1: any register will do.
func parameterRegisters(m elf.Machine) []int {
	any := func(n int) []int {
		regs := make([]int, n)
		for i := range regs {
			regs[i] = -1
		}
		return regs
	}
	switch m {
	case elf.EM_X86_64:
		return []int{5, 4, 1, 2, 8, 9} // rdi, rsi, rdx, rcx, r8, r9: System V ABI, figure 3.4 and table 3.36
	case elf.EM_S390:
		return []int{2, 3, 4, 5, 6}
	case elf.EM_AARCH64, elf.EM_ARM:
		return []int{0, 1, 2, 3, 4, 5, 6, 7}
	case elf.EM_MIPS, elf.EM_PPC, elf.EM_PPC64, elf.EM_RISCV:
		return any(8)
	}
	return nil
}

// emit adds the functions that may be traced to the module, in the order of their names.
func (t *functionTable) emit(m *btf.Module, dialect btf.Dialect) {
	order := make([]int, 0, len(t.funcs))
	for i := range t.funcs {
		if len(t.funcs[i].states) > 0 {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(t.funcs[a].name, t.funcs[b].name) })
	for _, i := range order {
		f := &t.funcs[i]
		first := &f.states[0]
		if !consistent(m, f.states) {
			continue
		}
		fn := m.AddFunc(first.unit, m.Names.Intern([]byte(f.name)), first.ret, first.params)
		if flags, ok := t.kfuncs[f.name]; ok && dialect.KfuncTags {
			m.AddDeclTag(first.unit, m.Names.Intern([]byte("bpf_kfunc")), fn, btf.WholeDecl)
			if flags&kfuncFastcall != 0 {
				m.AddDeclTag(first.unit, m.Names.Intern([]byte("bpf_fastcall")), fn, btf.WholeDecl)
			}
		}
		for _, tag := range first.tags {
			m.AddDeclTag(first.unit, tag.value, fn, tag.component)
		}
	}
}

// consistent tells whether a caller can rely on the prototype of the first state.
func consistent(m *btf.Module, states []state) bool {
	first := &states[0]
	for i := range states {
		s := &states[i]
		if s.unexpectedReg && !s.structByValue {
			return false
		}
		if i == 0 {
			continue
		}
		if len(s.params) != len(first.params) || !m.Alike(s.ret, first.ret) {
			return false
		}
		for j := range s.params {
			if !m.Alike(s.params[j].Type, first.params[j].Type) {
				return false
			}
		}
	}
	return true
}
