// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/dwarf"
)

// Most DIEs of a unit are members, enumerators and parameters with only a name, a type and a number
// (dwarf.Leaf). A run of them after the DIE of their type is read here in a loop, directly into the
// unit. If other DIEs follow in between, the children read so far move to the stack of unitTypes,
// and visit continues. The three loops have the same shape; one loop for all of them would branch on
// the kind, or make an indirect call, for each of the millions of leaves.

const (
	maxOffset    = 1<<32 - 1 // of a member, in bits
	memberTooFar = "at bit %d, too far for BTF"
)

// readMembers reads the members of type i, a struct or union.
func (t *unitTypes) readMembers(r *dwarf.Reader, i uint32) error {
	from := len(t.unit.Members)
	typ := &t.unit.Types[i]
	typ.First = uint32(from)
	if !r.HasChildren() {
		return nil
	}
	var p dwarf.Leaf
	for !t.rust && r.NextLeaf(dwarf.TagMember, &p) { // members of Rust structs are sorted first
		n, err := t.leafName(&p)
		if err != nil {
			return err
		}
		if p.Number > maxOffset/8 {
			t.leaveOut(i, n, memberTooFar, 8*p.Number)
			continue
		}
		t.unit.Members = append(t.unit.Members,
			btf.Member{Name: n, Type: t.refTo(p.Type), Offset: 8 * uint32(p.Number)})
	}
	if r.EndChildren() {
		typ.N = uint32(len(t.unit.Members) - from)
		return nil
	}
	t.open = append(t.open, openType{tag: dwarf.TagStructureType, depth: r.Depth, typ: i,
		from: len(t.members)})
	t.members = append(t.members, t.unit.Members[from:]...)
	t.unit.Members = t.unit.Members[:from]
	return nil
}

// readEnumerators reads the enumerators of type i.
func (t *unitTypes) readEnumerators(r *dwarf.Reader, i uint32) error {
	from := len(t.unit.Enumerators)
	typ := &t.unit.Types[i]
	typ.First = uint32(from)
	if !r.HasChildren() {
		return nil
	}
	wide := false
	var p dwarf.Leaf
	for r.NextLeaf(dwarf.TagEnumerator, &p) {
		n, err := t.leafName(&p)
		if err != nil {
			return err
		}
		v, negative, err := t.enumValue(r, i, p.Number)
		if err != nil {
			return err
		}
		wide = wide || negative
		t.unit.Enumerators = append(t.unit.Enumerators, btf.Enumerator{Name: n, Value: v})
	}
	if r.EndChildren() {
		typ.N, typ.KindFlag = uint32(len(t.unit.Enumerators)-from), typ.KindFlag || wide
		return nil
	}
	t.open = append(t.open, openType{tag: dwarf.TagEnumerationType, depth: r.Depth, typ: i,
		from: len(t.enums), wide: wide})
	t.enums = append(t.enums, t.unit.Enumerators[from:]...)
	t.unit.Enumerators = t.unit.Enumerators[:from]
	return nil
}

// enumValue returns the value of an enumerator of type i in BTF, and whether it makes the enum
// signed.
func (t *unitTypes) enumValue(r *dwarf.Reader, i uint32,
	v uint64) (value uint64, negative bool, err error) {
	switch typ := &t.unit.Types[i]; {
	case typ.Kind == btf.KindEnum64:
		return v, false, nil
	case !t.dialect.Enum64:
		return uint64(uint32(v)), false, nil
	case int64(v) < -1<<31 || int64(v) >= 1<<32:
		return 0, false, dieError(r, "enumerator value %#x does not fit an enum of %d bytes",
			v, typ.Size)
	}
	return uint64(uint32(v)), int64(v) < 0, nil
}

// readParameters reads the parameters of type i, a function type.
func (t *unitTypes) readParameters(r *dwarf.Reader, i uint32) error {
	from := len(t.unit.Params)
	typ := &t.unit.Types[i]
	typ.First = uint32(from)
	if !r.HasChildren() {
		return nil
	}
	var p dwarf.Leaf
	for r.NextLeaf(dwarf.TagFormalParameter, &p) {
		n, err := t.leafName(&p)
		if err != nil {
			return err
		}
		t.unit.Params = append(t.unit.Params, btf.Param{Name: n, Type: t.refTo(p.Type)})
	}
	if r.EndChildren() {
		typ.N = uint32(len(t.unit.Params) - from)
		return nil
	}
	t.open = append(t.open, openType{tag: dwarf.TagSubroutineType, depth: r.Depth, typ: i,
		from: len(t.params)})
	t.params = append(t.params, t.unit.Params[from:]...)
	t.unit.Params = t.unit.Params[:from]
	return nil
}

func (t *unitTypes) leafName(p *dwarf.Leaf) (btf.Name, error) {
	if p.Name == dwarf.NoName {
		return 0, nil
	}
	return t.nameAt(p.Name)
}
