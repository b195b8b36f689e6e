// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfdump

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// C writes the types of these names as C, after the types that they need. The output compiles as
// GNU C11, with the sizes and offsets in the BTF. A name is "ring", which selects all types of that
// name, or "struct ring"; likewise for union, enum and typedef.
//
// The BTF must be sound (btfverify): a type must not contain itself. What BTF does not record is
// reconstructed: padding in place of alignment, and packed where members are closer together than C
// would place them. Type and declaration tags are left out. Duplicate names that C does not allow
// are numbered: ring___2.
func C(b *btfraw.BTF, names ...string) (string, error) {
	w := newCWriter(b)
	err := w.write(names)
	return string(w.out), err
}

func newCWriter(b *btfraw.BTF) *cWriter {
	return &cWriter{
		btf:      b,
		pointer:  pointerSize(b),
		seen:     map[need]bool{},
		layouts:  map[uint32]layout{},
		inlined:  map[uint32]bool{},
		tags:     map[string][]*cTag{},
		tagOf:    map[uint32]*cTag{},
		ordinary: map[string]int{},
		nameOf:   map[uint32]string{},
	}
}

func (w *cWriter) write(names []string) error {
	for _, name := range names {
		ids := find(w.btf, name)
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

// find returns the ids of all types of a name: those of the split, or if there are none those of
// the base.
func find(b *btfraw.BTF, name string) (ids []uint32) {
	keyword, rest, ok := strings.Cut(name, " ")
	if ok {
		name = rest
	}
	if name == "" {
		return nil
	}
	for ; b != nil && len(ids) == 0; b = b.Base {
		for r := range b.All {
			if k := r.Kind(); k == btfraw.DeclTag || k == btfraw.TypeTag {
				continue
			}
			if string(r.BTF.Bytes(r.NameOffset())) == name && (!ok || cKeyword(r) == keyword) {
				ids = append(ids, r.ID)
			}
		}
	}
	return ids
}

// cKeyword is the keyword before the name of a type in C.
func cKeyword(r btfraw.Record) string {
	switch r.Kind() {
	case btfraw.Struct:
		return "struct"
	case btfraw.Union:
		return "union"
	case btfraw.Enum, btfraw.Enum64:
		return "enum"
	case btfraw.Typedef:
		return "typedef"
	case btfraw.Fwd:
		if r.Flag() {
			return "union"
		}
		return "struct"
	}
	return ""
}

// pointerSize is that of the machine: as long as a long (the kernel's ABIs are ILP32 or LP64).
func pointerSize(b *btfraw.BTF) int {
	for ; b != nil; b = b.Base {
		for r := range b.All {
			if r.Kind() == btfraw.Int {
				switch r.Name() {
				case "long int", "long unsigned int", "long", "unsigned long":
					return int(r.Size())
				}
			}
		}
	}
	return 8
}

// maxDepth limits the nesting of a type in the output; C compilers have limits, too.
const maxDepth = 256

// A need is a type that must be defined or declared before a use.
type need struct {
	id    uint32
	whole bool
}

type cWriter struct {
	btf     *btfraw.BTF
	out     []byte
	pointer int // bytes
	indent  int // tabs
	pads    int // members that are padding: members of structs without names share the names of what they are in
	depth   int
	err     error

	seen    map[need]bool
	layouts map[uint32]layout
	inlined map[uint32]bool // enums without a name that were written

	// The names in use. Structs, unions and enums have one name space, everything else another (C11,
	// 6.2.3).
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

// top writes a requested type.
func (w *cWriter) top(id uint32) error {
	r := w.btf.Record(id)
	switch r.Kind() {
	case btfraw.Func, btfraw.Var:
		w.define(r.Type(), r.Kind() == btfraw.Var)
		if w.again(need{id, true}) {
			break
		}
		if r.Kind() == btfraw.Var {
			w.printf("extern ")
		}
		w.printf("%s;\n\n", w.declare(r.Type(), w.ordinaryName(r.ID, r.Name()), r.Kind() == btfraw.Func))
	case btfraw.Datasec:
		return fmt.Errorf("%s is a section: it has no C", r.Name())
	case btfraw.Int, btfraw.Float:
		return fmt.Errorf("%s is a type of C's own", r.Name())
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

// define writes what must precede a use of a type.
func (w *cWriter) define(id uint32, whole bool) {
	if id == 0 || w.err != nil || w.again(need{id, whole}) {
		return
	}
	if w.depth++; w.depth > 16*maxDepth {
		w.err = fmt.Errorf("[%d]: nested too deeply for C", id)
	}
	defer func() { w.depth-- }()
	r := w.btf.Record(id)
	switch r.Kind() {
	case btfraw.Ptr:
		w.define(r.Type(), false)
	case btfraw.Array:
		w.define(r.Array().Element, true)
	case btfraw.Const, btfraw.Volatile, btfraw.Restrict, btfraw.TypeTag:
		w.define(r.Type(), whole)
	case btfraw.FuncProto:
		for _, to := range r.References {
			w.define(to, false)
		}
	case btfraw.Fwd:
		w.forward(r)
	case btfraw.Enum, btfraw.Enum64:
		if t := w.tag(r); t != nil && !t.defined && r.Vlen() > 0 {
			t.defined = true
			w.printf("%s;\n\n", w.enum(r))
		}
	case btfraw.Struct, btfraw.Union:
		t := w.tag(r)
		if t != nil && !whole {
			w.forward(r)
			return
		}
		for i := range r.Vlen() {
			w.define(r.Item(i, 1), true)
		}
		if t != nil && w.err == nil {
			t.defined = true
			body := w.composite(r, t.name)
			w.out = bytes.TrimSuffix(w.out, []byte(t.forward())) // which the definition is, too
			w.printf("%s;\n\n", body)
		}
	case btfraw.Typedef:
		if isBuiltin(r) {
			return
		}
		w.define(r.Type(), whole)
		if w.nameOf[id] == "" && w.err == nil {
			w.printf("typedef %s;\n\n", w.declare(r.Type(), w.ordinaryName(id, r.Name()), false))
		}
	}
}

// isBuiltin reports whether a typedef is built into compilers, such as __builtin_va_list.
func isBuiltin(r btfraw.Record) bool { return strings.HasPrefix(r.Name(), "__builtin_") }

// forward declares a struct or union.
func (w *cWriter) forward(r btfraw.Record) {
	if t := w.tag(r); !t.declared && !t.defined {
		t.declared = true
		w.printf("%s", t.forward())
	}
}

// tag finds or makes the tag of a struct, union or enum; nil: it has none. A forward and a
// definition of one name are one tag.
func (w *cWriter) tag(r btfraw.Record) *cTag {
	if t := w.tagOf[r.ID]; t != nil {
		return t
	}
	name, keyword := r.Name(), cKeyword(r)
	if name == "" {
		return nil
	}
	t := w.tagNamed(keyword, name, r.Kind() == btfraw.Fwd)
	if r.Kind() != btfraw.Fwd {
		t.owned = true
	}
	w.tagOf[r.ID] = t
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

// numbered returns the name to use if a name is already in use n times.
func numbered(name string, n int) string {
	if n == 0 {
		return name
	}
	return fmt.Sprintf("%s___%d", name, n+1)
}

// ordinaryName returns the name in C of a typedef, function or variable, or with id 0 of an
// enumerator.
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

// declare spells a declaration of name, which may be empty, with a type; named: the parameters have
// names.
func (w *cWriter) declare(id uint32, name string, named bool) string {
	if w.depth++; w.depth > maxDepth && w.err == nil {
		w.err = fmt.Errorf("[%d]: nested too deeply for C", id)
	}
	defer func() { w.depth-- }()
	if w.err != nil {
		return ""
	}
	end, qualifiers := w.qualified(id)
	kind := w.btf.Kind(end)
	before := func(typ string) string {
		if name != "" {
			typ += " " + name
		}
		return strings.TrimPrefix(qualifiers+" "+typ, " ")
	}
	if kind == btfraw.Void {
		return before("void")
	}
	r := w.btf.Record(end)
	switch kind {
	case btfraw.Ptr:
		inner := "*" + strings.Trim(qualifiers+" "+name, " ")
		to, _ := w.qualified(r.Type())
		if k := w.btf.Kind(to); k == btfraw.FuncProto || k == btfraw.Array {
			inner = "(" + inner + ")"
		}
		return w.declare(r.Type(), inner, false)
	case btfraw.Array:
		a := r.Array()
		declared := w.declare(a.Element, fmt.Sprintf("%s[%d]", name, a.Count), false)
		return strings.TrimPrefix(qualifiers+" "+declared, " ")
	case btfraw.FuncProto:
		return w.declare(r.Type(), name+"("+w.parameters(r, named)+")", false)
	case btfraw.Struct, btfraw.Union:
		if t := w.tag(r); t != nil {
			return before(t.keyword + " " + t.name)
		}
		return before(w.composite(r, ""))
	case btfraw.Enum, btfraw.Enum64:
		if t := w.tag(r); t != nil {
			return before("enum " + t.name)
		}
		if w.inlined[end] { // C does not allow its enumerators twice
			return before(integerOf(r))
		}
		w.inlined[end] = true
		return before(w.enum(r))
	case btfraw.Fwd:
		t := w.tag(r)
		return before(t.keyword + " " + t.name)
	case btfraw.Typedef:
		if isBuiltin(r) {
			return before(r.Name())
		}
		return before(w.ordinaryName(end, r.Name()))
	default:
		return before(r.Name())
	}
}
