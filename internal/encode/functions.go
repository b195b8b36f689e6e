// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"bytes"
	"debug/elf"
	"fmt"
	"slices"
	"strings"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/elfimage"
)

// A function gets a FUNC under three conditions. It is in .symtab (STT_FUNC, also with a suffix
// that the compiler added, as in foo.isra.0). Some unit has a DIE for it that is not a declaration
// and whose parameters have names. And it can be traced safely by its prototype, which has changed
// between versions of pahole: see Rules.

// Rules decide which functions are safe to trace, as a version of pahole does.
type Rules uint8

const (
	// Rules132 are the rules of pahole 1.32; 1.31 differs slightly. All units agree on the
	// prototype. Parameters are in source order and in the registers of the calling convention,
	// where a struct may use two. No parameter on the stack is a packed struct. The name has one
	// address. Parts that the compiler split off (foo.cold, foo.part.0) do not count as the
	// function.
	Rules132 Rules = iota
	// Rules130 are the rules of pahole 1.28 to 1.30: all units agree on the prototype, and no
	// parameter is in a register other than that of its position.
	Rules130
)

// functionTable has the functions of .symtab.
type functionTable struct {
	names *btf.Names
	funcs []function // by Name; funcs[0] is unused
}

// find returns the function for a name in a unit, nil if .symtab does not have it.
func (t *functionTable) find(u *btf.Unit, n btf.Name) *function {
	if id := u.FindName(t.names, n); id != 0 {
		return &t.funcs[id]
	}
	return nil
}

// function collects what symbols and units say about one name.
type function struct {
	symbols []symbol // in the order of .symtab
	kfunc   bool
	flags   uint32 // of a kfunc
	states  []state
}

// symbol is a symbol of a function.
type symbol struct {
	addr   uint64 // st_value: an address, or an offset in a section of a relocatable file
	suffix string // ".isra.0", or empty
}

// state is a function as described by a DIE of one unit.
type state struct {
	unit    int
	addr    uint64 // DW_AT_low_pc; 0 if absent, or not comparable with symbols
	hasCode bool   // otherwise the unit has only inlined copies, or no prototypes
	ret     btf.Ref
	params  []btf.Param
	tags    []funcTag
	traits
}

// traits are reasons against tracing a function.
type traits struct {
	unexpectedReg bool // a parameter is in another parameter's register
	optimized     bool // a parameter is optimized out
	reordered     bool // parameters are not in source order
	uncertain     bool // a parameter's place on the stack does not follow from the prototype
	nonstandardCC bool // the compiler marks the calling convention as nonstandard
}

// funcTag is a btf_decl_tag of a function, or of one of its parameters.
type funcTag struct {
	component uint32
	value     btf.Name
}

func readFunctionTable(img *elfimage.Image, base *btf.Base, opt *Options) (*functionTable, error) {
	t := &functionTable{names: btf.NewNames(), funcs: make([]function, 1)}
	syms, err := img.SymbolTable()
	if err != nil || syms == nil {
		return t, err
	}
	for i := range syms.Len() {
		s := syms.At(i)
		if s.Type() != elf.STT_FUNC {
			continue
		}
		full := syms.Name(&s)
		name, _, _ := bytes.Cut(full, []byte("."))
		suffix := full[len(name):]
		switch {
		case len(name) == 0,
			opt.Rules != Rules130 && (bytes.Contains(suffix, []byte(".cold")) ||
				bytes.Contains(suffix, []byte(".part"))),
			opt.Rules == Rules130 && opt.ExactNames && len(suffix) > 0:
			continue
		}
		n := t.names.Intern(name)
		if int(n) == len(t.funcs) {
			t.funcs = append(t.funcs, function{})
		}
		f := &t.funcs[n]
		f.symbols = append(f.symbols, symbol{s.Value, string(suffix)})
	}
	kfuncs, err := readKfuncs(img, base, opt)
	for name, flags := range kfuncs {
		if n := t.names.Find([]byte(name)); n != 0 {
			t.funcs[n].kfunc, t.funcs[n].flags = true, flags
		}
	}
	return t, err
}

// emit adds the functions that are safe to trace to the module, sorted by name. It returns notes on
// those that BTF cannot express.
func (t *functionTable) emit(m *btf.Module, opt *Options) (notes []string, err error) {
	order := make([]btf.Name, 0, len(t.funcs))
	for i := range t.funcs {
		if len(t.funcs[i].states) > 0 {
			order = append(order, btf.Name(i))
		}
	}
	slices.SortFunc(order, func(a, b btf.Name) int {
		return bytes.Compare(t.names.Bytes(a),
			t.names.Bytes(b))
	})
	for _, i := range order {
		f := &t.funcs[i]
		s := f.choose(opt.Rules)
		if !f.safe(s, m, opt) {
			continue
		}
		if name := t.names.Bytes(i); !btf.IsIdentifier(name) {
			notes = append(notes,
				fmt.Sprintf("function %q left out: BTF cannot express its name", name))
			continue
		}
		ret, params := s.ret, s.params
		if f.kfunc && opt.Dialect.Attributes {
			if ret, params, err = f.arenaPrototype(s, m); err != nil {
				return nil, fmt.Errorf("kfunc %s: %w", t.names.Bytes(i), err)
			}
		}
		fn := m.AddFunc(s.unit, m.Names.Intern(t.names.Bytes(i)), ret, params)
		if f.kfunc && opt.Dialect.KfuncTags {
			m.AddDeclTag(s.unit, m.Names.Intern([]byte("bpf_kfunc")), fn, btf.WholeDecl)
			if f.flags&kfuncFastcall != 0 {
				m.AddDeclTag(s.unit, m.Names.Intern([]byte("bpf_fastcall")), fn, btf.WholeDecl)
			}
		}
		for _, tag := range s.tags {
			m.AddDeclTag(s.unit, tag.value, fn, tag.component)
		}
	}
	return notes, nil
}

// choose returns the state that provides the prototype and the parameter names. That is the first
// one of the first unit with code: units that only inline a function of this name do not describe
// what a tracer attaches to. In a linked file, the first one at the address of a symbol is
// preferred, since a weak function and the one that overrides it have the same name.
func (f *function) choose(rules Rules) *state {
	best := f.firstWithCode()
	if rules == Rules130 || len(f.states) == 1 {
		return best
	}
	found := false
	for i := range f.states {
		s := &f.states[i]
		if s.addr == 0 || !slices.ContainsFunc(f.symbols,
			func(x symbol) bool { return x.addr == s.addr }) {
			continue
		}
		if !f.dropsParameters(s) {
			return s
		}
		if !found {
			best, found = s, true
		}
	}
	return best
}

// firstWithCode returns the first state of the first unit with code; without one, the first state.
// It is the abstract instance if the unit has one: in a copy that the compiler modified
// (foo.isra.0), the parameters may be in another order.
func (f *function) firstWithCode() *state {
	i := max(0, slices.IndexFunc(f.states, func(s state) bool { return s.hasCode }))
	for i > 0 && f.states[i-1].unit == f.states[i].unit {
		i--
	}
	return &f.states[i]
}

// dropsParameters reports whether the compiler removed parameters and changed the calling
// convention.
func (f *function) dropsParameters(s *state) bool {
	return s.optimized && (s.nonstandardCC ||
		s.addr != 0 && slices.ContainsFunc(f.symbols, func(x symbol) bool {
			return x.addr == s.addr && (strings.Contains(x.suffix, ".isra") ||
				strings.Contains(x.suffix, ".constprop"))
		}))
}

// safe reports whether a tracer can rely on the prototype of the chosen state.
func (f *function) safe(chosen *state, m *btf.Module, opt *Options) bool {
	if opt.Rules == Rules130 && opt.Inconsistent {
		return true
	}
	for i := range f.states {
		s := &f.states[i]
		if s.unexpectedReg || s.reordered || s.uncertain {
			return false
		}
	}
	if !opt.Inconsistent {
		for i := range f.states[1:] {
			if !samePrototype(m, &f.states[0], &f.states[1+i]) {
				return false
			}
		}
	}
	return opt.Rules == Rules130 || !f.dropsParameters(chosen) && !f.ambiguous()
}

// ambiguous reports whether the name has several addresses. Address 0 is ignored: in a relocatable
// file it is the start of any section.
func (f *function) ambiguous() bool {
	var addr uint64
	for _, s := range f.symbols {
		if addr != 0 && s.addr != addr {
			return true
		}
		addr = s.addr
	}
	return false
}

func samePrototype(m *btf.Module, a, b *state) bool {
	return len(a.params) == len(b.params) && m.Compatible(a.ret, b.ret) &&
		slices.EqualFunc(a.params, b.params,
			func(a, b btf.Param) bool { return m.Compatible(a.Type, b.Type) })
}
