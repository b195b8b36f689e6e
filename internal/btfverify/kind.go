// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfverify

import "github.com/kbtf/kbtf/internal/btfraw"

// A kindForm is what btf.rst demands of every record of kind N, section 2.2.N.
type kindForm struct {
	named nameRule
	vlen  vlenRule
	flag  bool // kind_flag has a meaning
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

var forms = [btfraw.NumKinds]kindForm{
	btfraw.Int:       {named: anyName},
	btfraw.Struct:    {named: maybeIdent, vlen: count, flag: true},
	btfraw.Union:     {named: maybeIdent, vlen: count, flag: true},
	btfraw.Enum:      {named: maybeIdent, vlen: count, flag: true},
	btfraw.Fwd:       {named: identifier, flag: true},
	btfraw.Typedef:   {named: identifier},
	btfraw.Func:      {named: identifier, vlen: linkage},
	btfraw.FuncProto: {vlen: count},
	btfraw.Var:       {named: identifier},
	btfraw.Datasec:   {named: section, vlen: count},
	btfraw.Float:     {named: anyName},
	btfraw.DeclTag:   {named: text},
	btfraw.TypeTag:   {named: text},
	btfraw.Enum64:    {named: maybeIdent, vlen: count, flag: true},
}

func formOf(r btfraw.Record) *kindForm { return &forms[r.Kind()] }

// A kindSet has bit k set for kind k.
type kindSet uint32

func set(list ...btfraw.Kind) (s kindSet) {
	for _, k := range list {
		s |= 1 << k
	}
	return s
}

func (s kindSet) has(k btfraw.Kind) bool { return s>>k&1 != 0 }

var (
	modifiers = set(btfraw.Typedef, btfraw.Volatile, btfraw.Const, btfraw.Restrict, btfraw.TypeTag)
	sized     = set(btfraw.Int, btfraw.Ptr, btfraw.Array, btfraw.Struct, btfraw.Union,
		btfraw.Enum, btfraw.Enum64, btfraw.Float)
	// unsized have neither a size nor a type in the word after info.
	unsized = set(btfraw.Array, btfraw.Fwd)
)
