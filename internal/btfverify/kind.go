// SPDX-License-Identifier: GPL-2.0-only

package btfverify

import "fmt"

// Kind is BTF_KIND_* (btf.rst, section 2.2).
type Kind uint8

const (
	Void Kind = iota
	Int
	Ptr
	Array
	Struct
	Union
	Enum
	Fwd
	Typedef
	Volatile
	Const
	Restrict
	Func
	FuncProto
	Var
	Datasec
	Float
	DeclTag
	TypeTag
	Enum64
	kindCount
)

func (k Kind) String() string {
	if k < kindCount {
		return kinds[k].name
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// A kindForm is what btf.rst demands of every record of a kind: section 2.2.N for kind N.
type kindForm struct {
	name        string
	fixed, each int // bytes that follow the 12 that all kinds have: once, and vlen times
	named       nameRule
	vlen        vlenRule
	flag        bool // kind_flag has a meaning
	third       thirdWord
}

type nameRule uint8

const (
	noName     nameRule = iota
	anyName             // no rule
	maybeIdent          // an identifier or none
	identifier
	section // what an ELF section may be called
	text    // not empty
)

type vlenRule uint8

const (
	noVlen  vlenRule = iota
	count            // of what follows the record
	linkage          // of a FUNC: static or global
)

// thirdWord is the meaning of the word behind name_off and info.
type thirdWord uint8

const (
	unused thirdWord = iota // has to be 0
	size                    // in bytes
	typeID
)

var kinds = [kindCount]kindForm{
	Void:      {name: "VOID"},
	Int:       {name: "INT", fixed: 4, named: anyName, third: size},
	Ptr:       {name: "PTR", third: typeID},
	Array:     {name: "ARRAY", fixed: 12},
	Struct:    {name: "STRUCT", each: 12, named: maybeIdent, vlen: count, flag: true, third: size},
	Union:     {name: "UNION", each: 12, named: maybeIdent, vlen: count, flag: true, third: size},
	Enum:      {name: "ENUM", each: 8, named: maybeIdent, vlen: count, flag: true, third: size},
	Fwd:       {name: "FWD", named: identifier, flag: true},
	Typedef:   {name: "TYPEDEF", named: identifier, third: typeID},
	Volatile:  {name: "VOLATILE", third: typeID},
	Const:     {name: "CONST", third: typeID},
	Restrict:  {name: "RESTRICT", third: typeID},
	Func:      {name: "FUNC", named: identifier, vlen: linkage, third: typeID},
	FuncProto: {name: "FUNC_PROTO", each: 8, vlen: count, third: typeID},
	Var:       {name: "VAR", fixed: 4, named: identifier, third: typeID},
	Datasec:   {name: "DATASEC", each: 12, named: section, vlen: count, third: size},
	Float:     {name: "FLOAT", named: anyName, third: size},
	DeclTag:   {name: "DECL_TAG", fixed: 4, named: text, third: typeID},
	TypeTag:   {name: "TYPE_TAG", named: text, third: typeID},
	Enum64:    {name: "ENUM64", each: 12, named: maybeIdent, vlen: count, flag: true, third: size},
}

// A kindSet has bit k set for kind k.
type kindSet uint32

func set(list ...Kind) (s kindSet) {
	for _, k := range list {
		s |= 1 << k
	}
	return s
}

func (s kindSet) has(k Kind) bool { return s>>k&1 != 0 }

var (
	modifiers = set(Typedef, Volatile, Const, Restrict, TypeTag)
	sized     = set(Int, Ptr, Array, Struct, Union, Enum, Enum64, Float)
)
