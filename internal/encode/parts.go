// SPDX-License-Identifier: GPL-2.0-only

package encode

import (
	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/dwarf"
)

// Most DIEs of a unit are members, enumerators and parameters that have nothing but a name, a type and a number. They are read here
// in one go, straight into the unit, behind the DIE of their type. Where others are among them, what was read moves to the stack on
// which unitTypes.visit goes on.

const (
	maxOffset = 1<<32 - 1 // of a member, in bits
	tooFar    = "a member at bit %d: too far for BTF"
)

// plainMembers reads the members of a struct or union, number i of the types.
func (t *unitTypes) plainMembers(r *dwarf.Reader, i uint32) error {
	from := len(t.unit.Members)
	typ := &t.unit.Types[i]
	typ.First = uint32(from)
	if !r.HasChildren() {
		return nil
	}
	var p dwarf.Part
	for !t.rust && r.NextPart(dwarf.TagMember, &p) { // Rust's are sorted when all are there
		n, err := t.partName(&p)
		if err != nil {
			return err
		}
		if p.Number > maxOffset/8 {
			return dieError(r, tooFar, 8*p.Number)
		}
		t.unit.Members = append(t.unit.Members, btf.Member{Name: n, Type: t.refTo(p.Type), Offset: 8 * uint32(p.Number)})
	}
	if r.Leave() {
		typ.N = uint32(len(t.unit.Members) - from)
		return nil
	}
	t.open = append(t.open, open{tag: dwarf.TagStructureType, depth: r.Depth, typ: i, from: len(t.members)})
	t.members = append(t.members, t.unit.Members[from:]...)
	t.unit.Members = t.unit.Members[:from]
	return nil
}

// enumerators reads those of an enum, number i of the types.
func (t *unitTypes) enumerators(r *dwarf.Reader, i uint32) error {
	from := len(t.unit.Enumerators)
	typ := &t.unit.Types[i]
	typ.First = uint32(from)
	if !r.HasChildren() {
		return nil
	}
	wide := false
	var p dwarf.Part
	for r.NextPart(dwarf.TagEnumerator, &p) {
		n, err := t.partName(&p)
		if err != nil {
			return err
		}
		v, negative, err := t.enumerator(r, i, p.Number)
		if err != nil {
			return err
		}
		wide = wide || negative
		t.unit.Enumerators = append(t.unit.Enumerators, btf.Enumerator{Name: n, Value: v})
	}
	if r.Leave() {
		typ.N, typ.KindFlag = uint32(len(t.unit.Enumerators)-from), typ.KindFlag || wide
		return nil
	}
	t.open = append(t.open, open{tag: dwarf.TagEnumerationType, depth: r.Depth, typ: i, from: len(t.enums), wide: wide})
	t.enums = append(t.enums, t.unit.Enumerators[from:]...)
	t.unit.Enumerators = t.unit.Enumerators[:from]
	return nil
}

// enumerator gives a value as BTF has it, and tells whether it makes the enum a signed one.
func (t *unitTypes) enumerator(r *dwarf.Reader, i uint32, v uint64) (value uint64, negative bool, err error) {
	switch typ := &t.unit.Types[i]; {
	case typ.Kind == btf.KindEnum64:
		return v, false, nil
	case !t.dialect.Enum64:
		return uint64(uint32(v)), false, nil
	case int64(v) < -1<<31 || int64(v) >= 1<<32:
		return 0, false, dieError(r, "enumerator value %#x does not fit an enum of %d bytes", v, typ.Size)
	}
	return uint64(uint32(v)), int64(v) < 0, nil
}

// parameters reads those of a pointer to a function, number i of the types.
func (t *unitTypes) parameters(r *dwarf.Reader, i uint32) error {
	from := len(t.unit.Params)
	typ := &t.unit.Types[i]
	typ.First = uint32(from)
	if !r.HasChildren() {
		return nil
	}
	var p dwarf.Part
	for r.NextPart(dwarf.TagFormalParameter, &p) {
		n, err := t.partName(&p)
		if err != nil {
			return err
		}
		t.unit.Params = append(t.unit.Params, btf.Param{Name: n, Type: t.refTo(p.Type)})
	}
	if r.Leave() {
		typ.N = uint32(len(t.unit.Params) - from)
		return nil
	}
	t.open = append(t.open, open{tag: dwarf.TagSubroutineType, depth: r.Depth, typ: i, from: len(t.params)})
	t.params = append(t.params, t.unit.Params[from:]...)
	t.unit.Params = t.unit.Params[:from]
	return nil
}

func (t *unitTypes) partName(p *dwarf.Part) (btf.Name, error) {
	if p.Name == dwarf.NoName {
		return 0, nil
	}
	return t.nameAt(p.Name)
}
