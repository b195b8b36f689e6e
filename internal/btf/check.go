// SPDX-License-Identifier: GPL-2.0-only

package btf

import (
	"fmt"
	"slices"
)

// What a kernel would refuse is refused here already, with a word on what it is: a compiler never writes it, so the file is damaged.
// Checked are the names of new types, what they refer to, and where members lie; all else follows from how types are made.

// maxModifiers is how many modifiers the kernel follows in a row (MAX_RESOLVE_DEPTH).
const maxModifiers = 32

// maxName is how many bytes a name may have (KSYM_NAME_LEN).
const maxName = 512

type identifierState uint8

const (
	notLookedAt identifierState = iota
	isIdentifier
	isOther
)

// identifies tells whether a name is what C calls an identifier, a compiler's dots included, and not too long.
func (w *writer) identifies(n Name) bool {
	if n&later != 0 {
		n = w.named[n&^later]
	}
	if int(n) >= len(w.identifier) {
		w.identifier = append(w.identifier, zeroed[identifierState](w.m.Names.Len()-len(w.identifier))...)
	}
	if w.identifier[n] == notLookedAt {
		name := w.m.Names.Bytes(n)
		w.identifier[n] = isIdentifier
		if len(name) > maxName {
			w.identifier[n] = isOther
		}
		for i, c := range name {
			letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '.'
			if !letter && (i == 0 || c < '0' || c > '9') {
				w.identifier[n] = isOther
			}
		}
	}
	return w.identifier[n] == isIdentifier
}

// check tells what is wrong with a new type.
func (w *writer) check(e emission) error {
	m := w.m
	t := &m.types[e.node]
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%s %q: %s: damaged DWARF?", t.Kind, m.Names.Bytes(t.Name), fmt.Sprintf(format, args...))
	}
	switch t.Kind {
	case KindInt, KindFloat, KindTypeTag, KindDeclTag:
	default:
		if !w.identifies(t.Name) {
			return fail("the name is no identifier")
		}
	}
	switch t.Kind {
	case KindStruct, KindUnion:
		end := uint64(0) // of the member before, in bits
		for i, x := range m.members[t.First : t.First+t.N] {
			form := w.form(e.scene, x.Type)
			offset, width := uint64(x.Offset), uint64(0)
			if t.KindFlag {
				offset, width = offset&0xffffff, offset>>24
			}
			if width == 0 {
				width = 8 * form.size
			}
			switch {
			case !w.identifies(x.Name):
				return fail("the name of member %d is no identifier", i)
			case !form.sized:
				return fail("member %d has a type without a size", i)
			case t.Kind == KindStruct && offset < end, t.Kind == KindUnion && offset > 0, offset+width > 8*uint64(t.Number):
				return fail("member %d at bit %d does not fit", i, offset)
			}
			if t.Kind == KindStruct {
				end = offset + width
			}
		}
	case KindEnum, KindEnum64:
		for i, x := range m.enumerators[t.First : t.First+t.N] {
			if x.Name == 0 || !w.identifies(x.Name) {
				return fail("the name of value %d is no identifier", i)
			}
		}
	case KindArray:
		if !w.form(e.scene, t.To).sized {
			return fail("an element has a type without a size")
		}
	case KindFuncProto:
		if form := w.form(e.scene, t.To); !form.passed && t.To != 0 && !form.void {
			return fail("it returns what cannot be returned")
		}
		for i, x := range m.params[t.First : t.First+t.N] {
			variadic := x.Type == 0 && x.Name == 0 && uint32(i) == t.N-1
			switch {
			case !w.identifies(x.Name):
				return fail("the name of parameter %d is no identifier", i)
			case !variadic && !w.form(e.scene, x.Type).passed:
				return fail("parameter %d has a type that cannot be passed", i)
			}
		}
	}
	return nil
}

// namesSection tells whether a section may be called so.
func namesSection(name []byte) bool {
	return len(name) > 0 && len(name) <= maxName && !slices.ContainsFunc(name, func(c byte) bool { return c < ' ' || c > '~' })
}

// form is what matters of a type to those that refer to it.
type form struct {
	size   uint64 // bytes, at least
	sized  bool   // it has a size: a member, an element may be of it
	passed bool   // a parameter may be of it; only a declaration, too
	void   bool
}

// form looks at a type behind its modifiers.
func (w *writer) form(scene int, ref Ref) form {
	for range maxModifiers + 1 {
		m, at, here := w.r.locate(scene, ref)
		switch {
		case !here && m.kind == baseType:
			return w.m.base.form(m.id, 0)
		case !here: // a declaration
			return form{passed: true}
		}
		t := &w.m.types[at.node]
		switch t.Kind {
		case KindTypedef, KindVolatile, KindConst, KindRestrict, KindTypeTag:
			scene, ref = at.scene, t.To
		case KindArray:
			each := w.form(at.scene, t.To)
			return form{size: product(each.size, t.Extra), sized: each.sized}
		default:
			return formOf(t.Kind, t.Number)
		}
	}
	return form{}
}

func (b *Base) form(id uint32, depth int) form {
	for range maxModifiers + 1 {
		if id == 0 {
			return form{void: true}
		}
		t := b.Types[b.off[id]:]
		switch k := infoKind(le32(t[4:])); k {
		case KindTypedef, KindVolatile, KindConst, KindRestrict, KindTypeTag:
			id = le32(t[8:])
		case KindArray:
			if depth > maxModifiers {
				return form{}
			}
			each := b.form(le32(t[typeSize:]), depth+1)
			return form{size: product(each.size, le32(t[typeSize+8:])), sized: each.sized}
		default:
			return formOf(k, le32(t[8:]))
		}
	}
	return form{}
}

// formOf is that of a type that is no modifier and no array; number is its size in bytes, where it has one.
func formOf(k Kind, number uint32) form {
	switch k {
	case KindInt, KindFloat, KindStruct, KindUnion, KindEnum, KindEnum64:
		return form{uint64(number), true, true, false}
	case KindPtr:
		return form{4, true, true, false} // or more
	case KindFwd:
		return form{passed: true}
	}
	return form{}
}

// product does not overflow.
func product(size uint64, n uint32) uint64 { return min(size, 1<<31) * uint64(n) }
