// SPDX-License-Identifier: GPL-2.0-only

package btfdump

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/kbtf/kbtf/internal/btf"
)

// C writes the types of these names as C, behind the types that they need: text that compiles, as GNU C11, to the sizes and offsets
// that the BTF says. A name is "ring", for all that are called that, or "struct ring", and likewise for union, enum and typedef.
//
// The BTF has to be sound (btfverify): a type must not contain itself. What BTF has no room for is put in by hand: padding where
// there was an alignment, packed where members lie closer than they would. Type and declaration tags are left out. Names that C
// does not allow twice get a number: ring___2.
func (b *BTF) C(names ...string) (string, error) {
	w := newCWriter(b)
	err := w.write(names)
	return string(w.out), err
}

func newCWriter(b *BTF) *cWriter {
	return &cWriter{btf: b, seen: map[need]bool{}, layouts: map[uint32]layout{}, tags: map[string][]*cTag{}, tagOf: map[uint32]*cTag{},
		ordinary: map[string]int{}, nameOf: map[uint32]string{}, inlined: map[uint32]bool{}, pointer: b.pointerSize()}
}

func (w *cWriter) write(names []string) error {
	for _, name := range names {
		ids := w.btf.find(name)
		if len(ids) == 0 {
			return fmt.Errorf("no type %q: btf-ko dump without --c lists all", name)
		}
		for _, id := range ids {
			if err := w.top(id); err != nil {
				return err
			}
		}
	}
	return nil
}

// find gives the ids of all types of a name: those of the split, or if there are none those of the base.
func (b *BTF) find(name string) (ids []uint32) {
	keyword, rest, ok := strings.Cut(name, " ")
	if ok {
		name = rest
	}
	if name == "" {
		return nil
	}
	for ; b != nil && len(ids) == 0; b = b.base {
		for r := range b.own {
			if string(r.name()) == name && (!ok || cKeyword(r) == keyword) && r.kind() != btf.KindDeclTag && r.kind() != btf.KindTypeTag {
				ids = append(ids, r.id)
			}
		}
	}
	return ids
}

// cKeyword is the word that C has before the name of a type.
func cKeyword(r record) string {
	switch r.kind() {
	case btf.KindStruct:
		return "struct"
	case btf.KindUnion:
		return "union"
	case btf.KindEnum, btf.KindEnum64:
		return "enum"
	case btf.KindTypedef:
		return "typedef"
	case btf.KindFwd:
		if r.flag() {
			return "union"
		}
		return "struct"
	}
	return ""
}

// pointerSize is that of the machine: as long as a long (the kernel's ABIs are ILP32 or LP64).
func (b *BTF) pointerSize() int {
	for ; b != nil; b = b.base {
		for r := range b.own {
			if r.kind() == btf.KindInt {
				switch string(r.name()) {
				case "long int", "long unsigned int", "long", "unsigned long":
					return int(r.third())
				}
			}
		}
	}
	return 8
}

// maxDepth bounds how far one type is spelled out: C compilers have bounds too.
const maxDepth = 256

// A need is a type that has to be known: whole, or declared.
type need struct {
	id    uint32
	whole bool
}

type cWriter struct {
	btf     *BTF
	out     []byte
	pointer int // bytes
	indent  int // tabs
	pads    int // members that are padding: members of structs without names share the names of what they are in
	depth   int
	err     error

	seen    map[need]bool
	layouts map[uint32]layout
	inlined map[uint32]bool // enums without a name that were written

	// The names in use. Structs, unions and enums have one space of names, everything else another (C11, 6.2.3).
	tags     map[string][]*cTag
	tagOf    map[uint32]*cTag
	ordinary map[string]int
	nameOf   map[uint32]string
}

// A cTag is a struct, union or enum with a name.
type cTag struct {
	keyword, name     string
	owned             bool // some definition has it
	declared, defined bool // in what is written so far
}

func (t *cTag) forward() string { return t.keyword + " " + t.name + ";\n\n" }

func (w *cWriter) printf(format string, args ...any) { w.out = fmt.Appendf(w.out, format, args...) }

// top writes a type that was asked for.
func (w *cWriter) top(id uint32) error {
	r := w.btf.record(id)
	switch r.kind() {
	case btf.KindFunc, btf.KindVar:
		w.define(r.third(), r.kind() == btf.KindVar)
		if w.again(need{id, true}) {
			break
		}
		if r.kind() == btf.KindVar {
			w.printf("extern ")
		}
		w.printf("%s;\n\n", w.declare(r.third(), w.ordinaryName(r.id, string(r.name())), r.kind() == btf.KindFunc))
	case btf.KindDatasec:
		return fmt.Errorf("%s is a section: it has no C", r.name())
	case btf.KindInt, btf.KindFloat:
		return fmt.Errorf("%s is a type of C's own", r.name())
	default:
		w.define(id, true)
	}
	return w.err
}

func (w *cWriter) again(n need) bool {
	again := w.seen[n]
	w.seen[n] = true
	return again
}

// define writes what has to stand before a use of a type.
func (w *cWriter) define(id uint32, whole bool) {
	if id == 0 || w.err != nil || w.again(need{id, whole}) {
		return
	}
	if w.depth++; w.depth > 16*maxDepth {
		w.err = fmt.Errorf("[%d]: nested too deeply for C", id)
	}
	defer func() { w.depth-- }()
	r := w.btf.record(id)
	switch r.kind() {
	case btf.KindPtr:
		w.define(r.third(), false)
	case btf.KindArray:
		w.define(r.word(recordSize), true)
	case btf.KindConst, btf.KindVolatile, btf.KindRestrict, btf.KindTypeTag:
		w.define(r.third(), whole)
	case btf.KindFuncProto:
		for to := range r.references {
			w.define(to, false)
		}
	case btf.KindFwd:
		w.forward(r)
	case btf.KindEnum, btf.KindEnum64:
		if t := w.tag(r); t != nil && !t.defined && r.vlen() > 0 {
			t.defined = true
			w.printf("%s;\n\n", w.enum(r))
		}
	case btf.KindStruct, btf.KindUnion:
		t := w.tag(r)
		if t != nil && !whole {
			w.forward(r)
			return
		}
		for i := range r.vlen() {
			w.define(r.word(r.item(i)+4), true)
		}
		if t != nil && w.err == nil {
			t.defined = true
			body := w.composite(r, t.name)
			w.out = bytes.TrimSuffix(w.out, []byte(t.forward())) // which the definition is, too
			w.printf("%s;\n\n", body)
		}
	case btf.KindTypedef:
		if isBuiltin(r) {
			return
		}
		w.define(r.third(), whole)
		if w.nameOf[id] == "" && w.err == nil {
			w.printf("typedef %s;\n\n", w.declare(r.third(), w.ordinaryName(id, string(r.name())), false))
		}
	}
}

// isBuiltin tells typedefs that compilers bring along, such as __builtin_va_list.
func isBuiltin(r record) bool { return strings.HasPrefix(string(r.name()), "__builtin_") }

// forward declares a struct or union.
func (w *cWriter) forward(r record) {
	if t := w.tag(r); !t.declared && !t.defined {
		t.declared = true
		w.printf("%s", t.forward())
	}
}

// tag finds or makes the tag of a struct, union or enum; nil: it has none. A forward and a definition of one name are one tag.
func (w *cWriter) tag(r record) *cTag {
	if t := w.tagOf[r.id]; t != nil {
		return t
	}
	name, keyword := string(r.name()), cKeyword(r)
	if name == "" {
		return nil
	}
	t := w.tagNamed(keyword, name, r.kind() == btf.KindFwd)
	if r.kind() != btf.KindFwd {
		t.owned = true
	}
	w.tagOf[r.id] = t
	return t
}

// tagNamed finds a tag for a forward, or one that no definition has yet; or it makes one.
func (w *cWriter) tagNamed(keyword, name string, forward bool) *cTag {
	for _, t := range w.tags[name] {
		if t.keyword == keyword && (forward || !t.owned) {
			return t
		}
	}
	t := &cTag{keyword: keyword, name: numbered(name, len(w.tags[name]))}
	w.tags[name] = append(w.tags[name], t)
	return t
}

// numbered is a name that is taken n times already.
func numbered(name string, n int) string {
	if n == 0 {
		return name
	}
	return fmt.Sprintf("%s___%d", name, n+1)
}

// ordinaryName gives a typedef, function or variable its name, and an enumerator with id 0.
func (w *cWriter) ordinaryName(id uint32, name string) string {
	if n := w.nameOf[id]; n != "" && id != 0 {
		return n
	}
	n := numbered(name, w.ordinary[name])
	w.ordinary[name]++
	if id != 0 {
		w.nameOf[id] = n
	}
	return n
}

// declare spells a declaration of name, which may be empty, with a type; named: the parameters have names.
func (w *cWriter) declare(id uint32, name string, named bool) string {
	if w.depth++; w.depth > maxDepth && w.err == nil {
		w.err = fmt.Errorf("[%d]: nested too deeply for C", id)
	}
	defer func() { w.depth-- }()
	if w.err != nil {
		return ""
	}
	end, qualifiers := w.qualified(id)
	kind := w.btf.kind(end)
	before := func(typ string) string {
		if name != "" {
			typ += " " + name
		}
		return strings.TrimPrefix(qualifiers+" "+typ, " ")
	}
	if kind == btf.KindVoid {
		return before("void")
	}
	r := w.btf.record(end)
	switch kind {
	case btf.KindPtr:
		inner := "*" + strings.Trim(qualifiers+" "+name, " ")
		to, _ := w.qualified(r.third())
		if k := w.btf.kind(to); k == btf.KindFuncProto || k == btf.KindArray {
			inner = "(" + inner + ")"
		}
		return w.declare(r.third(), inner, false)
	case btf.KindArray:
		declared := w.declare(r.word(recordSize), fmt.Sprintf("%s[%d]", name, r.word(recordSize+8)), false)
		return strings.TrimPrefix(qualifiers+" "+declared, " ")
	case btf.KindFuncProto:
		return w.declare(r.third(), name+"("+w.parameters(r, named)+")", false)
	case btf.KindStruct, btf.KindUnion:
		if t := w.tag(r); t != nil {
			return before(t.keyword + " " + t.name)
		}
		return before(w.composite(r, ""))
	case btf.KindEnum, btf.KindEnum64:
		if t := w.tag(r); t != nil {
			return before("enum " + t.name)
		}
		if w.inlined[end] { // C does not allow its enumerators twice
			return before(integerOf(r))
		}
		w.inlined[end] = true
		return before(w.enum(r))
	case btf.KindFwd:
		t := w.tag(r)
		return before(t.keyword + " " + t.name)
	case btf.KindTypedef:
		if isBuiltin(r) {
			return before(string(r.name()))
		}
		return before(w.ordinaryName(end, string(r.name())))
	default:
		return before(string(r.name()))
	}
}
