// SPDX-License-Identifier: GPL-2.0-only

package btf

import (
	"fmt"
	"slices"
)

// Ref refers to a type: in a Unit it is the number of one of its types, counted from 1. 0 is void.
type Ref uint32

// Type is one type, flat. What the fields mean depends on the kind (btf.rst, section 2.2); those not named are 0.
//
//	INT                      Number: size in bytes; Extra: encoding<<24 | bits
//	FLOAT                    Number: size in bytes
//	PTR, TYPEDEF, CONST ...  To
//	ARRAY                    To: the element; Index: the index type; Extra: number of elements
//	STRUCT, UNION            Number: size in bytes; First, N: Members; KindFlag: members have bit field sizes
//	ENUM, ENUM64             Number: size in bytes; First, N: Enumerators; KindFlag: signed. N = 0: a declaration
//	FWD                      KindFlag: a union
//	FUNC_PROTO               To: what it returns; First, N: Params
//	FUNC                     To: its FUNC_PROTO
//	DECL_TAG                 To; Extra: index of the member or parameter, all ones for the whole
type Type struct {
	Kind     Kind
	KindFlag bool
	Name     Name
	Number   uint32
	To       Ref
	Index    Ref
	Extra    uint32
	First, N uint32
}

// Member of a STRUCT or UNION. Offset is in bits; with kind_flag its upper 8 bits are the size of a bit field in bits.
type Member struct {
	Name   Name
	Type   Ref
	Offset uint32
}

// Enumerator of an ENUM (the lower 32 bits of Value) or ENUM64.
type Enumerator struct {
	Name  Name
	Value uint64
}

// Param of a FUNC_PROTO. Name 0, type void: further parameters (...).
type Param struct {
	Name Name
	Type Ref
}

// Unit is the types of one compilation unit. It is filled, hashed, given to Module.AddUnit and reused. A Name in a unit is a number
// that NameAt gave. Units know nothing of each other: they can be filled and hashed in parallel.
type Unit struct {
	Types       []Type
	Members     []Member
	Enumerators []Enumerator
	Params      []Param

	// Strings gives the section that a string stands in and its offset there.
	Strings func(Place) (tab []byte, off uint64)

	names unitNames

	hash   []Hash // cut hashes
	key    []Hash // the same, unless pinned is in use: see pin
	pinned []bool // definitions of a tag that this unit defines in several ways
	state  []byte
	refs   []Ref
}

// Grow makes room for a unit whose DIEs take n bytes, so that little is copied while it is read. The proportions are those of
// kernel modules; memory that is not used is not touched.
func (u *Unit) Grow(n int) {
	u.Types = slices.Grow(u.Types, n/30)
	u.Members = slices.Grow(u.Members, n/18)
	u.Enumerators = slices.Grow(u.Enumerators, n/40)
	u.Params = slices.Grow(u.Params, n/60)
	u.names.list = slices.Grow(u.names.list, n/20)
}

// Reset empties the unit and keeps its memory.
func (u *Unit) Reset() {
	u.Types, u.Members, u.Enumerators, u.Params = u.Types[:0], u.Members[:0], u.Enumerators[:0], u.Params[:0]
	u.names.reset()
}

// tagged tells whether a type is, or declares, a tag.
func (t *Type) tagged() tagClass {
	if t.Name == 0 {
		return notTag
	}
	return tagClassOf(t.Kind, t.KindFlag)
}

// declares tells whether a type only declares its tag. An enum's declaration has no enumerators.
func (t *Type) declares() bool {
	return t.Kind == KindFwd || (t.Kind == KindEnum || t.Kind == KindEnum64) && t.N == 0 && t.Name != 0
}

// Hash computes the cut hash of every type.
func (u *Unit) Hash() error {
	n := len(u.Types)
	if cap(u.hash) < n {
		u.hash, u.state, u.refs = make([]Hash, n, n+n/2), make([]byte, n, n+n/2), make([]Ref, n, n+n/2)
	}
	u.hash, u.state, u.refs = u.hash[:n], u.state[:n], u.refs[:n]
	u.pinned, u.key = nil, u.hash
	return u.rehash()
}

func (u *Unit) rehash() error {
	clear(u.state)
	for i := range u.Types {
		if u.state[i] == 0 {
			if err := u.hashOne(i, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// pin prepares a unit that defines a tag in several ways, as C allows in different functions, and link-time optimisation between
// files. The name of such a tag does not tell what a reference means: its definitions are pinned, which makes references to them
// contribute the definition's hash to the key. Where that gives several keys to the definitions of another tag, those are
// pinned too. tags gives for each type the number of the tag that it defines, -1 for none.
func (u *Unit) pin(tags []int32) error {
	plain := u.hash
	defer func() { u.hash = plain }()
	byTag := map[int32][]int{}
	for i, k := range tags {
		if k >= 0 {
			byTag[k] = append(byTag[k], i)
		}
	}
	u.pinned = make([]bool, len(u.Types))
	for {
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
		u.hash = make([]Hash, len(u.Types))
		if err := u.rehash(); err != nil {
			return err
		}
		u.key = u.hash
	}
}

// refHash is what a reference contributes.
func (u *Unit) refHash(to Ref, depth int) (Hash, error) {
	if to == 0 {
		return voidHash, nil
	}
	i := int(to - 1)
	t := &u.Types[i]
	if c := t.tagged(); c != notTag {
		h := tagHash(c, u.names.list[t.Name].hash)
		if u.pinned != nil && u.pinned[i] {
			h.addHash(u.key[i])
		}
		return h, nil
	}
	if u.state[i] != 2 {
		if err := u.hashOne(i, depth+1); err != nil {
			return Hash{}, err
		}
	}
	return u.hash[i], nil
}

// hashOne computes what baseHasher.visit computes for the same type.
func (u *Unit) hashOne(i int, depth int) error {
	if u.state[i] == 1 {
		return fmt.Errorf("a type refers to itself without passing through a name")
	}
	if depth > maxNesting {
		return fmt.Errorf("types nest more than %d deep", maxNesting)
	}
	u.state[i] = 1
	t := &u.Types[i]
	sum := begin(info(t.Kind, int(t.N), t.KindFlag), u.names.list[t.Name].hash, t.Number)
	var r Hash
	var err error
	switch t.Kind {
	case KindPtr, KindTypedef, KindVolatile, KindConst, KindRestrict, KindFunc, KindFuncProto, KindDeclTag, KindTypeTag, KindArray:
		if r, err = u.refHash(t.To, depth); err != nil {
			return err
		}
		sum.addHash(r)
	}
	switch t.Kind {
	case KindInt, KindDeclTag:
		sum.add(0, uint64(t.Extra))
	case KindArray:
		if r, err = u.refHash(t.Index, depth); err != nil {
			return err
		}
		sum.addHash(r)
		sum.add(0, uint64(t.Extra))
	case KindStruct, KindUnion:
		members := u.Members[t.First : t.First+t.N]
		for j := range members {
			m := &members[j]
			if r, err = u.refHash(m.Type, depth); err != nil {
				return err
			}
			sum.add(u.names.list[m.Name].hash, uint64(m.Offset))
			sum.addHash(r)
		}
	case KindEnum, KindEnum64:
		for _, e := range u.Enumerators[t.First : t.First+t.N] {
			sum.add(u.names.list[e.Name].hash, e.Value)
		}
	case KindFuncProto:
		for _, p := range u.Params[t.First : t.First+t.N] {
			if r, err = u.refHash(p.Type, depth); err != nil {
				return err
			}
			sum.add(u.names.list[p.Name].hash, 0)
			sum.addHash(r)
		}
	}
	u.hash[i] = sum
	u.state[i] = 2
	return nil
}
