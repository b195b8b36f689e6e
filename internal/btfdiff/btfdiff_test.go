// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfdiff

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbtf/kbtf/internal/btfraw"
	"github.com/kbtf/kbtf/internal/btfraw/btfrawtest"
)

var orders = []binary.ByteOrder{binary.LittleEndian, binary.BigEndian}

// The ids of the base that most tests use.
type baseIDs struct {
	char, int, long, node, nodePtr, opaque, opaquePtr, holder, color uint32
}

// writeBase writes a list node that refers to itself, a struct that is only declared
// with a holder of a pointer to it, and an enum.
func writeBase(order binary.ByteOrder) (*writer, baseIDs) {
	w := newWriter(order)
	var t baseIDs
	t.char = w.Int("char", 1)
	t.int = w.Int("int", 4)
	t.long = w.Int("long", 8)
	t.nodePtr = w.ptr(w.Next + 1)
	t.node = w.structure("node", field{"next", t.nodePtr}, field{"value", t.long})
	t.opaque = w.forward("opaque")
	t.opaquePtr = w.ptr(t.opaque)
	t.holder = w.structure("holder", field{"p", t.opaquePtr})
	t.color = w.enum("color", field{"RED", 0}, field{"GREEN", 1})
	return w, t
}

// TestCompare checks, for pairs of splits, what each side has that the other lacks, and how
// many of its types are redundant.
func TestCompare(t *testing.T) {
	type split func(w *writer, base baseIDs)
	nothing := func(*writer, baseIDs) {}
	tests := []struct {
		name                     string
		a, b                     split
		onlyA, onlyB             []string // KIND name, and a ! if it is the cause
		redundantA, redundtB     int
		completingB, incompleteA int
	}{
		{
			name: "nothing equals nothing",
			a:    nothing,
			b:    nothing,
		},
		{
			name: "ids, order and strings do not count",
			a: func(w *writer, base baseIDs) {
				w.typedef("number", base.int)
				w.structure("pair", field{"first", base.int}, field{"second", base.long})
			},
			b: func(w *writer, base baseIDs) {
				w.Str("unused")
				w.structure("pair", field{"first", base.int}, field{"second", base.long})
				w.Str("number")
				w.typedef("number", base.int)
			},
		},
		{
			name: "a repeated type is redundant, not different",
			a:    func(w *writer, base baseIDs) { w.ptr(base.int) },
			b: func(w *writer, base baseIDs) {
				w.ptr(base.int)
				w.ptr(base.int)
			},
			redundtB: 1,
		},
		{
			name: "a type of the base is redundant",
			a:    nothing,
			b: func(w *writer, base baseIDs) {
				w.Int("long", 8)
				w.enum("color", field{"RED", 0}, field{"GREEN", 1})
			},
			redundtB: 2,
		},
		{
			name: "a cycle equals the base's",
			a:    func(w *writer, base baseIDs) { w.typedef("list", base.node) },
			b: func(w *writer, base baseIDs) {
				p := w.ptr(w.Next + 1)
				node := w.structure("node", field{"next", p}, field{"value", base.long})
				w.typedef("list", node)
			},
			redundtB: 2,
		},
		{
			name: "a cycle unrolled once is the same cycle",
			a: func(w *writer, base baseIDs) {
				w.structure("ring", field{"next", w.Next + 1})
				w.ptr(w.Next - 1)
			},
			b: func(w *writer, base baseIDs) {
				first := w.Next
				w.structure("ring", field{"next", first + 1})
				w.ptr(first + 2)
				w.structure("ring", field{"next", first + 3})
				w.ptr(first)
			},
			redundtB: 2,
		},
		{
			name: "a cycle that ends elsewhere differs from the base's",
			a:    nothing,
			b: func(w *writer, base baseIDs) {
				p := w.ptr(w.Next + 1)
				w.structure("node", field{"next", p}, field{"value", base.int})
			},
			onlyB: []string{"PTR !", "STRUCT node!"},
		},
		{
			name: "one name, two structs",
			a:    func(w *writer, base baseIDs) { w.structure("s", field{"x", base.int}) },
			b:    func(w *writer, base baseIDs) { w.structure("s", field{"x", base.long}) },
			// Equal but for the reference, which is common to both: a cause.
			onlyA: []string{"STRUCT s!"},
			onlyB: []string{"STRUCT s!"},
		},
		{
			name: "one name, two layouts, and what refers to them",
			a: func(w *writer, base baseIDs) {
				w.ptr(w.structure("s", field{"x", base.int}))
			},
			b: func(w *writer, base baseIDs) {
				w.ptr(w.structure("s", field{"x", base.int}, field{"y", base.int}))
			},
			onlyA: []string{"STRUCT s!", "PTR "},
			onlyB: []string{"STRUCT s!", "PTR "},
		},
		{
			name:  "parameter names count",
			a:     func(w *writer, base baseIDs) { w.function("f", 0, field{"a", base.int}) },
			b:     func(w *writer, base baseIDs) { w.function("f", 0, field{"b", base.int}) },
			onlyA: []string{"FUNC_PROTO !", "FUNC f"},
			onlyB: []string{"FUNC_PROTO !", "FUNC f"},
		},
		{
			name: "linkage counts",
			a: func(w *writer, base baseIDs) {
				w.Add(btfraw.Func, "f", 0, w.Add(btfraw.FuncProto, "", 0, 0))
			},
			b: func(w *writer, base baseIDs) {
				w.Add(btfraw.Func, "f", 1, w.Add(btfraw.FuncProto, "", 0, 0))
			},
			onlyA: []string{"FUNC f!"},
			onlyB: []string{"FUNC f!"},
		},
		{
			name: "enum and enum64 with the same values differ",
			a:    func(w *writer, base baseIDs) { w.Add(btfraw.Enum, "e", 1, 8, w.Str("E"), 1) },
			b:    func(w *writer, base baseIDs) { w.Add(btfraw.Enum64, "e", 1, 8, w.Str("E"), 1, 0) },

			onlyA: []string{"ENUM e!"},
			onlyB: []string{"ENUM64 e!"},
		},
		{
			name: "a forward counts as the split's definition",
			a: func(w *writer, base baseIDs) {
				w.ptr(w.structure("s", field{"x", base.int}))
			},
			b: func(w *writer, base baseIDs) {
				w.ptr(w.forward("s"))
				w.structure("s", field{"x", base.int})
			},
			redundtB: 1,
		},
		{
			name: "a forward counts as the base's definition",
			a:    func(w *writer, base baseIDs) { w.typedef("n", base.node) },
			b: func(w *writer, base baseIDs) {
				w.typedef("n", w.forward("node"))
			},
			redundtB: 1,
		},
		{
			name:  "a forward to a union is not one to a struct",
			a:     func(w *writer, base baseIDs) { w.typedef("n", base.node) },
			b:     func(w *writer, base baseIDs) { w.typedef("n", w.Add(btfraw.Fwd, "node", kindFlag, 0)) },
			onlyA: []string{"TYPEDEF n!"},
			onlyB: []string{"FWD node!", "TYPEDEF n"},
		},
		{
			name: "a forward of a name with two definitions stays a forward",
			a: func(w *writer, base baseIDs) {
				w.structure("s", field{"x", base.int})
				w.structure("s", field{"x", base.long})
				w.ptr(w.forward("s"))
			},
			b: func(w *writer, base baseIDs) {
				w.ptr(w.structure("s", field{"x", base.int}))
				w.structure("s", field{"x", base.long})
			},
			onlyA: []string{"FWD s!", "PTR "},
			onlyB: []string{"PTR !"},
		},
		{
			name: "a forward of a name with two copies of one definition does not",
			a: func(w *writer, base baseIDs) {
				w.structure("s", field{"x", base.int})
				w.structure("s", field{"x", w.Int("int", 4)})
				w.ptr(w.forward("s"))
			},
			b: func(w *writer, base baseIDs) {
				w.ptr(w.structure("s", field{"x", base.int}))
			},
			redundantA: 3,
		},
		{
			name: "a definition differing from the base's makes a forward ambiguous",
			a: func(w *writer, base baseIDs) {
				w.structure("node", field{"x", base.int})
				w.ptr(w.forward("node"))
			},
			b: func(w *writer, base baseIDs) {
				w.structure("node", field{"x", base.int})
				w.ptr(base.node)
			},
			redundtB: 1,
			onlyA:    []string{"FWD node!", "PTR "},
		},
		{
			name: "an ambiguous forward keeps apart what hangs on it",
			a: func(w *writer, base baseIDs) {
				w.structure("s", field{"x", base.int})
				w.structure("s", field{"x", base.long})
				w.structure("t", field{"p", w.ptr(w.Next - 1)})
				w.structure("t", field{"p", w.ptr(w.forward("s"))})
				w.ptr(w.forward("t"))
			},
			b: func(w *writer, base baseIDs) {
				w.structure("s", field{"x", base.int})
				w.structure("s", field{"x", base.long})
				w.structure("t", field{"p", w.ptr(w.Next - 1)})
				w.structure("t", field{"p", w.ptr(w.forward("s"))})
			},
			onlyA: []string{"FWD t!", "PTR "},
		},
		{
			name: "the base's forward counts as the split's definition",
			a: func(w *writer, base baseIDs) {
				w.structure("opaque", field{"x", base.int})
				w.typedef("handle", base.holder)
				w.typedef("pointer", base.opaquePtr)
			},
			b: func(w *writer, base baseIDs) {
				opaque := w.structure("opaque", field{"x", base.int})
				p := w.ptr(opaque)
				w.typedef("handle", w.structure("holder", field{"p", p}))
				w.typedef("pointer", p)
			},
			redundtB:    1, // holder
			completingB: 1, // the pointer
			incompleteA: 1, // the typedef
		},
		{
			name: "a definition is not redundant for the base's forward",
			a:    func(w *writer, base baseIDs) { w.structure("opaque", field{"x", base.int}) },
			b:    func(w *writer, base baseIDs) { w.forward("opaque") },

			onlyA:    []string{"STRUCT opaque!"},
			redundtB: 1,
		},
		{
			name: "a definition that refers to itself through the base's types",
			a: func(w *writer, base baseIDs) {
				w.structure("opaque", field{"h", base.holder})
			},
			b: func(w *writer, base baseIDs) {
				opaque := w.Next + 2
				holder := w.structure("holder", field{"p", w.ptr(opaque)})
				if got := w.structure("opaque", field{"h", holder}); got != opaque {
					panic("not the id foreseen")
				}
			},
			redundtB:    1,
			completingB: 1,
		},
		{
			name: "an enum without values counts as the full one",
			a:    func(w *writer, base baseIDs) { w.ptr(base.color) },
			b:    func(w *writer, base baseIDs) { w.ptr(w.enum("color")) },

			redundtB: 1,
		},
		{
			name: "types that only the sizes of bit-fields tell apart",
			a: func(w *writer, base baseIDs) {
				w.Add(btfraw.Struct, "bits", 1|kindFlag, 4, w.Str("x"), base.int, 3<<24|5)
			},
			b: func(w *writer, base baseIDs) {
				w.Add(btfraw.Struct, "bits", 1|kindFlag, 4, w.Str("x"), base.int, 2<<24|5)
			},
			onlyA: []string{"STRUCT bits!"},
			onlyB: []string{"STRUCT bits!"},
		},
		{
			name: "a section's variables count by address",
			a: func(w *writer, base baseIDs) {
				x, y := w.Add(btfraw.Var, "x", 0, base.int, 0), w.Add(btfraw.Var, "y", 0, base.long, 0)
				w.Add(btfraw.Datasec, ".data", 2, 16, x, 0, 4, y, 8, 8)
			},
			b: func(w *writer, base baseIDs) {
				y, x := w.Add(btfraw.Var, "y", 0, base.long, 0), w.Add(btfraw.Var, "x", 0, base.int, 0)
				w.Add(btfraw.Datasec, ".data", 2, 16, y, 8, 8, x, 0, 4)
			},
		},
		{
			name: "a section with another variable",
			a: func(w *writer, base baseIDs) {
				w.Add(btfraw.Datasec, ".data", 1, 16, w.Add(btfraw.Var, "x", 0, base.int, 0), 0, 4)
			},
			b: func(w *writer, base baseIDs) {
				w.Add(btfraw.Datasec, ".data", 1, 16, w.Add(btfraw.Var, "y", 0, base.int, 0), 0, 4)
			},
			onlyA: []string{"VAR x!", "DATASEC .data"},
			onlyB: []string{"VAR y!", "DATASEC .data"},
		},
		{
			name: "every other kind",
			a:    writeOtherKinds(false),
			b:    writeOtherKinds(true),
		},
		{
			name: "a tag on another component",
			a: func(w *writer, base baseIDs) {
				w.Add(btfraw.DeclTag, "user", 0, base.node, 0)
				w.Add(btfraw.TypeTag, "rcu", 0, base.int)
			},
			b: func(w *writer, base baseIDs) {
				w.Add(btfraw.DeclTag, "user", 0, base.node, 1)
				w.Add(btfraw.TypeTag, "user", 0, base.int)
			},
			onlyA: []string{"DECL_TAG user!", "TYPE_TAG rcu!"},
			onlyB: []string{"DECL_TAG user!", "TYPE_TAG user!"},
		},
		{
			name:  "arrays of other lengths",
			a:     func(w *writer, base baseIDs) { w.Add(btfraw.Array, "", 0, 0, base.int, base.long, 40) },
			b:     func(w *writer, base baseIDs) { w.Add(btfraw.Array, "", 0, 0, base.int, base.long, 10) },
			onlyA: []string{"ARRAY !"},
			onlyB: []string{"ARRAY !"},
		},
		{
			name:  "arrays of other elements",
			a:     func(w *writer, base baseIDs) { w.Add(btfraw.Array, "", 0, 0, base.int, base.long, 40) },
			b:     func(w *writer, base baseIDs) { w.Add(btfraw.Array, "", 0, 0, base.char, base.long, 40) },
			onlyA: []string{"ARRAY !"},
			onlyB: []string{"ARRAY !"},
		},
	}
	for _, order := range orders {
		for _, test := range tests {
			t.Run(fmt.Sprintf("%v/%s", order, test.name), func(t *testing.T) {
				baseWriter, ids := writeBase(order)
				base, err := NewBase(baseWriter.Bytes(24))
				if err != nil {
					t.Fatal(err)
				}
				a, b := baseWriter.split(), baseWriter.split()
				test.a(a, ids)
				test.b(b, ids)
				got, err := base.Compare(a.Bytes(24), b.Bytes(32))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(test.onlyA, outline(got.OnlyA)); diff != "" {
					t.Errorf("only in a (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(test.onlyB, outline(got.OnlyB)); diff != "" {
					t.Errorf("only in b (-want +got):\n%s", diff)
				}
				if got.A.Redundant != test.redundantA || got.B.Redundant != test.redundtB {
					t.Errorf("redundant: %d and %d, want %d and %d",
						got.A.Redundant, got.B.Redundant, test.redundantA, test.redundtB)
				}
				if got.A.Completing != 0 || got.B.Completing != test.completingB ||
					got.A.Incomplete != test.incompleteA || got.B.Incomplete != 0 {
					t.Errorf("completing %d and %d, want 0 and %d; incomplete %d and %d, want %d and 0",
						got.A.Completing, got.B.Completing,
						test.completingB, got.A.Incomplete, got.B.Incomplete, test.incompleteA)
				}
				for _, side := range []Side{got.A, got.B} {
					if side.Types != side.Classes+side.Redundant+side.Completing {
						t.Errorf("%+v: types are neither a class's first nor redundant", side)
					}
				}
				if equal := len(test.onlyA)+len(test.onlyB) == 0; got.Equal() != equal {
					t.Errorf("Equal() = %v", got.Equal())
				}
			})
		}
	}
}

// writeOtherKinds writes one type of each kind that TestCompare does not vary, in one
// order or another.
func writeOtherKinds(reverse bool) func(*writer, baseIDs) {
	return func(w *writer, base baseIDs) {
		types := []func(){
			func() { w.Add(btfraw.Volatile, "", 0, base.int) },
			func() { w.Add(btfraw.Const, "", 0, base.int) },
			func() { w.Add(btfraw.Restrict, "", 0, base.nodePtr) },
			func() { w.Add(btfraw.Float, "double", 0, 8) },
			func() { w.Add(btfraw.Union, "u", 1, 8, w.Str("x"), base.long, 0) },
			func() { w.Add(btfraw.Enum64, "e", 1, 8, w.Str("E"), 1, 2) },
			func() { w.Add(btfraw.DeclTag, "kfunc", 0, w.function("k", base.int), ^uint32(0)) },
		}
		for i := range types {
			if reverse {
				i = len(types) - 1 - i
			}
			types[i]()
		}
	}
}

func outline(classes []Class) []string {
	var out []string
	for _, c := range classes {
		s := fmt.Sprintf("%v %s", c.Kind, c.Name)
		if c.Cause {
			s += "!"
		}
		out = append(out, s)
	}
	return out
}

func TestBaseWithRepetition(t *testing.T) {
	w := newWriter(binary.LittleEndian)
	first := w.Int("int", 4)
	second := w.Int("int", 4)
	w.ptr(first)
	w.ptr(second)
	w.ptr(w.forward("s"))
	w.ptr(w.structure("s", field{"x", second}))
	base, err := NewBase(w.Bytes(24))
	if err != nil {
		t.Fatal(err)
	}
	// One int, one int *, the forward, one pointer to it.
	if got := base.Redundant(); got != 4 {
		t.Errorf("redundant: %d of %d, want 4", got, base.Types())
	}

	a, b := w.split(), w.split()
	a.typedef("t", first)
	b.typedef("t", second)
	got, err := base.Compare(a.Bytes(24), b.Bytes(24))
	if err != nil {
		t.Fatal(err)
	}
	if !got.Equal() {
		t.Errorf("references to two copies of one type differ: %v, %v", got.OnlyA, got.OnlyB)
	}
}

func TestByteOrdersMix(t *testing.T) {
	little, ids := writeBase(binary.LittleEndian)
	a, b := little.split(), little.split()
	b.Order = binary.BigEndian
	for _, w := range []*writer{a, b} {
		w.structure("pair", field{"first", ids.int}, field{"second", ids.long})
	}
	got, err := Compare(little.Bytes(24), a.Bytes(24), b.Bytes(24))
	if err != nil {
		t.Fatal(err)
	}
	if !got.Equal() || got.A.Classes != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestDescription(t *testing.T) {
	baseWriter, ids := writeBase(binary.LittleEndian)
	w := baseWriter.split()
	constant := w.Add(btfraw.Const, "", 0, ids.int)
	array := w.Add(btfraw.Array, "", 0, 0, ids.char, ids.int, 4)
	inner := w.Add(btfraw.Union, "", 1|kindFlag, 4, w.Str("bit"), ids.int, 1<<24|3)
	w.function("call", w.ptr(constant), field{"n", ids.nodePtr}, field{"", 0})
	w.Add(btfraw.Struct, "s", 2, 16, w.Str("name"), array, 0, w.Str(""), inner, 64)
	callback := w.Add(btfraw.FuncProto, "", 1, 0, w.Str("arg"), ids.long)
	w.typedef("callback", w.ptr(callback))
	w.Add(btfraw.Datasec, ".data..percpu", 1, 8, w.Add(btfraw.Var, "counter", 0, ids.long, 1), 0, 8)
	w.Add(btfraw.DeclTag, "tag", 0, ids.node, 1)
	w.enum("e", field{"A", 0}, field{"B", 7})
	w.forward("away")

	got, err := Compare(baseWriter.Bytes(24), w.Bytes(24), baseWriter.split().Bytes(24))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, c := range got.OnlyA {
		if c.Kind != btfraw.Ptr && c.Kind != btfraw.FuncProto {
			lines = append(lines, c.Description)
		}
	}
	want := []string{
		"CONST const int",
		"ARRAY char [4]",
		"UNION  size 4 { 3: int bit:1; } kind_flag",
		"FUNC static const int *call(struct node *n, ...)",
		"STRUCT s size 16 { 0: char name[4]; 64: union { 3: int bit:1; } kind_flag; }",
		"TYPEDEF void (*callback)(long arg)",
		"VAR long counter linkage 1",
		"DATASEC .data..percpu size 8 { 0: counter size 8; }",
		`DECL_TAG "tag" component 1 of struct node`,
		"ENUM e size 4 { A=0 B=7 }",
		"FWD struct away",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMalformed(t *testing.T) {
	good := func(change func(raw []byte) []byte) []byte {
		w, _ := writeBase(binary.LittleEndian)
		return change(w.Bytes(24))
	}
	typed := func(add func(w *writer)) []byte {
		w := newWriter(binary.LittleEndian)
		add(w)
		return w.Bytes(24)
	}
	tests := []struct {
		name string
		raw  []byte
		want string
	}{
		{"empty", nil, "0 bytes, a header has 24"},
		{"no magic", make([]byte, 24), "not BTF: 0x0000 where the magic 0xeb9f belongs"},
		{"version", good(func(b []byte) []byte { b[2] = 2; return b }), "version 2"},
		{"header too short", good(func(b []byte) []byte { b[4] = 20; return b }), "header of 20 bytes: at least 24"},
		{"header too long", good(func(b []byte) []byte { b[6] = 1; return b }), "header of "},
		{"types outside", good(func(b []byte) []byte { b[15] = 0x7f; return b }), "types at 0, "},
		{"strings outside", good(func(b []byte) []byte { b[19] = 0x7f; return b }), "strings at "},
		{"cut off", good(func(b []byte) []byte { return b[:len(b)-1] }), "strings at "},
		{"no NUL at the end", good(func(b []byte) []byte { b[len(b)-1] = 'x'; return b }),
			"the last string has no NUL"},
		{"no empty string", typed(func(w *writer) { w.Strings[0] = 'x'; w.Str("y") }),
			"the first string is not empty"},
		{"kind void", typed(func(w *writer) { w.Add(btfraw.Void, "", 0, 0) }), "there is no kind 0"},
		{"unknown kind", typed(func(w *writer) { w.Add(btfraw.NumKinds, "", 0, 0) }), "there is no kind 20"},
		{"record cut off", typed(func(w *writer) { w.Words(0, uint32(btfraw.Ptr)<<24) }), "type 1 is cut off"},
		{"members cut off", typed(func(w *writer) { w.Add(btfraw.Struct, "s", 2, 8, 0, 0, 0) }),
			"type 1, STRUCT, is cut off"},
		{"no such string", typed(func(w *writer) { w.Words(99, uint32(btfraw.Ptr)<<24, 0) }), "no string at 0x63"},
		{"no such member name", typed(func(w *writer) { w.Add(btfraw.Enum, "e", 1, 4, 77, 0) }), "no string at 0x4d"},
		{"no such type", typed(func(w *writer) { w.ptr(5) }), "no type 5"},
		{"no such parameter", typed(func(w *writer) { w.function("f", 0, field{"x", 9}) }), "no type 9"},
		{"endless typedef", typed(func(w *writer) { w.typedef("t", 1) }), "endless references"},
		{"endless pointers", typed(func(w *writer) { w.ptr(2); w.ptr(1) }), "endless references"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := NewBase(test.raw)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestMalformedSplit(t *testing.T) {
	w, _ := writeBase(binary.LittleEndian)
	base, err := NewBase(w.Bytes(24))
	if err != nil {
		t.Fatal(err)
	}
	split := w.split()
	split.ptr(split.Next + 1)
	for _, raw := range [][]byte{nil, w.Bytes(24)[:30], split.Bytes(24)} {
		if _, err := base.Compare(raw, w.split().Bytes(24)); err == nil {
			t.Errorf("%d bytes as a: no error", len(raw))
		}
		if _, err := base.Compare(w.split().Bytes(24), raw); err == nil {
			t.Errorf("%d bytes as b: no error", len(raw))
		}
	}
}

// A comparison of anything ends in a result or an error, and anything equals itself.
func FuzzCompare(f *testing.F) {
	for _, order := range orders {
		w, ids := writeBase(order)
		split := w.split()
		writeOtherKinds(false)(split, ids)
		split.function("f", ids.int, field{"x", ids.nodePtr})
		split.Add(btfraw.Array, "", 0, 0, ids.char, ids.int, 4)
		split.structure("opaque", field{"h", ids.holder})
		f.Add(w.Bytes(24), split.Bytes(24))
		f.Add(w.Bytes(32), split.Bytes(32))
	}
	f.Fuzz(func(t *testing.T, base, split []byte) {
		got, err := Compare(base, split, split)
		if err == nil && !got.Equal() {
			t.Errorf("not equal to itself: %v, %v", got.OnlyA, got.OnlyB)
		}
		if b, err := NewBase(base); err == nil {
			empty := (&btfrawtest.Writer{Order: binary.LittleEndian}).Bytes(24)
			_, _ = b.Compare(split, empty)
		}
	})
}
