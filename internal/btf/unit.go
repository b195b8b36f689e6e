// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"fmt"
)

// Ref refers to a type. In a Unit it is the number of a type, from 1. 0 is void.
type Ref uint32

// Type is a flat BTF type. The meaning of the fields depends on the kind (btf.rst, section 2.2);
// fields that are not listed are 0.
//
//	INT                      Size in bytes; Extra: encoding<<24 | bits
//	FLOAT                    Size in bytes
//	PTR, TYPEDEF, CONST ...  To
//	ARRAY                    To: the element; Index: the index type; Extra: number of elements
//	STRUCT, UNION            Size in bytes; First, N: Members; KindFlag: with bit field sizes
//	ENUM, ENUM64             Size in bytes; First, N: Enumerators; KindFlag: signed
//	FWD                      KindFlag: a union
//	FUNC_PROTO               To: the return type; First, N: Params
//	FUNC                     To: its FUNC_PROTO
//	DECL_TAG                 To; Extra: index of the member or parameter, or WholeDecl
type Type struct {
	Kind     Kind
	KindFlag bool
	Name     Name
	Size     uint32
	To       Ref
	Index    Ref
	Extra    uint32
	First, N uint32
}

// Member is a member of a STRUCT or UNION. Offset is in bits; with kind_flag its upper 8 bits are
// the size of a bit field in bits.
type Member struct {
	Name   Name
	Type   Ref
	Offset uint32
}

// Enumerator is a value of an ENUM (the lower 32 bits of Value) or ENUM64.
type Enumerator struct {
	Name  Name
	Value uint64
}

// Param is a parameter of a FUNC_PROTO. Without name and type it stands for variable arguments.
type Param struct {
	Name Name
	Type Ref
}

// Unit holds the types of a compilation unit. It is filled, hashed, passed to Module.AddUnit and
// reused. Names in it are results of NameAt. Units are independent: they can be filled and hashed
// in parallel.
type Unit struct {
	Types       []Type
	Members     []Member
	Enumerators []Enumerator
	Params      []Param

	// Tables are the string tables that StringRefs refer to.
	Tables [4][]byte
	// StringsPerUnit is set if the strings of a unit are contiguous in table 0, as in a relocatable
	// file.
	StringsPerUnit bool

	names unitNames

	hash   []Hash // cut hashes
	key    []Hash // the same, unless definitions are pinned: see pin
	pinned []bool // definitions of a tag that this unit defines in several ways
	cut    []Hash // what a reference to the type contributes
	state  []hashState
	refs   []Ref
	nodes  []uint32
}

// Grow empties the unit and makes room for a unit with n bytes of DIEs, to avoid copying while it
// is filled. The proportions are those of kernel modules; unused memory is not touched.
func (u *Unit) Grow(n int) {
	u.Types = withCapacity(u.Types, n/30)
	u.Members = withCapacity(u.Members, n/18)
	u.Enumerators = withCapacity(u.Enumerators, n/40)
	u.Params = withCapacity(u.Params, n/60)
	u.names.list = withCapacity(u.names.list, n/20)
}

// withCapacity is like slices.Grow, but does not keep the elements: that would touch the new
// memory.
func withCapacity[T any](s []T, n int) []T {
	if cap(s) >= n {
		return s
	}
	return make([]T, 0, n)
}

// Reset empties the unit and keeps its memory.
func (u *Unit) Reset() {
	u.Types, u.Members = u.Types[:0], u.Members[:0]
	u.Enumerators, u.Params = u.Enumerators[:0], u.Params[:0]
	u.names.reset()
}

// tagged returns the class of the tag that a type defines or declares, or notTag.
func (t *Type) tagged() tagClass {
	if t.Name == 0 {
		return notTag
	}
	return tagClassOf(t.Kind, t.KindFlag)
}

// declares reports whether a type only declares its tag. A declared enum has no enumerators.
func (t *Type) declares() bool {
	return t.Kind == KindFwd ||
		(t.Kind == KindEnum || t.Kind == KindEnum64) && t.N == 0 && t.Name != 0
}

// Hash computes the cut hash of every type. HashNames must have been called. It returns an error
// for types that nest too deeply or refer to themselves, as only damaged DWARF has.
func (u *Unit) Hash() error {
	n := len(u.Types)
	if cap(u.hash) < n {
		room := n + n/2
		u.hash, u.cut, u.state = make([]Hash, n, room), make([]Hash, n, room),
			make([]hashState, n, room)
		u.refs, u.nodes = make([]Ref, n, room), make([]uint32, n, room)
	}
	u.hash, u.cut, u.state = u.hash[:n], u.cut[:n], u.state[:n]
	u.refs, u.nodes = u.refs[:n], u.nodes[:n]
	u.pinned, u.key = nil, u.hash
	return u.rehash()
}

type hashState uint8

const (
	notHashed hashState = iota
	hashing
	hashed // cut is known
)

// rehash hashes types in dependency order: tags contribute only their names; types without a tag
// follow, depth first; types with a tag come last.
func (u *Unit) rehash() error {
	for i := range u.Types {
		t := &u.Types[i]
		c := t.tagged()
		if c == notTag {
			u.state[i] = notHashed
			continue
		}
		u.cut[i], u.state[i] = tagHash(c, u.names.list[t.Name].hash), hashed
		if u.pinned != nil && u.pinned[i] {
			u.cut[i].addHash(u.key[i])
		}
	}
	for i := range u.Types {
		if u.state[i] == notHashed {
			if err := u.hashCut(i, 0); err != nil {
				return err
			}
		}
	}
	for i := range u.Types {
		if t := &u.Types[i]; t.Name != 0 && t.tagged() != notTag {
			u.hash[i] = u.hashType(t)
		}
	}
	return nil
}

// hashCut hashes a type without a tag, after the types that it refers to.
func (u *Unit) hashCut(i int, depth int) error {
	if u.state[i] == hashing {
		return fmt.Errorf("a type refers to itself without passing through a name")
	}
	if depth > maxNesting {
		return fmt.Errorf("types nest more than %d deep", maxNesting)
	}
	u.state[i] = hashing
	t := &u.Types[i]
	need := func(to Ref) error {
		if to == 0 || u.state[to-1] == hashed {
			return nil
		}
		return u.hashCut(int(to-1), depth+1)
	}
	err := need(t.To)
	switch t.Kind {
	case KindArray:
		if err == nil {
			err = need(t.Index)
		}
	case KindStruct, KindUnion:
		for _, m := range u.Members[t.First : t.First+t.N] {
			if err == nil {
				err = need(m.Type)
			}
		}
	case KindFuncProto:
		for _, p := range u.Params[t.First : t.First+t.N] {
			if err == nil {
				err = need(p.Type)
			}
		}
	}
	if err != nil {
		return err
	}
	h := u.hashType(t)
	u.hash[i], u.cut[i], u.state[i] = h, h, hashed
	return nil
}

// maxRounds limits how far a difference between definitions propagates from tag to tag. In C it
// takes a few rounds, even in large programs.
const maxRounds = 256

// pin prepares a unit that has several definitions of a tag. C allows that in different functions,
// and link-time optimization merges files. References to such a tag are ambiguous by name. Its
// definitions are pinned: references to them contribute the definition's hash to the key. If that
// makes the keys of another tag's definitions differ, those are pinned too. tags has, for each
// type, the number of the tag that it defines, or noTag.
func (u *Unit) pin(tags []int32) error {
	plain := u.hash
	defer func() { u.hash = plain }()
	byTag := map[int32][]int{}
	for i, k := range tags {
		if k != noTag {
			byTag[k] = append(byTag[k], i)
		}
	}
	u.pinned = make([]bool, len(u.Types))
	for round := 0; ; round++ {
		more := false
		for _, defs := range byTag {
			for _, i := range defs {
				if u.key[i] != u.key[defs[0]] && !u.pinned[i] {
					more = true
					for _, i := range defs {
						u.pinned[i] = true
					}
				}
			}
		}
		if !more {
			return nil
		}
		if round == maxRounds {
			return fmt.Errorf(
				"definitions of a tag differ through more than %d other tags: damaged DWARF?",
				maxRounds)
		}
		u.hash = make([]Hash, len(u.Types))
		if err := u.rehash(); err != nil {
			return err
		}
		u.key = u.hash
	}
}

// reference returns what a reference contributes to a hash.
func (u *Unit) reference(to Ref) Hash {
	if to == 0 {
		return voidHash
	}
	return u.cut[to-1]
}

// hashType returns the same hash as baseHasher.visit does for an equal type. The hashes of the
// types referred to must be known.
func (u *Unit) hashType(t *Type) Hash {
	names := u.names.list
	sum := newHash(info(t.Kind, int(t.N), t.KindFlag), names[t.Name].hash, t.Size)
	switch t.Kind {
	case KindPtr, KindTypedef, KindVolatile, KindConst, KindRestrict, KindFunc, KindFuncProto,
		KindDeclTag, KindTypeTag, KindArray:
		sum.addHash(u.reference(t.To))
	}
	switch t.Kind {
	case KindInt, KindDeclTag:
		sum.add(0, uint64(t.Extra))
	case KindArray:
		sum.addHash(u.reference(t.Index))
		sum.add(0, uint64(t.Extra))
	case KindStruct, KindUnion:
		members := u.Members[t.First : t.First+t.N]
		for j := range members {
			m := &members[j]
			sum.addMember(names[m.Name].hash, uint64(m.Offset), u.reference(m.Type))
		}
	case KindEnum, KindEnum64:
		for _, e := range u.Enumerators[t.First : t.First+t.N] {
			sum.add(names[e.Name].hash, e.Value)
		}
	case KindFuncProto:
		for _, p := range u.Params[t.First : t.First+t.N] {
			sum.addMember(names[p.Name].hash, 0, u.reference(p.Type))
		}
	}
	return sum
}
