// SPDX-License-Identifier: GPL-2.0-only

package btf

import (
	"fmt"
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

	// Tables hold the strings that Places say.
	Tables [4][]byte
	// OwnStrings says that table 0 has the strings of each unit for itself, as in a relocatable file.
	OwnStrings bool

	names unitNames

	hash   []Hash // cut hashes
	key    []Hash // the same, unless pinned is in use: see pin
	pinned []bool // definitions of a tag that this unit defines in several ways
	cut    []Hash // what a reference to the type contributes
	state  []hashState
	refs   []Ref
	nodes  []uint32
}

// Grow empties the unit and makes room for one whose DIEs take n bytes, so that little is copied while it is read. The proportions are those of
// kernel modules; memory that is not used is not touched.
func (u *Unit) Grow(n int) {
	u.Types = room(u.Types, n/30)
	u.Members = room(u.Members, n/18)
	u.Enumerators = room(u.Enumerators, n/40)
	u.Params = room(u.Params, n/60)
	u.names.list = room(u.names.list, n/20)
}

// room is slices.Grow for a slice whose elements do not matter: that would touch the new memory.
func room[T any](s []T, n int) []T {
	if cap(s) >= n {
		return s
	}
	return make([]T, 0, n)
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

// Hash computes the cut hash of every type. HashNames has been called.
func (u *Unit) Hash() error {
	n := len(u.Types)
	if cap(u.hash) < n {
		room := n + n/2
		u.hash, u.cut, u.state = make([]Hash, n, room), make([]Hash, n, room), make([]hashState, n, room)
		u.refs, u.nodes = make([]Ref, n, room), make([]uint32, n, room)
	}
	u.hash, u.cut, u.state, u.refs, u.nodes = u.hash[:n], u.cut[:n], u.state[:n], u.refs[:n], u.nodes[:n]
	u.pinned, u.key = nil, u.hash
	return u.rehash()
}

type hashState uint8

const (
	notHashed hashState = iota
	hashing
	hashed // cut is known
)

// rehash hashes types in an order in which the references of each are known: tags contribute their names, types without a tag
// follow, depth first, and then those with one.
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

// hashCut hashes a type without a tag, and before it those that it refers to.
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

// maxRounds bounds how far a difference between definitions goes, from one tag to the next: in C a few, however large the program.
const maxRounds = 256

// pin prepares a unit that defines a tag in several ways, as C allows in different functions, and link-time optimisation between
// files. The name of such a tag does not tell what a reference means: its definitions are pinned, which makes references to them
// contribute the definition's hash to the key. Where that gives several keys to the definitions of another tag, those are
// pinned too. tags gives for each type the number of the tag that it defines, or noTag.
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
			return fmt.Errorf("definitions of one name differ by others that differ, and so on, more than %d times: damaged DWARF?", maxRounds)
		}
		u.hash = make([]Hash, len(u.Types))
		if err := u.rehash(); err != nil {
			return err
		}
		u.key = u.hash
	}
}

// reference is what a reference contributes.
func (u *Unit) reference(to Ref) Hash {
	if to == 0 {
		return voidHash
	}
	return u.cut[to-1]
}

// hashType computes what baseHasher.visit computes for the same type. What it refers to contributes what is known.
func (u *Unit) hashType(t *Type) Hash {
	names := u.names.list
	sum := begin(info(t.Kind, int(t.N), t.KindFlag), names[t.Name].hash, t.Number)
	switch t.Kind {
	case KindPtr, KindTypedef, KindVolatile, KindConst, KindRestrict, KindFunc, KindFuncProto, KindDeclTag, KindTypeTag, KindArray:
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
			sum.addPart(names[m.Name].hash, uint64(m.Offset), u.reference(m.Type))
		}
	case KindEnum, KindEnum64:
		for _, e := range u.Enumerators[t.First : t.First+t.N] {
			sum.add(names[e.Name].hash, e.Value)
		}
	case KindFuncProto:
		for _, p := range u.Params[t.First : t.First+t.N] {
			sum.addPart(names[p.Name].hash, 0, u.reference(p.Type))
		}
	}
	return sum
}
