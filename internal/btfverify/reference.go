// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfverify

import (
	"fmt"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// A target describes the types that a reference may lead to.
type target struct {
	words    string
	stripped bool // after following modifiers
	kinds    kindSet
}

func (t *target) fits(b *BTF, id uint32) bool {
	if t.stripped {
		id = b.strip(id)
	}
	return t.kinds.has(b.Kind(id))
}

// What can be declared: FUNC, VAR, DATASEC and DECL_TAG are no types (btf.rst, section 2.2).
var (
	aType   = target{"a type", false, sized | modifiers | set(btfraw.Void, btfraw.Fwd, btfraw.FuncProto)}
	aSize   = target{"a type with a size", true, sized}
	anInt   = target{"an INT", false, set(btfraw.Int)}
	aParam  = target{"a type of parameters", true, sized}
	aReturn = target{"a type that functions return", true, sized}
	aProto  = target{"a FUNC_PROTO", false, set(btfraw.FuncProto)}
	aVar    = target{"a VAR", false, set(btfraw.Var)}
	aTagged = target{"a STRUCT, UNION, FUNC, VAR or TYPEDEF", false,
		set(btfraw.Struct, btfraw.Union, btfraw.Func, btfraw.Var, btfraw.Typedef)}
)

// targets checks what a type refers to.
func (v *verifier) targets(r btfraw.Record) error {
	for place, id := range r.References {
		if id >= v.End() {
			return fmt.Errorf("%stype %d: the last one is %d", placeOf(r, place), id, v.End()-1)
		}
		want := expected(r.Kind(), place)
		if want.fits(v.BTF, id) {
			continue
		}
		if r.Kind() == btfraw.FuncProto && id == 0 && (place < 0 || isVariadic(r, place)) {
			continue // void itself, not a typedef of it; or variable arguments
		}
		return fmt.Errorf("%s%s where %s belongs", placeOf(r, place), v.describe(id), want.words)
	}
	switch r.Kind() {
	case btfraw.DeclTag:
		return v.component(r)
	case btfraw.Func:
		return v.parametersNamed(r)
	}
	return nil
}

// isVariadic reports whether a parameter of a FUNC_PROTO stands for variable arguments.
func isVariadic(r btfraw.Record, i int) bool {
	return i == r.Vlen()-1 && r.Item(i, 0) == 0 && r.Item(i, 1) == 0
}

// parametersNamed checks that the parameters of a FUNC have names.
func (v *verifier) parametersNamed(r btfraw.Record) error {
	proto := v.Record(r.Type())
	for i := range proto.Vlen() {
		if proto.Item(i, 0) == 0 && !isVariadic(proto, i) {
			return fmt.Errorf("parameter %d of %s has no name", i, v.describe(r.Type()))
		}
	}
	return nil
}

// expected returns what a type of a kind has to refer to from a place of References.
func expected(k btfraw.Kind, place int) *target {
	switch {
	case k == btfraw.Func:
		return &aProto
	case k == btfraw.Var, k == btfraw.Struct, k == btfraw.Union, k == btfraw.Array && place == 0:
		return &aSize
	case k == btfraw.Array:
		return &anInt
	case k == btfraw.DeclTag:
		return &aTagged
	case k == btfraw.Datasec:
		return &aVar
	case k == btfraw.FuncProto && place < 0:
		return &aReturn
	case k == btfraw.FuncProto:
		return &aParam
	}
	return &aType
}

// placeOf names a place of References for messages.
func placeOf(r btfraw.Record, place int) string {
	switch k := r.Kind(); {
	case k == btfraw.Datasec:
		return fmt.Sprintf("variable %d: ", place)
	case k == btfraw.Struct, k == btfraw.Union:
		return member(r, place) + ": "
	case k == btfraw.FuncProto && place < 0:
		return "return: "
	case k == btfraw.FuncProto:
		return fmt.Sprintf("parameter %d: ", place)
	case k == btfraw.Array && place == 0:
		return "element: "
	case k == btfraw.Array:
		return "index: "
	}
	return ""
}

// describe names a type for messages.
func (b *BTF) describe(id uint32) string {
	if id == 0 {
		return "void"
	}
	r := b.Record(id)
	if name := nameOf(r); name != "" {
		return fmt.Sprintf("[%d] %v %s", id, r.Kind(), name)
	}
	return fmt.Sprintf("[%d] %v", id, r.Kind())
}

// component checks which member or parameter a DECL_TAG is for (btf.rst, section 2.2.17).
func (v *verifier) component(r btfraw.Record) error {
	n := int32(r.Extra())
	if n == -1 {
		return nil
	}
	of := v.Record(r.Type())
	// A FUNC with a higher id has not been checked yet.
	if of.Kind() == btfraw.Func && of.Type() < v.End() && v.Kind(of.Type()) == btfraw.FuncProto {
		of = v.Record(of.Type())
	}
	switch of.Kind() {
	case btfraw.Struct, btfraw.Union, btfraw.FuncProto:
		if int(n) < of.Vlen() {
			return nil
		}
		return fmt.Errorf("component %d of %s, which has %d", n, v.describe(r.Type()), of.Vlen())
	}
	return fmt.Errorf("component %d of %s, which has none", n, v.describe(r.Type()))
}
