// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfdiff

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// TestExplain checks where types of one name begin to differ, causes first.
func TestExplain(t *testing.T) {
	type split func(w *writer, base baseIDs)
	tests := []struct {
		name string
		a, b split
		want []string
	}{
		{
			name: "equal",
			a:    func(w *writer, base baseIDs) { w.typedef("t", base.int) },
			b:    func(w *writer, base baseIDs) { w.typedef("t", base.int) },
		},
		{
			name: "kind",
			a:    func(w *writer, base baseIDs) { w.structure("s") },
			b:    func(w *writer, base baseIDs) { w.forward("s") },
			want: []string{"STRUCT s: STRUCT on one side, FWD on the other"},
		},
		{
			name: "member's bit offset",
			a: func(w *writer, base baseIDs) {
				w.structure("s", field{"a", base.int}, field{"b", base.long})
			},
			b: func(w *writer, base baseIDs) {
				w.Add(btfraw.Struct, "s", 2, 16, w.Str("a"), base.int, 0, w.Str("b"), base.long, 32)
			},
			want: []string{`STRUCT s: member 1 "b": bit offset 64 on one side, 32 on the other`},
		},
		{
			name: "width of a bit field",
			a: func(w *writer, base baseIDs) {
				w.Add(btfraw.Struct, "s", kindFlag|1, 4, w.Str("a"), base.int, 3<<24)
			},
			b: func(w *writer, base baseIDs) {
				w.Add(btfraw.Struct, "s", kindFlag|1, 4, w.Str("a"), base.int, 4<<24)
			},
			want: []string{`STRUCT s: member 0 "a": bit field of 3 on one side, 4 on the other`},
		},
		{
			name: "member's name",
			a:    func(w *writer, base baseIDs) { w.structure("s", field{"a", base.int}) },
			b:    func(w *writer, base baseIDs) { w.structure("s", field{"b", base.int}) },
			want: []string{`STRUCT s: member 0: "a" on one side, "b" on the other`},
		},
		{
			name: "member's type",
			a:    func(w *writer, base baseIDs) { w.structure("s", field{"a", base.int}) },
			b:    func(w *writer, base baseIDs) { w.structure("s", field{"a", base.nodePtr}) },
			want: []string{`STRUCT s: member 0 "a" is int on one side, struct node * on the other`},
		},
		{
			name: "another member, another size",
			a:    func(w *writer, base baseIDs) { w.structure("s", field{"a", base.int}) },
			b:    func(w *writer, base baseIDs) { w.structure("s", field{"a", base.int}, field{"b", base.int}) },
			want: []string{"STRUCT s: 1 members on one side, 2 on the other"},
		},
		{
			name: "size only",
			a:    func(w *writer, base baseIDs) { w.Add(btfraw.Struct, "s", 0, 8) },
			b:    func(w *writer, base baseIDs) { w.Add(btfraw.Struct, "s", 0, 16) },
			want: []string{"STRUCT s: size 8 on one side, 16 on the other"},
		},
		{
			name: "kind_flag only",
			a:    func(w *writer, base baseIDs) { w.Add(btfraw.Struct, "s", 0, 8) },
			b:    func(w *writer, base baseIDs) { w.Add(btfraw.Struct, "s", kindFlag, 8) },
			want: []string{"STRUCT s: kind_flag false on one side, true on the other"},
		},
		{
			name: "in a struct without a name",
			a: func(w *writer, base baseIDs) {
				w.structure("s", field{"u", w.Next + 1})
				w.structure("", field{"x", base.int})
			},
			b: func(w *writer, base baseIDs) {
				w.structure("s", field{"u", w.Next + 1})
				w.structure("", field{"x", base.long})
			},
			want: []string{
				`STRUCT s: member 0 "u": member 0 "x" is int on one side, long on the other`,
				"A: STRUCT  size 8 { 0: int x; }",
				"B: STRUCT  size 8 { 0: long x; }",
			},
		},
		{
			name: "causes before consequences",
			a: func(w *writer, base baseIDs) {
				w.structure("outer", field{"p", w.Next + 1})
				w.ptr(w.Next + 1)
				w.structure("inner", field{"a", base.int})
			},
			b: func(w *writer, base baseIDs) {
				w.structure("outer", field{"p", w.Next + 1})
				w.ptr(w.Next + 1)
				w.structure("inner", field{"b", base.int})
			},
			want: []string{
				`STRUCT inner: member 0: "a" on one side, "b" on the other`,
				`STRUCT outer: member 0 "p" leads to a type that differs: struct inner *`,
				"A: PTR struct inner *",
				"B: PTR struct inner *",
			},
		},
		{
			name: "value",
			a:    func(w *writer, base baseIDs) { w.enum("e", field{"A", 1}, field{"B", 2}) },
			b:    func(w *writer, base baseIDs) { w.enum("e", field{"A", 1}, field{"B", 3}) },
			want: []string{`ENUM e: value 1 "B": 2 on one side, 3 on the other`},
		},
		{
			name: "parameter",
			a:    func(w *writer, base baseIDs) { w.function("f", base.int, field{"a", base.int}) },
			b:    func(w *writer, base baseIDs) { w.function("f", base.int, field{"a", base.long}) },
			want: []string{
				`FUNC f: parameter 0 "a" is int on one side, long on the other`,
				"A: FUNC_PROTO int (int a)",
				"B: FUNC_PROTO int (long a)",
			},
		},
		{
			name: "return",
			a:    func(w *writer, base baseIDs) { w.function("f", base.int) },
			b:    func(w *writer, base baseIDs) { w.function("f", 0) },
			want: []string{
				"FUNC f: return is int on one side, void on the other",
				"A: FUNC_PROTO int ()",
				"B: FUNC_PROTO void ()",
			},
		},
		{
			name: "linkage",
			a:    func(w *writer, base baseIDs) { w.Add(btfraw.Func, "f", 0, w.Add(btfraw.FuncProto, "", 0, 0)) },
			b:    func(w *writer, base baseIDs) { w.Add(btfraw.Func, "f", 1, w.Add(btfraw.FuncProto, "", 0, 0)) },
			want: []string{"FUNC f: linkage 0 on one side, 1 on the other"},
		},
		{
			name: "TYPEDEF and INT",
			a: func(w *writer, base baseIDs) {
				w.typedef("t", base.int)
				w.Add(btfraw.Int, "i", 0, 4, 1<<24|32)
			},
			b: func(w *writer, base baseIDs) {
				w.typedef("t", base.nodePtr)
				w.Add(btfraw.Int, "i", 0, 4, 32)
			},
			want: []string{
				"TYPEDEF t: is int on one side, struct node * on the other",
				"INT i: encoding 1 on one side, 0 on the other",
			},
		},
		{
			name: "variables",
			a: func(w *writer, base baseIDs) {
				v := w.Add(btfraw.Var, "v", 0, base.int, 1)
				w.Add(btfraw.Datasec, ".data", 1, 8, v, 0, 4)
			},
			b: func(w *writer, base baseIDs) {
				v := w.Add(btfraw.Var, "v", 0, base.int, 1)
				w.Add(btfraw.Datasec, ".data", 1, 8, v, 4, 4)
			},
			want: []string{`DATASEC .data: variable 0 "v": offset 0 on one side, 4 on the other`},
		},
		{
			name: "tags have no names",
			a:    func(w *writer, base baseIDs) { w.Add(btfraw.DeclTag, "d", 0, base.node, 0xffffffff) },
			b:    func(w *writer, base baseIDs) { w.Add(btfraw.DeclTag, "d", 0, base.holder, 0xffffffff) },
			want: []string{
				`A: DECL_TAG "d" component -1 of struct node`,
				`B: DECL_TAG "d" component -1 of struct holder`,
			},
		},
		{
			name: "on one side only",
			a:    func(w *writer, base baseIDs) { w.typedef("t", base.int) },
			b:    func(w *writer, base baseIDs) { w.structure("t") },
			want: []string{"A: TYPEDEF int t", "B: STRUCT t size 0 { }"},
		},
		{
			name: "repeats",
			a: func(w *writer, base baseIDs) {
				w.Int("long", 8)
				w.structure("holder", field{"p", w.ptr(w.forward("opaque"))})
			},
			b: func(w *writer, base baseIDs) {
				w.ptr(base.int)
				w.ptr(base.int)
				w.forward("s")
				w.structure("s")
			},
			want: []string{
				"B: PTR int *",
				"B: STRUCT s size 0 { }",
				"A: INT long repeats 3 of the base",
				"A: FWD opaque repeats 6 of the base",
				"A: PTR  repeats 7 of the base",
				"A: STRUCT holder repeats 8 of the base",
				"B: PTR  repeats 10 of the split",
				"B: FWD s repeats 13 of the split",
			},
		},
	}
	for _, test := range tests {
		for _, order := range orders {
			t.Run(fmt.Sprint(test.name, "/", order), func(t *testing.T) {
				whole, ids := writeBase(order)
				a, b := whole.split(), whole.split()
				test.a(a, ids)
				test.b(b, ids)
				base, err := NewBase(whole.Bytes(24))
				if err != nil {
					t.Fatal(err)
				}
				e, err := base.Explain(a.Bytes(24), b.Bytes(24))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(test.want, lines(e)); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if e.Equal != (len(e.Changes)+len(e.OnlyA)+len(e.OnlyB) == 0) {
					t.Errorf("equal: %v", e.Equal)
				}
			})
		}
	}
}

// lines writes an explanation down.
func lines(e *Explanation) (list []string) {
	for _, c := range e.Changes {
		list = append(list, fmt.Sprintf("%v %s: %s", c.A.Kind, c.A.Name, c.First))
	}
	for side, only := range [][]Class{e.OnlyA, e.OnlyB} {
		for _, c := range only {
			list = append(list, fmt.Sprintf("%c: %s", 'A'+side, c.Description))
		}
	}
	for side, repeats := range [][]Repeat{e.RepeatsA, e.RepeatsB} {
		for _, r := range repeats {
			where := "the split"
			if r.OfBase {
				where = "the base"
			}
			list = append(list, fmt.Sprintf("%c: %v %s repeats %d of %s", 'A'+side, r.Kind, r.Name, r.Of, where))
		}
	}
	return list
}

// TestExplainAlone compares BTF that has no base.
func TestExplainAlone(t *testing.T) {
	for _, order := range orders {
		a, ids := writeBase(order)
		b, _ := writeBase(order)
		b.typedef("t", ids.node)
		b.typedef("t", ids.node)
		e, err := NoBase().Explain(a.Bytes(24), b.Bytes(32))
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"B: TYPEDEF struct node t", "B: TYPEDEF t repeats 10 of the split"}
		if diff := cmp.Diff(want, lines(e)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", order, diff)
		}
		if _, err := NoBase().Explain(a.split().Bytes(24), b.Bytes(24)); err == nil {
			t.Errorf("%v: split BTF was taken for whole", order)
		}
	}
}
