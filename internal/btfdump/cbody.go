// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfdump

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// qualified looks through const, volatile and restrict, and through type tags, which C compilers
// need not know.
func (w *cWriter) qualified(id uint32) (end uint32, qualifiers string) {
	var words []string
	for {
		kind := w.btf.Kind(id)
		switch kind {
		case btfraw.Const, btfraw.Volatile, btfraw.Restrict:
			words = append(words, strings.ToLower(kind.String()))
		case btfraw.TypeTag:
		default:
			if kind == btfraw.FuncProto { // GNU C's "noreturn" and "const" do not affect calls
				words = nil
			}
			return id, strings.Join(words, " ")
		}
		id = w.btf.Record(id).Type()
	}
}

// parameters spells the parameters of a FUNC_PROTO. Names that cannot be confused with types are
// included.
func (w *cWriter) parameters(r btfraw.Record, named bool) string {
	var list []string
	for i := range r.Vlen() {
		name, id := r.Str(r.Item(i, 0)), r.Item(i, 1)
		if !named || w.ordinary[name] > 0 {
			name = ""
		}
		if id == 0 {
			if i == 0 {
				return "" // unknown parameters
			}
			list = append(list, "...")
		} else {
			list = append(list, w.declare(id, name, false))
		}
	}
	if len(list) == 0 {
		return "void"
	}
	return strings.Join(list, ", ")
}

func (w *cWriter) tabs() string { return strings.Repeat("\t", w.indent) }

// enum spells an enum with its enumerators.
func (w *cWriter) enum(r btfraw.Record) string {
	var s strings.Builder
	s.WriteString("enum ")
	if t := w.tag(r); t != nil {
		s.WriteString(t.name + " ")
	}
	s.WriteString("{\n")
	for i := range r.Vlen() {
		name := w.ordinaryName(0, r.Str(r.Item(i, 0)))
		fmt.Fprintf(&s, "%s\t%s = %s,\n", w.tabs(), name, enumerator(r, i))
	}
	fmt.Fprintf(&s, "%s}", w.tabs())
	if modes := map[uint32]string{1: "QI", 2: "HI", 8: "DI"}; modes[r.Size()] != "" {
		fmt.Fprintf(&s, " __attribute__((mode(%s)))", modes[r.Size()])
	}
	return s.String()
}

func enumerator(r btfraw.Record, i int) string {
	v := r.Value(i)
	if r.Kind() == btfraw.Enum && r.Flag() {
		v = uint64(int64(int32(v)))
	}
	switch {
	case r.Flag() && int64(v) == -1<<63:
		return "(-9223372036854775807LL - 1)"
	case r.Flag():
		return fmt.Sprint(int64(v)) // the constant's own type is the first that fits
	case v > 1<<63-1:
		return fmt.Sprintf("%dULL", v)
	}
	return fmt.Sprint(v)
}

// integerOf is an integer type of the size of an enum.
func integerOf(r btfraw.Record) string {
	typ := map[uint32]string{1: "char", 2: "short", 8: "long long"}[r.Size()]
	if typ == "" {
		typ = "int"
	}
	if !r.Flag() {
		typ = "unsigned " + typ
	}
	return typ
}

// A layout is the size and alignment that a compiler computes for the type as written, in bytes.
type layout struct {
	size, align uint64
	packed      bool
}

func (w *cWriter) layout(id uint32) layout {
	end, _ := w.qualified(id)
	if l, ok := w.layouts[end]; ok || end == 0 {
		return l
	}
	r := w.btf.Record(end)
	var l layout
	switch r.Kind() {
	case btfraw.Ptr:
		l = layout{size: uint64(w.pointer), align: uint64(w.pointer)}
	case btfraw.Array:
		a := r.Array()
		l = w.layout(a.Element)
		l.size *= uint64(a.Count)
	case btfraw.Typedef:
		l = w.layout(r.Type())
	case btfraw.Struct, btfraw.Union:
		l = w.compositeLayout(r)
	case btfraw.Int, btfraw.Float, btfraw.Enum, btfraw.Enum64:
		size := uint64(r.Size())
		l = layout{size: size, align: size & -size}
	}
	l.align = max(l.align, 1)
	w.layouts[end] = l
	return l
}

// compositeLayout decides whether a struct or union must be packed, that is, whether its members
// are not where C would place them. Packed is right whatever the machine aligns to.
func (w *cWriter) compositeLayout(r btfraw.Record) layout {
	l := layout{size: uint64(r.Size()), align: 1}
	for i := range r.Vlen() {
		of := r.Member(i)
		m, off, width := w.layout(of.Type), uint64(of.Offset), uint64(of.Width)
		l.align = max(l.align, m.align)
		if width == 0 {
			l.packed = l.packed || off%(8*m.align) != 0
		} else if m.size > 0 {
			l.packed = l.packed || off%(8*m.size)+width > 8*m.size
		}
	}
	if l.packed = l.packed || l.size%l.align != 0; l.packed {
		l.align = 1
	}
	return l
}

// composite spells a struct or union with its members. name is its tag's, or empty.
func (w *cWriter) composite(r btfraw.Record, name string) string {
	b := composer{cWriter: w, Record: r, layout: w.layout(r.ID)}
	b.WriteString(strings.TrimSuffix(cKeyword(r)+" "+name, " ") + " {\n")
	w.indent++
	for i := range r.Vlen() {
		b.member(i)
	}
	b.end()
	w.indent--
	b.WriteString(w.tabs() + "}")
	if b.layout.packed {
		b.WriteString(" __attribute__((packed))")
	}
	return b.String()
}

// A composer writes the members of a struct or union and keeps track of where the compiler would
// put the next one.
type composer struct {
	*cWriter
	strings.Builder
	btfraw.Record
	layout layout
	at     uint64 // bits
}

func (b *composer) line(format string, args ...any) {
	b.WriteString(b.tabs())
	fmt.Fprintf(&b.Builder, format, args...)
	b.WriteString("\n")
}

func (b *composer) member(i int) {
	of := b.Member(i)
	id, name, width := of.Type, b.Str(of.Name), uint64(of.Width)
	m := b.cWriter.layout(id)
	declared := ""
	if r, qualifiers, ok := b.composed(id); ok && name == "" {
		// With a tag this would declare nothing, but for -fms-extensions, which kernels from 7.0 on
		// are built with.
		declared = strings.TrimPrefix(qualifiers+" "+b.composite(r, ""), " ")
	} else {
		declared = b.declare(id, name, false)
	}
	if b.Kind() == btfraw.Union {
		b.at = 0
	}
	begin := uint64(of.Offset)
	if width != 0 {
		next := b.at
		if !b.layout.packed && m.size > 0 && next%(8*m.size)+width > 8*m.size {
			next = roundUp(next, 8*m.size)
		}
		if next < begin {
			b.pad(begin)
		}
		b.line("%s: %d;", declared, width)
		b.at = begin + width
		return
	}
	align := 8 * m.align
	if b.layout.packed {
		align = 8
	}
	if roundUp(b.at, align) < begin {
		b.pad(begin)
	}
	b.line("%s;", declared)
	b.at = begin + 8*m.size
}

// composed reports whether a type is a struct or union, perhaps by a typedef.
func (b *composer) composed(id uint32) (r btfraw.Record, qualifiers string, ok bool) {
	end, qualifiers := b.qualified(id)
	for b.cWriter.btf.Kind(end) == btfraw.Typedef {
		end, _ = b.qualified(b.cWriter.btf.Record(end).Type())
	}
	if k := b.cWriter.btf.Kind(end); k != btfraw.Struct && k != btfraw.Union {
		return r, "", false
	}
	return b.cWriter.btf.Record(end), qualifiers, true
}

// pad fills up to a bit.
func (b *composer) pad(to uint64) {
	if part := b.at % 8; part != 0 {
		n := min(8-part, to-b.at)
		b.line("unsigned char: %d;", n)
		b.at += n
	}
	if n := (to - b.at) / 8; n > 0 {
		b.pads++
		b.line("unsigned char __pad%d[%d];", b.pads, n)
	}
	if n := (to - b.at) % 8; n > 0 {
		b.line("unsigned char: %d;", n)
	}
	b.at = to
}

// end fills up to the size.
func (b *composer) end() {
	size := 8 * b.layout.size
	if b.Kind() == btfraw.Union {
		b.at = 0
		for i := range b.Vlen() {
			b.at = max(b.at, 8*b.cWriter.layout(b.Item(i, 1)).size)
		}
		if roundUp(b.at, 8*b.layout.align) < size {
			b.at = 0
		} else {
			b.at = size
		}
	}
	if roundUp(b.at, 8*b.layout.align) < size {
		b.pad(size)
	}
}

// roundUp returns the next multiple of a power of 2.
func roundUp(n, power uint64) uint64 {
	if bits.OnesCount64(power) != 1 {
		return n
	}
	return (n + power - 1) &^ (power - 1)
}
