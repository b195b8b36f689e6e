// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"fmt"
	"slices"
)

// The checks that a kernel makes when it loads BTF are applied here to the types that are written:
// names, references and the layout of members. A type that fails comes from damaged DWARF, since no
// compiler emits it. The other rules hold by construction.

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

// validName reports whether a name is a C identifier of at most maxName bytes. Dots, which
// compilers add, are allowed, and so is the empty name.
func (w *writer) validName(n Name) bool {
	if n&deferred != 0 {
		n = w.named[n&^deferred]
	}
	if int(n) >= len(w.nameStates) {
		w.nameStates = append(w.nameStates, zeroed[nameState](w.m.Names.Len()-len(w.nameStates))...)
	}
	if w.nameStates[n] == unchecked {
		name := w.m.Names.Bytes(n)
		w.nameStates[n] = valid
		if len(name) > maxName {
			w.nameStates[n] = invalid
		}
		for i, c := range name {
			letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '.'
			if !letter && (i == 0 || c < '0' || c > '9') {
				w.nameStates[n] = invalid
			}
		}
	}
	return w.nameStates[n] == valid
}

// check returns an error if a kernel would refuse a new type.
func (w *writer) check(e viewNode) error {
	m := w.m
	t := &m.types[e.node]
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%s %q: %s: damaged DWARF?", t.Kind, m.Names.Bytes(t.Name),
			fmt.Sprintf(format, args...))
	}
	switch t.Kind {
	case KindInt, KindFloat, KindTypeTag, KindDeclTag:
	default:
		if !w.validName(t.Name) {
			return fail("name is not an identifier")
		}
	}
	switch t.Kind {
	case KindStruct, KindUnion:
		end := uint64(0) // of the previous member, in bits
		for i, x := range m.members[t.First : t.First+t.N] {
			props := w.props(e.view, x.Type)
			offset, width := uint64(x.Offset), uint64(0)
			if t.KindFlag {
				offset, width = offset&0xffffff, offset>>24
			}
			if width == 0 {
				width = 8 * props.size
			}
			switch {
			case !w.validName(x.Name):
				return fail("name of member %d is not an identifier", i)
			case !props.sized:
				return fail("type of member %d has no size", i)
			case t.Kind == KindStruct && offset < end, t.Kind == KindUnion && offset > 0,
				offset+width > 8*uint64(t.Size):
				return fail("member %d at bit %d does not fit", i, offset)
			}
			if t.Kind == KindStruct {
				end = offset + width
			}
		}
	case KindEnum, KindEnum64:
		for i, x := range m.enumerators[t.First : t.First+t.N] {
			if x.Name == 0 || !w.validName(x.Name) {
				return fail("name of enumerator %d is not an identifier", i)
			}
		}
	case KindArray:
		if !w.props(e.view, t.To).sized {
			return fail("element type has no size")
		}
	case KindFuncProto:
		if props := w.props(e.view, t.To); !props.passable && t.To != 0 && !props.void {
			return fail("return type is not a value")
		}
		for i, x := range m.params[t.First : t.First+t.N] {
			variadic := x.Type == 0 && x.Name == 0 && uint32(i) == t.N-1
			switch {
			case !w.validName(x.Name):
				return fail("name of parameter %d is not an identifier", i)
			case !variadic && !w.props(e.view, x.Type).passable:
				return fail("type of parameter %d cannot be passed", i)
			}
		}
	}
	return nil
}

// validSectionName reports whether the kernel accepts a name for a DATASEC.
func validSectionName(name []byte) bool {
	return len(name) > 0 && len(name) <= maxName && !slices.ContainsFunc(name,
		func(c byte) bool { return c < ' ' || c > '~' })
}

// props are the properties of a type that matter to types that refer to it.
type props struct {
	size     uint64 // bytes; a lower bound
	sized    bool   // the type has a size, as members and elements need
	passable bool   // a parameter may have this type: also a declaration
	void     bool
}

// props returns the properties of a type, looking through modifiers.
func (w *writer) props(view int, ref Ref) props {
	for range maxModifiers + 1 {
		at, ok := w.r.locate(view, ref)
		if !ok {
			if id, inBase := w.r.target(view, ref); inBase {
				return w.m.base.props(id, 0)
			}
			return props{passable: true} // declared only
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
	case KindInt, KindFloat, KindStruct, KindUnion, KindEnum, KindEnum64:
		return props{uint64(size), true, true, false}
	case KindPtr:
		return props{4, true, true, false} // or 8
	case KindFwd:
		return props{passable: true}
	}
	return props{}
}

// product returns size times n, limited so that it does not overflow.
func product(size uint64, n uint32) uint64 { return min(size, 1<<31) * uint64(n) }
