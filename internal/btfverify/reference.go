// SPDX-License-Identifier: GPL-2.0-only

package btfverify

import (
	"fmt"
)

// A target is what a reference has to lead to.
type target struct {
	words    string
	stripped bool // behind modifiers
	kinds    kindSet
}

func (t target) fits(b *BTF, id uint32) bool {
	if t.stripped {
		id = b.strip(id)
	}
	return t.kinds.has(b.kind(id))
}

// What can be declared: FUNC, VAR, DATASEC and DECL_TAG are no types (btf.rst, section 2.2).
var (
	aType   = target{"a type", false, sized | modifiers | set(Void, Fwd, FuncProto)}
	aSize   = target{"a type with a size", true, sized}
	anInt   = target{"an INT", false, set(Int)}
	aParam  = target{"a type of parameters", true, sized&^set(Array) | set(Fwd)}
	aReturn = target{"a type that functions return", true, sized&^set(Array) | set(Void, Fwd)}
	aProto  = target{"a FUNC_PROTO", false, set(FuncProto)}
	aVar    = target{"a VAR", false, set(Var)}
	aTagged = target{"a STRUCT, UNION, FUNC, VAR or TYPEDEF", false, set(Struct, Union, Func, Var, Typedef)}
)

// targets checks what a type refers to.
func (v *verifier) targets(r record) error {
	for place, id := range r.references {
		want, what := expected(r, place)
		if id >= v.end() {
			return fmt.Errorf("%stype %d: the last one is %d", what, id, v.end()-1)
		}
		if want.fits(v.BTF, id) {
			continue
		}
		if r.kind() == FuncProto && place == r.vlen()-1 && id == 0 && r.word(r.item(place)) == 0 {
			continue // variable arguments
		}
		return fmt.Errorf("%s%s where %s belongs", what, v.describe(id), want.words)
	}
	if r.kind() == DeclTag {
		return v.component(r)
	}
	return nil
}

// expected says what has to be at a place of record.references, and names the place for messages.
func expected(r record, place int) (want target, what string) {
	switch r.kind() {
	case Func:
		return aProto, ""
	case Var:
		return aSize, ""
	case DeclTag:
		return aTagged, ""
	case Datasec:
		return aVar, fmt.Sprintf("variable %d: ", place)
	case Struct, Union:
		return aSize, member(r, place) + ": "
	case FuncProto:
		if place < 0 {
			return aReturn, "return: "
		}
		return aParam, fmt.Sprintf("parameter %d: ", place)
	case Array:
		if place == 0 {
			return aSize, "element: "
		}
		return anInt, "index: "
	}
	return aType, ""
}

// describe names a type for messages.
func (b *BTF) describe(id uint32) string {
	if id == 0 {
		return "void"
	}
	r := b.record(id)
	if name := r.name(); name != "" {
		return fmt.Sprintf("[%d] %v %s", id, r.kind(), name)
	}
	return fmt.Sprintf("[%d] %v", id, r.kind())
}

// component checks which member or parameter a DECL_TAG is for (btf.rst, section 2.2.17).
func (v *verifier) component(r record) error {
	n := int32(r.word(recordSize))
	if n == -1 {
		return nil
	}
	of := v.record(r.third())
	if of.kind() == Func && of.third() < v.end() && v.kind(of.third()) == FuncProto { // it may come later, and not be checked yet
		of = v.record(of.third())
	}
	switch of.kind() {
	case Struct, Union, FuncProto:
		if int(n) < of.vlen() {
			return nil
		}
		return fmt.Errorf("component %d of %s, which has %d", n, v.describe(r.third()), of.vlen())
	}
	return fmt.Errorf("component %d of %s, which has none", n, v.describe(r.third()))
}
