// SPDX-License-Identifier: GPL-2.0-only

package btfdiff

import (
	"fmt"
	"strings"
)

// maxMembers bounds what one description lists: members, values and parameters, those
// of nested types without a name included.
const maxMembers = 1000

// describe puts a type into C-like words, with the numbers that C leaves out.
func describe(b *blob, id uint32) string {
	return (&describer{blob: b, left: maxMembers}).describe(id)
}

// text is describe with a line for each member.
func text(b *blob, id uint32) string {
	return (&describer{blob: b, left: maxMembers, lines: true}).describe(id)
}

// declaration is how C refers to a type. Of types without a name it lists the first members.
func declaration(b *blob, id uint32) string {
	return (&describer{blob: b, left: 4}).declare(id, "", 1)
}

type describer struct {
	*blob
	left  int  // members that may still be listed
	lines bool // a line for each member, but for those of nested types
}

// gaps returns what stands before each member and behind them all.
func (b *describer) gaps(depth int) (before, behind string) {
	if b.lines && depth == 0 {
		return "\n  ", "\n"
	}
	return " ", " "
}

// more says whether another member may be listed.
func (b *describer) more() bool {
	b.left--
	return b.left >= 0
}

func (b *describer) describe(id uint32) string {
	r := b.record(id)
	name := r.name()
	switch kind := r.kind(); kind {
	case Int:
		v := r.word(recordSize)
		return fmt.Sprintf("INT %s size %d bits %d offset %d encoding %d", name, r.word(8), v&0xff, v>>16&0xff, v>>24)
	case Struct, Union, Enum, Enum64:
		return fmt.Sprintf("%v %s size %d %s", kind, name, r.word(8), b.body(r, 0))
	case Func:
		linkage := []string{"static", "global", "extern"}
		if r.vlen() < len(linkage) {
			return fmt.Sprintf("FUNC %s %s", linkage[r.vlen()], b.declare(r.word(8), name, 0))
		}
		return fmt.Sprintf("FUNC linkage %d %s", r.vlen(), b.declare(r.word(8), name, 0))
	case Var:
		return fmt.Sprintf("VAR %s linkage %d", b.declare(r.word(8), name, 0), r.word(recordSize))
	case Datasec:
		var s strings.Builder
		before, behind := b.gaps(0)
		fmt.Fprintf(&s, "DATASEC %s size %d {", name, r.word(8))
		for _, entry := range r.datasec() {
			s.WriteString(before)
			if !b.more() {
				s.WriteString("...")
				break
			}
			fmt.Fprintf(&s, "%d: %s size %d;", entry.offset, b.typeName(entry.typ), entry.size)
		}
		return s.String() + behind + "}"
	case Typedef:
		return "TYPEDEF " + b.declare(r.word(8), name, 0)
	case DeclTag:
		return fmt.Sprintf("DECL_TAG %q component %d of %s", name, int32(r.word(recordSize)), b.declare(r.word(8), "", 0))
	case Fwd:
		t, _ := r.tag()
		return "FWD " + strings.ToLower(t.kind.String()) + " " + name
	default:
		return kind.String() + " " + b.declare(id, "", 0)
	}
}

// body lists a struct's, union's or enum's members. Offsets are in bits.
func (b *describer) body(r record, depth int) string {
	var s strings.Builder
	before, behind := b.gaps(depth)
	s.WriteString("{")
	for i := range r.vlen() {
		s.WriteString(before)
		if !b.more() {
			s.WriteString("...")
			break
		}
		name := r.str(r.word(r.item(i)))
		switch r.kind() {
		case Enum, Enum64:
			fmt.Fprintf(&s, "%s=%d", name, r.value(i))
		default:
			offset, width := r.bitOffset(i)
			bits := ""
			if width != 0 {
				bits = fmt.Sprintf(":%d", width)
			}
			fmt.Fprintf(&s, "%d: %s%s;", offset, b.declare(r.word(r.item(i)+4), name, depth+1), bits)
		}
	}
	s.WriteString(behind + "}")
	if r.kindFlag() {
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
	r := b.record(id)
	switch kind := r.kind(); kind {
	case Ptr:
		inner := "*" + name
		if target := r.word(8); target != 0 {
			if k := b.record(target).kind(); k == FuncProto || k == Array {
				inner = "(" + inner + ")"
			}
		}
		return b.declare(r.word(8), inner, depth+1)
	case Const, Volatile, Restrict:
		// C writes a pointer's qualifier after its star, any other first.
		qualifier := strings.ToLower(kind.String())
		if target := r.word(8); target != 0 && b.record(target).kind() == Ptr {
			return b.declare(target, strings.TrimSuffix(qualifier+" "+name, " "), depth+1)
		}
		return qualifier + " " + b.declare(r.word(8), name, depth+1)
	case TypeTag:
		return b.declare(r.word(8), strings.TrimSuffix(fmt.Sprintf("tag(%q) %s", r.name(), name), " "), depth+1)
	case Array:
		return b.declare(r.word(recordSize), fmt.Sprintf("%s[%d]", name, r.word(recordSize+8)), depth+1)
	case FuncProto:
		var params []string
		for i := range r.vlen() {
			if !b.more() {
				params = append(params, "...")
				break
			}
			at := r.item(i)
			if r.word(at+4) == 0 {
				params = append(params, "...")
				continue
			}
			params = append(params, b.declare(r.word(at+4), r.str(r.word(at)), depth+1))
		}
		return b.declare(r.word(8), name+"("+strings.Join(params, ", ")+")", depth+1)
	case Struct, Union, Fwd:
		t, _ := r.tag()
		typ := strings.ToLower(t.kind.String()) + " " + r.name()
		if r.name() == "" && kind != Fwd { // a damaged FWD may have no name and a vlen
			typ = strings.ToLower(kind.String()) + " " + b.body(r, depth+1)
		}
		return join(typ)
	case Enum, Enum64:
		if r.name() == "" {
			return join("enum " + b.body(r, depth+1))
		}
		return join("enum " + r.name())
	case Func:
		return b.declare(r.word(8), strings.TrimSuffix(r.name()+" "+name, " "), depth+1)
	default:
		return join(r.name())
	}
}
