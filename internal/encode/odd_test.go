// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/btfverify"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// oddTypes are types that BTF, or a kernel, cannot take as they are. The rest of the module does
// not suffer.
var oddTypes = []struct {
	name, source string
	notes        []string
	want         []string // types and functions; INTs, pointers and prototypes are left out
}{
	{"vectors by value", "typedef int v4 __attribute__((vector_size(16))); " +
		"v4 add(v4 a, v4 b) { return a + b; } struct s { v4 v; v4 (*f)(v4); } s;", nil,
		[]string{"typedef v4 int[4]", "struct s size=32 v@0=v4 f@128=fn:v4(v4)*"}},
	{"function that returns a typedef of void", "typedef void nothing; nothing f(int x) { } " +
		"struct ops { nothing (*g)(int); const void (*h)(void); } ops;", nil,
		[]string{"struct ops size=16 g@0=fn:void(int)* h@64=fn:void()*", "func f void(int x)"}},
	{"names with dollar signs", "struct a$b { int c$d; } v; enum e$f { G$ } e; typedef int h$; h$ i; " +
		"int j$k(int l) { return l; } int m(int n$) { return n$; }",
		[]string{`function "j$k" left out: BTF cannot express its name`,
			`name "a$b" is not an identifier: written as "a_b"`,
			`name "c$d" is not an identifier: written as "c_d"`,
			`name "e$f" is not an identifier: written as "e_f"`,
			`name "G$" is not an identifier: written as "G_"`,
			`name "h$" is not an identifier: written as "h_"`,
			`name "n$" is not an identifier: written as "n_"`},
		[]string{"struct a_b size=4 c_d@0=int", "enum e_f size=4 signed=false G_=0x0", "typedef h_ int",
			"func m int(int n_)"}},
	{"names in UTF-8", "struct größe { int é; } v; int f(struct größe *g) { return g->é; }",
		[]string{`name "größe" is not an identifier: written as "gr____e"`,
			`name "é" is not an identifier: written as "__"`},
		[]string{"struct gr____e size=4 __@0=int", "func f int(struct gr____e/4* g)"}},
	{"bit field of a wide enum", "enum wide { W = 1ull << 40 }; " +
		"struct s { enum wide w : 41; enum wide ok : 32; int after; } s; int f(struct s *s) { return s->after; }",
		[]string{"STRUCT s: member 0 at bit 0 left out: a bit field of 41 bits, more than its type can have"},
		[]string{"enum wide size=8 signed=false W=0x10000000000", "struct s size=16 ok@64:32=wide after@96=int",
			"func f int(struct s/16* s)"}},
	{"struct of more than 4 GiB", "struct big { char a[1ul << 33]; int tail; }; " +
		"struct holder { struct big *b; int n; } h; int f(struct big *b) { return b->tail; }",
		[]string{"struct big: members left out: 8589934596 bytes are too large for BTF"},
		[]string{"struct big size=0", "struct holder size=16 b@0=struct big/0* n@64=int",
			"func f int(struct big/0* b)"}},
	{"member beyond 512 MiB", "struct far { char a[1 << 29]; int tail; }; int f(struct far *f) { return f->tail; }",
		[]string{`struct far: member "tail" left out: at bit 4294967296, too far for BTF`},
		[]string{"struct far size=536870916 a@0=char[536870912]", "func f int(struct far/536870916* f)"}},
	{"member beyond 2 MiB in a struct with bit fields", "struct far { int b : 3; char a[3 << 20]; int tail; " +
		"int c : 5; }; int f(struct far *f) { return f->tail; }",
		[]string{`struct far: member "tail" left out: at bit 25165856, too far for BTF`,
			`struct far: member "c" left out: at bit 25165888, too far for BTF`},
		[]string{"struct far size=3145740 b@0:3=int a@8=char[3145728]", "func f int(struct far/3145740* f)"}},
	{"complex numbers", "struct s { _Complex double z; int n; } s; int f(struct s *s) { return s->n; }",
		[]string{`type "complex double": BTF cannot express it: written as a struct of 16 bytes without members`},
		[]string{"struct  size=16", "struct s size=24 z@0=struct /16 n@128=int", "func f int(struct s/24* s)"}},
	{"parameters of a declared enum", "enum never; struct ops { enum never (*f)(enum never, int); } ops; " +
		"int g(struct ops *o, enum never (*h)(void)) { return h != 0; }", nil,
		[]string{"struct ops size=8 f@0=fn:never(never, int)*", "enum never size=4 signed=false",
			"func g int(struct ops/8* o, fn:never()* h)"}},
	{"parameter of a declared struct", "struct never; struct ops { int (*f)(struct never, int); } ops; " +
		"int g(struct ops *o) { return o != 0; }",
		[]string{"FUNC_PROTO: parameters left out: the type of parameter 0 has no size"},
		[]string{"struct ops size=8 f@0=fn:int()*", "fwd struct never", "func g int(struct ops/8* o)"}},
}

func TestOddTypes(t *testing.T) {
	kernel, err := btfverify.KernelOf("")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range oddTypes {
		t.Run(tt.name, func(t *testing.T) {
			img := with(elftest.GCC, "-O2", "-gdwarf-5").build(t, tt.source)
			var notes []string
			raw, err := File(img, NoBase(),
				Options{Dialect: btf.Modern, Note: func(n string) { notes = append(notes, n) }})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.notes, notes); diff != "" {
				t.Errorf("notes: -want +got\n%s", diff)
			}
			got := without(list(t, raw, nil), "int", "ptr", "proto", "array", "char")
			if diff := cmp.Diff(sorted(tt.want), sorted(got)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if _, problems := btfverify.Verify(raw, nil, kernel); len(problems) > 0 {
				t.Errorf("verify: %v", problems)
			}
		})
	}
}

// A file with many odd types gets ten notes, and one that there are more.
func TestManyNotes(t *testing.T) {
	source := ""
	for i := range 30 {
		source += fmt.Sprintf("struct s$%d { int x; } v%d; ", i, i)
	}
	var notes []string
	_, err := File(gcc.build(t, source), NoBase(),
		Options{Dialect: btf.Modern, Note: func(n string) { notes = append(notes, n) }})
	if err != nil {
		t.Fatal(err)
	}
	if len(notes) != 11 || notes[10] != "and more" {
		t.Errorf("%d notes: %q", len(notes), notes)
	}
}
