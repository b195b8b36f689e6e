// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// A kernel refuses the BTF of a module for a single type that it does not accept. Compilers emit
// some: names with a dollar sign, bit fields of a wide enum, functions that return a typedef of void,
// members in the wrong order (clang 14). They are repaired: what a kernel would refuse is left out of
// the type, and a note says so. What no compiler emits is an error.

// maxModifiers is how many modifiers the kernel follows in a row (MAX_RESOLVE_DEPTH,
// kernel/bpf/btf.c).
const maxModifiers = 32

// maxName is the longest name that the kernel accepts, in bytes (KSYM_NAME_LEN,
// include/linux/kallsyms.h).
const maxName = 512

type nameState uint8

const (
	unchecked nameState = iota
	valid
	invalid
)

// validName reports whether a name is an identifier, or empty.
func (w *writer) validName(n Name) bool {
	if n&deferred != 0 {
		n = w.named[n&^deferred]
	}
	if int(n) >= len(w.nameStates) {
		w.nameStates = append(w.nameStates, zeroed[nameState](w.m.Names.Len()-len(w.nameStates))...)
	}
	if w.nameStates[n] == unchecked {
		w.nameStates[n] = valid
		if name := w.m.Names.Bytes(n); len(name) > 0 && !IsIdentifier(name) {
			w.nameStates[n] = invalid
		}
	}
	return w.nameStates[n] == valid
}

// IsIdentifier reports whether a name is a C identifier of at most 512 bytes, as kernels demand.
// Dots, which compilers add, are allowed.
func IsIdentifier(name []byte) bool {
	for i, c := range name {
		if !isIdentifier(c, i == 0) {
			return false
		}
	}
	return len(name) > 0 && len(name) <= maxName
}

func isIdentifier(c byte, first bool) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '.' ||
		!first && c >= '0' && c <= '9'
}

// identifier returns the offset of a name that has to be an identifier. Other characters become
// underscores.
func (w *writer) identifier(n Name) uint32 {
	if w.validName(n) {
		return w.name(n)
	}
	if n&deferred != 0 {
		n = w.named[n&^deferred]
	}
	repaired, ok := w.identifiers[n]
	if !ok {
		name := bytes.Clone(w.m.Names.Bytes(n))
		name = name[:min(len(name), maxName)]
		for i, c := range name {
			if !isIdentifier(c, i == 0) {
				name[i] = '_'
			}
		}
		w.m.note("name %q is not an identifier: written as %q", w.m.Names.Bytes(n), name)
		repaired = w.m.Names.Intern(name)
		if w.identifiers == nil {
			w.identifiers = map[Name]Name{}
		}
		w.identifiers[n] = repaired
		if int(repaired) >= len(w.strOff) {
			w.strOff = append(w.strOff, zeroed[uint32](int(repaired)+1-len(w.strOff))...)
		}
	}
	return w.name(repaired)
}

// A repair is what is left out of a type.
type repair struct {
	members []bool // by member: left out
	void    bool   // a function's return type: written as void
	params  bool   // a function's parameters
	count   bool   // an array's number of elements: written as 0
}

// repair decides what to leave out of a new type. It returns an error if that does not help.
func (w *writer) repair(e viewNode) error {
	m := w.m
	t := &m.types[e.node]
	var r repair
	leaveOut := func(format string, args ...any) {
		name := m.Names.String(t.Name)
		if name != "" {
			name = " " + name
		}
		m.note("%s%s: %s", t.Kind, name, fmt.Sprintf(format, args...))
	}
	switch t.Kind {
	case KindStruct, KindUnion:
		start := uint64(0) // of the previous member, in bits
		for i, x := range m.members[t.First : t.First+t.N] {
			props := w.props(e.view, x.Type)
			offset, width := uint64(x.Offset), uint64(0)
			if t.KindFlag {
				offset, width = offset&0xffffff, offset>>24
			}
			why := ""
			switch {
			case !props.sized:
				why = "its type has no size"
			case width > props.bits:
				why = fmt.Sprintf("a bit field of %d bits, more than its type can have", width)
			case t.Kind == KindStruct && offset < start, t.Kind == KindUnion && offset > 0:
				why = "it begins before the previous member"
			case width == 0 && offset%8 != 0 && props.bits == 0:
				why = "it does not begin at a byte"
			case offset+cmp.Or(width, 8*props.size) > 8*uint64(t.Size):
				why = "it ends after the struct"
			}
			if why == "" {
				start = offset
				continue
			}
			if r.members == nil {
				r.members = make([]bool, t.N)
			}
			r.members[i] = true
			leaveOut("member %d at bit %d left out: %s", i, offset, why)
		}
	case KindEnum, KindEnum64:
		for i, x := range m.enumerators[t.First : t.First+t.N] {
			if x.Name == 0 {
				return fmt.Errorf("%s %q: enumerator %d has no name: damaged DWARF?", t.Kind,
					m.Names.Bytes(t.Name), i)
			}
		}
	case KindArray:
		props := w.props(e.view, t.To)
		if !props.sized {
			return errors.New("ARRAY: element type has no size: damaged DWARF?")
		}
		if product(props.size, t.Extra) > math.MaxUint32 {
			r.count = true
			leaveOut("size of %d elements of %d bytes left out: more than 4 GiB", t.Extra, props.size)
		}
	case KindFuncProto:
		if t.To != 0 && !w.props(e.view, t.To).sized {
			r.void = true
			if !w.props(e.view, t.To).void { // otherwise nothing is lost
				leaveOut("return type left out: it has no size")
			}
		}
		for i, x := range m.params[t.First : t.First+t.N] {
			variadic := x.Type == 0 && x.Name == 0 && uint32(i) == t.N-1
			if !variadic && !r.params && !w.props(e.view, x.Type).sized {
				r.params = true
				leaveOut("parameters left out: the type of parameter %d has no size", i)
			}
		}
	}
	if r.members != nil || r.void || r.params || r.count {
		if w.repairs == nil {
			w.repairs = map[viewNode]repair{}
		}
		w.repairs[e] = r
	}
	return nil
}

// component returns the component_idx of a DECL_TAG for a struct from which members are left out.
func (w *writer) component(view int, ref Ref, component uint32) uint32 {
	if component == WholeDecl || len(w.repairs) == 0 {
		return component
	}
	at, ok := w.r.locate(view, ref)
	if !ok {
		return component
	}
	if t := &w.m.types[at.node]; t.Kind == KindFunc {
		at, _ = w.r.locate(at.view, t.To) // parameters are those of its FUNC_PROTO
	}
	if home, ok := w.r.home[at.node]; ok {
		at.view = home
	}
	r := w.repairs[at]
	switch {
	case r.params:
		return WholeDecl
	case r.members == nil || int(component) >= len(r.members):
		return component
	case r.members[component]:
		return WholeDecl
	}
	for _, leftOut := range r.members[:component] {
		if leftOut {
			component--
		}
	}
	return component
}

// validSectionName reports whether the kernel accepts a name for a DATASEC.
func validSectionName(name []byte) bool {
	return len(name) > 0 && len(name) <= maxName && !slices.ContainsFunc(name,
		func(c byte) bool { return c < ' ' || c > '~' })
}

// props are the properties of a type that matter to types that refer to it.
type props struct {
	size  uint64 // bytes; a lower bound
	sized bool   // the type has a size, as members, elements and parameters need
	bits  uint64 // of the longest bit field of the type; 0: it can have none
	void  bool
}

// props returns the properties of a type, looking through modifiers.
func (w *writer) props(view int, ref Ref) props {
	for range maxModifiers + 1 {
		at, ok := w.r.locate(view, ref)
		if !ok {
			if id, inBase := w.r.target(view, ref); inBase {
				return w.m.base.props(id, 0)
			}
			// Declared only. Such an enum is written as an ENUM without values, which has a size.
			if k := &w.m.tags[ref.index()]; k.class == enumTag {
				return kindProps(KindEnum, k.size)
			}
			return props{}
		}
		t := &w.m.types[at.node]
		switch t.Kind {
		case KindTypedef, KindVolatile, KindConst, KindRestrict, KindTypeTag:
			view, ref = at.view, t.To
		case KindArray:
			each := w.props(at.view, t.To)
			return props{size: product(each.size, t.Extra), sized: each.sized}
		default:
			return kindProps(t.Kind, t.Size)
		}
	}
	return props{}
}

func (b *Base) props(id uint32, depth int) props {
	for range maxModifiers + 1 {
		if id == 0 {
			return props{void: true}
		}
		t := b.Types[b.off[id]:]
		switch k := infoKind(le32(t[4:])); k {
		case KindTypedef, KindVolatile, KindConst, KindRestrict, KindTypeTag:
			id = le32(t[8:])
		case KindArray:
			if depth > maxModifiers {
				return props{}
			}
			each := b.props(le32(t[typeSize:]), depth+1)
			return props{size: product(each.size, le32(t[typeSize+8:])), sized: each.sized}
		default:
			return kindProps(k, le32(t[8:]))
		}
	}
	return props{}
}

// kindProps returns the properties of a type that is neither a modifier nor an array. size is in
// bytes, if the kind has one.
func kindProps(k Kind, size uint32) props {
	switch k {
	case KindInt:
		return props{size: uint64(size), sized: true, bits: 8 * uint64(size)}
	case KindEnum, KindEnum64:
		return props{size: uint64(size), sized: true, bits: min(8*uint64(size), 32)}
	case KindFloat, KindStruct, KindUnion:
		return props{size: uint64(size), sized: true}
	case KindPtr:
		return props{size: 4, sized: true} // or 8
	}
	return props{}
}

// product returns size times n, limited so that it does not overflow.
func product(size uint64, n uint32) uint64 { return min(size, 1<<32) * uint64(n) }
