// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfraw

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
	NumKinds
)

// kinds has each kind's name as btf.rst spells it, and the bytes that follow the record: once, and
// vlen times.
var kinds = [NumKinds]struct {
	name       string
	once, each int
}{
	Void:      {name: "VOID"},
	Int:       {name: "INT", once: 4},
	Ptr:       {name: "PTR"},
	Array:     {name: "ARRAY", once: 12},
	Struct:    {name: "STRUCT", each: 12},
	Union:     {name: "UNION", each: 12},
	Enum:      {name: "ENUM", each: 8},
	Fwd:       {name: "FWD"},
	Typedef:   {name: "TYPEDEF"},
	Volatile:  {name: "VOLATILE"},
	Const:     {name: "CONST"},
	Restrict:  {name: "RESTRICT"},
	Func:      {name: "FUNC"},
	FuncProto: {name: "FUNC_PROTO", each: 8},
	Var:       {name: "VAR", once: 4},
	Datasec:   {name: "DATASEC", each: 12},
	Float:     {name: "FLOAT"},
	DeclTag:   {name: "DECL_TAG", once: 4},
	TypeTag:   {name: "TYPE_TAG"},
	Enum64:    {name: "ENUM64", each: 12},
}

// itemWords is each in words of 32 bits.
var itemWords = [32]int{Struct: 3, Union: 3, Enum: 2, FuncProto: 2, Datasec: 3, Enum64: 3}

func (k Kind) String() string {
	if k < NumKinds {
		return kinds[k].name
	}
	return fmt.Sprintf("kind %d", uint8(k))
}
