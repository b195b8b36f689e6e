// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfdiff

import (
	"encoding/binary"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kbtf/kbtf/internal/btfraw"
)

var little = binary.LittleEndian

// names lists a set of tags.
func (t Tags) names() map[string]bool {
	names := make(map[string]bool)
	for tag := range t {
		names[tag.kind.String()+" "+tag.name] = true
	}
	return names
}

func TestConflicting(t *testing.T) {
	type types = func(*writer, baseIDs)
	one := func(w *writer, base baseIDs) { w.structure("chip", field{"first", base.int}) }
	other := func(w *writer, base baseIDs) { w.structure("chip", field{"second", base.long}) }
	blue := func(w *writer, base baseIDs) { w.enum("color", field{"BLUE", 0}) }
	ofBase := func(w *writer, base baseIDs) { w.enum("color", field{"RED", 0}, field{"GREEN", 1}) }
	for _, test := range []struct {
		name string
		a, b []types
		want []string
	}{
		{name: "one definition", a: []types{one}, b: []types{one}},
		{name: "another one on each side", a: []types{one}, b: []types{other}},
		{name: "two on one side", a: []types{one, other}, b: []types{one}},
		{name: "two on both sides", a: []types{one, other}, b: []types{other, one}, want: []string{"STRUCT chip"}},
		{name: "twice the same", a: []types{one, one}, b: []types{one, one}},
		{name: "the base has another one", a: []types{blue}, b: []types{blue}, want: []string{"ENUM color"}},
		{name: "the base has it", a: []types{ofBase}, b: []types{ofBase}},
		{
			name: "a struct that leads to it is not",
			a: []types{one, other, func(w *writer, base baseIDs) {
				w.structure("device", field{"chip", w.ptr(w.Next - 2)})
				w.structure("device", field{"chip", w.ptr(w.Next - 3)})
			}},
			b:    []types{one, other},
			want: []string{"STRUCT chip"},
		},
	} {
		baseWriter, ids := writeBase(little)
		base, err := NewBase(baseWriter.Bytes(24))
		if err != nil {
			t.Fatal(err)
		}
		var splits [2][]byte
		for i, parts := range [][]types{test.a, test.b} {
			w := baseWriter.split()
			for _, part := range parts {
				part(w, ids)
			}
			splits[i] = w.Bytes(24)
		}
		got, err := base.Conflicting(splits[0], splits[1])
		if err != nil {
			t.Fatal(err)
		}
		want := make(map[string]bool)
		for _, name := range test.want {
			want[name] = true
		}
		if diff := cmp.Diff(want, got.names()); diff != "" {
			t.Errorf("%s: -want +got\n%s", test.name, diff)
		}
	}
}

// A reference to a tag that is set apart still counts by its kind and name.
func TestApart(t *testing.T) {
	baseWriter, ids := writeBase(little)
	whole, err := NewBase(baseWriter.Bytes(24))
	if err != nil {
		t.Fatal(err)
	}
	base, err := whole.Apart(Tags{{btfraw.Struct, "node"}: true})
	if err != nil {
		t.Fatal(err)
	}
	holds := func(member string, target func(w *writer) uint32) []byte {
		w := baseWriter.split()
		w.structure("list", field{member, w.ptr(target(w))})
		return w.Bytes(24)
	}
	ofBase := holds("head", func(*writer) uint32 { return ids.node })
	own := holds("head", func(w *writer) uint32 { return w.structure("node", field{"own", ids.int}) })
	for _, test := range []struct {
		name         string
		a, b         []byte
		onlyA, onlyB []string
	}{
		{name: "the base's or an own one", a: ofBase, b: own, onlyB: []string{"STRUCT node!"}},
		{name: "another tag", a: ofBase, b: holds("head", func(*writer) uint32 { return ids.holder }),
			onlyA: []string{"STRUCT list!"}, onlyB: []string{"PTR !", "STRUCT list"}},
		{name: "void", a: ofBase, b: holds("head", func(*writer) uint32 { return 0 }),
			onlyA: []string{"STRUCT list!"}, onlyB: []string{"PTR !", "STRUCT list"}},
		{name: "another member", a: ofBase, b: holds("tail", func(*writer) uint32 { return ids.node }),
			onlyA: []string{"STRUCT list!"}, onlyB: []string{"STRUCT list!"}},
	} {
		result, err := base.Compare(test.a, test.b)
		if err != nil {
			t.Fatal(err)
		}
		got := [][]string{outline(result.OnlyA), outline(result.OnlyB)}
		if diff := cmp.Diff([][]string{test.onlyA, test.onlyB}, got); diff != "" {
			t.Errorf("%s: -want +got\n%s", test.name, diff)
		}
	}
}

// What a split for a distilled base has of the base vanishes on relocation; nothing else does.
func TestCompareRelocated(t *testing.T) {
	baseWriter, _ := writeBase(little)
	base, err := NewBase(baseWriter.Bytes(24))
	if err != nil {
		t.Fatal(err)
	}
	distilled := func(of func(w *writer, long uint32) []field, stubs ...func(*writer) uint32) Distilled {
		small := newWriter(little)
		long := small.Int("long", 8)
		for _, stub := range stubs {
			stub(small)
		}
		w := small.split()
		w.structure("own", of(w, long)...)
		return Distilled{small.Bytes(24), w.Bytes(24)}
	}
	node := func(size uint32) func(*writer) uint32 {
		return func(w *writer) uint32 { return w.Add(btfraw.Struct, "node", 0, size) }
	}
	const stubID = 2
	short := distilled(func(w *writer, long uint32) []field { return []field{{"n", w.ptr(stubID)}} }, node(16))
	repeats := distilled(func(w *writer, long uint32) []field {
		to := w.ptr(w.Next + 1)
		w.structure("node", field{"next", to}, field{"value", long})
		return []field{{"n", to}}
	})
	other := distilled(func(w *writer, long uint32) []field {
		return []field{{"n", w.ptr(w.structure("node", field{"value", long}))}}
	})
	compare := func(a, b Distilled) []string {
		result, err := base.CompareRelocated(a, b)
		if err != nil {
			t.Fatal(err)
		}
		return append(outline(result.OnlyA), outline(result.OnlyB)...)
	}
	if got := compare(repeats, short); got != nil {
		t.Errorf("a type of the base that one side has again: %v", got)
	}
	want := []string{"STRUCT own!", "STRUCT node!", "PTR ", "STRUCT own"}
	if diff := cmp.Diff(want, compare(short, other)); diff != "" {
		t.Errorf("another struct node: -want +got\n%s", diff)
	}
	unknown := distilled(func(w *writer, long uint32) []field { return []field{{"n", w.ptr(stubID)}} }, node(24))
	if _, err := base.CompareRelocated(unknown, short); err == nil {
		t.Error("no error for a type that the base does not have in this size")
	}
}

func TestVariablesAndPrototype(t *testing.T) {
	baseWriter, ids := writeBase(little)
	base, err := NewBase(baseWriter.Bytes(24))
	if err != nil {
		t.Fatal(err)
	}
	w := baseWriter.split()
	f := w.function("f", ids.int)
	g := w.function("g", ids.long)
	w.ptr(g - 1)
	v := w.Add(btfraw.Var, "v", 0, ids.int, 0)
	w.Add(btfraw.Datasec, ".data", 1, 12, v, 8, 4)
	raw := w.Bytes(24)
	got, err := base.Variables(raw)
	if diff := cmp.Diff([]Variable{{".data", "v", 8, 4}}, got); err != nil || diff != "" {
		t.Errorf("%v: -want +got\n%s", err, diff)
	}
	for _, test := range []struct {
		function  uint32
		referrers int
	}{{f, 1}, {g, 2}} {
		id, referrers, err := base.PrototypeOf(raw, test.function)
		if err != nil || id != test.function-1 || referrers != test.referrers {
			t.Errorf("prototype of %d: %d, %d, %v", test.function, id, referrers, err)
		}
	}
}
