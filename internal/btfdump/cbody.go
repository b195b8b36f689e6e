// SPDX-License-Identifier: GPL-2.0-only

package btfdump

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/kbtf/kbtf/internal/btf"
)

// qualified looks through const, volatile and restrict, and through type tags, which C compilers need not know.
func (w *cWriter) qualified(id uint32) (end uint32, qualifiers string) {
	var words []string
	for {
		kind := w.btf.kind(id)
		switch kind {
		case btf.KindConst, btf.KindVolatile, btf.KindRestrict:
			words = append(words, strings.ToLower(kind.String()))
		case btf.KindTypeTag:
		default:
			if kind == btf.KindFuncProto { // "noreturn" and "const" of GNU C: they are not part of how it is called
				words = nil
			}
			return id, strings.Join(words, " ")
		}
		id = w.btf.record(id).third()
	}
}

// parameters spells the parameters of a FUNC_PROTO. Names are given where they cannot be confused with types.
func (w *cWriter) parameters(r record, named bool) string {
	var list []string
	for i := range r.vlen() {
		at := r.item(i)
		name := string(r.str(r.word(at)))
		if !named || w.ordinary[name] > 0 {
			name = ""
		}
		if r.word(at+4) == 0 {
			if i == 0 {
				return "" // unknown parameters
			}
			list = append(list, "...")
		} else {
			list = append(list, w.declare(r.word(at+4), name, false))
		}
	}
	if len(list) == 0 {
		return "void"
	}
	return strings.Join(list, ", ")
}

func (w *cWriter) tabs() string { return strings.Repeat("\t", w.indent) }

// enum spells an enum with its enumerators.
func (w *cWriter) enum(r record) string {
	var s strings.Builder
	s.WriteString("enum ")
	if t := w.tag(r); t != nil {
		s.WriteString(t.name + " ")
	}
	s.WriteString("{\n")
	for i := range r.vlen() {
		at := r.item(i)
		name := w.ordinaryName(0, string(r.str(r.word(at))))
		fmt.Fprintf(&s, "%s\t%s = %s,\n", w.tabs(), name, enumerator(r, at))
	}
	fmt.Fprintf(&s, "%s}", w.tabs())
	if modes := map[uint32]string{1: "QI", 2: "HI", 8: "DI"}; modes[r.third()] != "" {
		fmt.Fprintf(&s, " __attribute__((mode(%s)))", modes[r.third()])
	}
	return s.String()
}

func enumerator(r record, at int) string {
	v := uint64(r.word(at + 4))
	if r.kind() == btf.KindEnum64 {
		v |= uint64(r.word(at+8)) << 32
	} else if r.flag() {
		v = uint64(int64(int32(v)))
	}
	switch {
	case r.flag() && int64(v) == -1<<63:
		return "(-9223372036854775807LL - 1)"
	case r.flag():
		return fmt.Sprint(int64(v)) // the constant's own type is the first that fits
	case v > 1<<63-1:
		return fmt.Sprintf("%dULL", v)
	}
	return fmt.Sprint(v)
}

// integerOf is an integer type of the size of an enum.
func integerOf(r record) string {
	typ := map[uint32]string{1: "char", 2: "short", 8: "long long"}[r.third()]
	if typ == "" {
		typ = "int"
	}
	if !r.flag() {
		typ = "unsigned " + typ
	}
	return typ
}

// A layout is what a compiler makes of a type as it is written here, in bytes.
type layout struct {
	size, align uint64
	packed      bool
}

func (w *cWriter) layout(id uint32) layout {
	end, _ := w.qualified(id)
	if l, ok := w.layouts[end]; ok || end == 0 {
		return l
	}
	r := w.btf.record(end)
	var l layout
	switch r.kind() {
	case btf.KindPtr:
		l = layout{size: uint64(w.pointer), align: uint64(w.pointer)}
	case btf.KindArray:
		l = w.layout(r.word(recordSize))
		l.size *= uint64(r.word(recordSize + 8))
	case btf.KindTypedef:
		l = w.layout(r.third())
	case btf.KindStruct, btf.KindUnion:
		l = w.compositeLayout(r)
	case btf.KindInt, btf.KindFloat, btf.KindEnum, btf.KindEnum64:
		size := uint64(r.third())
		l = layout{size: size, align: size & -size}
	}
	l.align = max(l.align, 1)
	w.layouts[end] = l
	return l
}

// compositeLayout decides whether a struct or union has to be packed: whether its members lie where they would not by themselves.
// Packed is right whatever the machine aligns to.
func (w *cWriter) compositeLayout(r record) layout {
	l := layout{size: uint64(r.third()), align: 1}
	for i := range r.vlen() {
		m := w.layout(r.word(r.item(i) + 4))
		off, width := r.bitOffset(i)
		l.align = max(l.align, m.align)
		if width == 0 {
			l.packed = l.packed || uint64(off)%(8*m.align) != 0
		} else if m.size > 0 {
			l.packed = l.packed || uint64(off)%(8*m.size)+uint64(width) > 8*m.size
		}
	}
	if l.packed = l.packed || l.size%l.align != 0; l.packed {
		l.align = 1
	}
	return l
}

// composite spells a struct or union with its members. name is its tag's, or empty.
func (w *cWriter) composite(r record, name string) string {
	b := composer{cWriter: w, record: r, layout: w.layout(r.id)}
	b.WriteString(strings.TrimSuffix(cKeyword(r)+" "+name, " ") + " {\n")
	w.indent++
	for i := range r.vlen() {
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

// A composer writes the members of a struct or union and keeps track of where the compiler would put the next one.
type composer struct {
	*cWriter
	strings.Builder
	record
	layout layout
	at     uint64 // bits
}

func (b *composer) line(format string, args ...any) {
	b.WriteString(b.tabs())
	fmt.Fprintf(&b.Builder, format, args...)
	b.WriteString("\n")
}

func (b *composer) member(i int) {
	at := b.item(i)
	id, name := b.word(at+4), string(b.str(b.word(at)))
	offset, width := b.bitOffset(i)
	m := b.cWriter.layout(id)
	declared := ""
	if r, qualifiers, ok := b.composed(id); ok && name == "" {
		// With a tag this would declare nothing, but for -fms-extensions, which kernels from 7.0 on are built with.
		declared = strings.TrimPrefix(qualifiers+" "+b.composite(r, ""), " ")
	} else {
		declared = b.declare(id, name, false)
	}
	if b.kind() == btf.KindUnion {
		b.at = 0
	}
	begin := uint64(offset)
	if width != 0 {
		next := b.at
		if !b.layout.packed && m.size > 0 && next%(8*m.size)+uint64(width) > 8*m.size {
			next = roundUp(next, 8*m.size)
		}
		if next < begin {
			b.pad(begin)
		}
		b.line("%s: %d;", declared, width)
		b.at = begin + uint64(width)
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

// composed tells whether a type is a struct or union, perhaps by a typedef.
func (b *composer) composed(id uint32) (r record, qualifiers string, ok bool) {
	end, qualifiers := b.qualified(id)
	for b.cWriter.btf.kind(end) == btf.KindTypedef {
		end, _ = b.qualified(b.cWriter.btf.record(end).third())
	}
	if k := b.cWriter.btf.kind(end); k != btf.KindStruct && k != btf.KindUnion {
		return r, "", false
	}
	return b.cWriter.btf.record(end), qualifiers, true
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
	if b.kind() == btf.KindUnion {
		b.at = 0
		for i := range b.vlen() {
			b.at = max(b.at, 8*b.cWriter.layout(b.word(b.item(i)+4)).size)
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

// roundUp gives the next multiple of a power of 2.
func roundUp(n, power uint64) uint64 {
	if bits.OnesCount64(power) != 1 {
		return n
	}
	return (n + power - 1) &^ (power - 1)
}
