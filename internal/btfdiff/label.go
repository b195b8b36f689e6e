// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfdiff

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// variables returns those of a DATASEC by address, since their order carries no information.
func variables(r btfraw.Record) []btfraw.Variable {
	list := make([]btfraw.Variable, r.Vlen())
	for i := range list {
		list[i] = r.Variable(i)
	}
	slices.SortStableFunc(list, func(a, b btfraw.Variable) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Size, b.Size),
			cmp.Compare(typeName(r.BTF, a.Type), typeName(r.BTF, b.Type)))
	})
	return list
}

// references appends the ids that a type refers to, in the order in which they count.
func references(r btfraw.Record, to []uint32) []uint32 {
	if r.Kind() == btfraw.Datasec {
		for _, v := range variables(r) {
			to = append(to, v.Type)
		}
		return to
	}
	for _, id := range r.References {
		to = append(to, id)
	}
	return to
}

// typeName returns the name of a type; void has none.
func typeName(b *btfraw.BTF, id uint32) string {
	if id == 0 {
		return ""
	}
	return b.Record(id).Name()
}

// label appends everything in the record except its references. Records of one class have equal
// labels.
func label(r btfraw.Record, to []byte) []byte {
	kind := r.Kind()
	number := func(v uint32) { to = binary.LittleEndian.AppendUint32(to, v) }
	str := func(off uint32) { to = append(append(to, r.BTF.Bytes(off)...), 0) }
	number(r.Word(1)) // kind, kind_flag and vlen
	str(r.NameOffset())
	switch kind {
	case btfraw.Int, btfraw.Struct, btfraw.Union, btfraw.Enum, btfraw.Enum64, btfraw.Datasec, btfraw.Float:
		number(r.Size())
	}
	switch kind {
	case btfraw.Int, btfraw.Var, btfraw.DeclTag:
		number(r.Extra())
	case btfraw.Array:
		number(r.Array().Count)
	case btfraw.Struct, btfraw.Union, btfraw.Enum, btfraw.Enum64, btfraw.FuncProto:
		for i := range r.Vlen() {
			str(r.Item(i, 0))
			switch kind {
			case btfraw.Enum:
				number(r.Item(i, 1))
			case btfraw.Enum64:
				number(r.Item(i, 1))
				number(r.Item(i, 2))
			case btfraw.Struct, btfraw.Union:
				number(r.Item(i, 2)) // offset and size in bits
			}
		}
	case btfraw.Datasec:
		for _, v := range variables(r) {
			number(v.Offset)
			number(v.Size)
		}
	}
	return to
}

// A tag is the name of a struct, union or enum (as in C): declarations and definitions that share
// it refer to the same type.
type tag struct {
	kind btfraw.Kind // Struct, Union or Enum
	name string
}

// tagOf returns the record's tag, if it has one.
func tagOf(r btfraw.Record) (tag, bool) {
	kind := r.Kind()
	switch kind {
	case btfraw.Struct, btfraw.Union, btfraw.Enum:
	case btfraw.Enum64:
		kind = btfraw.Enum
	case btfraw.Fwd:
		kind = btfraw.Struct
		if r.Flag() {
			kind = btfraw.Union
		}
	default:
		return tag{}, false
	}
	name := r.Name()
	return tag{kind, name}, name != ""
}

// tagOfID returns the tag of an id's type, if it has one. Void has none.
func tagOfID(b *btfraw.BTF, id uint32) (tag, bool) {
	if id == 0 {
		return tag{}, false
	}
	return tagOf(b.Record(id))
}

// isDeclaration reports whether the type only declares a name that another may define.
func isDeclaration(r btfraw.Record) bool {
	switch r.Kind() {
	case btfraw.Fwd:
		return true
	case btfraw.Enum, btfraw.Enum64:
		return r.Vlen() == 0 && r.NameOffset() != 0
	}
	return false
}
