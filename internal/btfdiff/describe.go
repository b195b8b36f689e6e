// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfdiff

import (
	"fmt"
	"strings"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// maxMembers bounds what one description lists: members, values and parameters, those
// of nested types without a name included.
const maxMembers = 1000

// describe returns a type in C-like notation, with the numbers that C omits.
func describe(b *btfraw.BTF, id uint32) string {
	return (&describer{BTF: b, left: maxMembers}).describe(id)
}

// text is like describe, with a line for each member.
func text(b *btfraw.BTF, id uint32) string {
	return (&describer{BTF: b, left: maxMembers, lines: true}).describe(id)
}

// declaration returns a type as C refers to it. For types without a name it lists the first
// members.
func declaration(b *btfraw.BTF, id uint32) string {
	return (&describer{BTF: b, left: 4}).declare(id, "", 1)
}

type describer struct {
	*btfraw.BTF
	left  int  // members that may still be listed
	lines bool // a line for each member, but for those of nested types
}

// gaps returns the text before each member and after the last.
func (b *describer) gaps(depth int) (before, behind string) {
	if b.lines && depth == 0 {
		return "\n  ", "\n"
	}
	return " ", " "
}

// more reports whether another member may be listed.
func (b *describer) more() bool {
	b.left--
	return b.left >= 0
}

func (b *describer) describe(id uint32) string {
	r := b.Record(id)
	name := r.Name()
	switch kind := r.Kind(); kind {
	case btfraw.Int:
		v := r.Extra()
		return fmt.Sprintf("INT %s size %d bits %d offset %d encoding %d", name, r.Size(), v&0xff, v>>16&0xff, v>>24)
	case btfraw.Struct, btfraw.Union, btfraw.Enum, btfraw.Enum64:
		return fmt.Sprintf("%v %s size %d %s", kind, name, r.Size(), b.body(r, 0))
	case btfraw.Func:
		linkage := []string{"static", "global", "extern"}
		if r.Vlen() < len(linkage) {
			return fmt.Sprintf("FUNC %s %s", linkage[r.Vlen()], b.declare(r.Type(), name, 0))
		}
		return fmt.Sprintf("FUNC linkage %d %s", r.Vlen(), b.declare(r.Type(), name, 0))
	case btfraw.Var:
		return fmt.Sprintf("VAR %s linkage %d", b.declare(r.Type(), name, 0), r.Extra())
	case btfraw.Datasec:
		var s strings.Builder
		before, behind := b.gaps(0)
		fmt.Fprintf(&s, "DATASEC %s size %d {", name, r.Size())
		for _, entry := range variables(r) {
			s.WriteString(before)
			if !b.more() {
				s.WriteString("...")
				break
			}
			fmt.Fprintf(&s, "%d: %s size %d;", entry.Offset, typeName(b.BTF, entry.Type), entry.Size)
		}
		return s.String() + behind + "}"
	case btfraw.Typedef:
		return "TYPEDEF " + b.declare(r.Type(), name, 0)
	case btfraw.DeclTag:
		return fmt.Sprintf("DECL_TAG %q component %d of %s", name, int32(r.Extra()), b.declare(r.Type(), "", 0))
	case btfraw.Fwd:
		t, _ := tagOf(r)
		return "FWD " + strings.ToLower(t.kind.String()) + " " + name
	default:
		return kind.String() + " " + b.declare(id, "", 0)
	}
}

// body lists a struct's, union's or enum's members. Offsets are in bits.
func (b *describer) body(r btfraw.Record, depth int) string {
	var s strings.Builder
	before, behind := b.gaps(depth)
	s.WriteString("{")
	for i := range r.Vlen() {
		s.WriteString(before)
		if !b.more() {
			s.WriteString("...")
			break
		}
		name := r.Str(r.Item(i, 0))
		switch r.Kind() {
		case btfraw.Enum, btfraw.Enum64:
			fmt.Fprintf(&s, "%s=%d", name, r.Value(i))
		default:
			m, bits := r.Member(i), ""
			if m.Width != 0 {
				bits = fmt.Sprintf(":%d", m.Width)
			}
			fmt.Fprintf(&s, "%d: %s%s;", m.Offset, b.declare(m.Type, name, depth+1), bits)
		}
	}
	s.WriteString(behind + "}")
	if r.Flag() {
		s.WriteString(" kind_flag")
	}
	return s.String()
}

// declare writes a C declaration of name with type id; name may be empty.
func (b *describer) declare(id uint32, name string, depth int) string {
	join := func(typ string) string {
		if name == "" {
			return typ
		}
		return typ + " " + name
	}
	if id == 0 {
		return join("void")
	}
	if depth > 16 {
		return join("...")
	}
	r := b.Record(id)
	switch kind := r.Kind(); kind {
	case btfraw.Ptr:
		inner := "*" + name
		if target := r.Type(); target != 0 {
			if k := b.Record(target).Kind(); k == btfraw.FuncProto || k == btfraw.Array {
				inner = "(" + inner + ")"
			}
		}
		return b.declare(r.Type(), inner, depth+1)
	case btfraw.Const, btfraw.Volatile, btfraw.Restrict:
		// C writes a pointer's qualifier after its star, any other first.
		qualifier := strings.ToLower(kind.String())
		if target := r.Type(); target != 0 && b.Record(target).Kind() == btfraw.Ptr {
			return b.declare(target, strings.TrimSuffix(qualifier+" "+name, " "), depth+1)
		}
		return qualifier + " " + b.declare(r.Type(), name, depth+1)
	case btfraw.TypeTag:
		return b.declare(r.Type(), strings.TrimSuffix(fmt.Sprintf("tag(%q) %s", r.Name(), name), " "), depth+1)
	case btfraw.Array:
		a := r.Array()
		return b.declare(a.Element, fmt.Sprintf("%s[%d]", name, a.Count), depth+1)
	case btfraw.FuncProto:
		var params []string
		for i := range r.Vlen() {
			if !b.more() {
				params = append(params, "...")
				break
			}
			if r.Item(i, 1) == 0 {
				params = append(params, "...")
				continue
			}
			params = append(params, b.declare(r.Item(i, 1), r.Str(r.Item(i, 0)), depth+1))
		}
		return b.declare(r.Type(), name+"("+strings.Join(params, ", ")+")", depth+1)
	case btfraw.Struct, btfraw.Union, btfraw.Fwd:
		t, _ := tagOf(r)
		typ := strings.ToLower(t.kind.String()) + " " + r.Name()
		if r.Name() == "" && kind != btfraw.Fwd { // a damaged FWD may have no name and a vlen
			typ = strings.ToLower(kind.String()) + " " + b.body(r, depth+1)
		}
		return join(typ)
	case btfraw.Enum, btfraw.Enum64:
		if r.Name() == "" {
			return join("enum " + b.body(r, depth+1))
		}
		return join("enum " + r.Name())
	case btfraw.Func:
		return b.declare(r.Type(), strings.TrimSuffix(r.Name()+" "+name, " "), depth+1)
	default:
		return join(r.Name())
	}
}
