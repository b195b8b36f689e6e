// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// Two units with common types, and functions of one that may be inlined in the other.
var twoUnits = []string{`
	struct common { int a; struct common *next; enum { low, high = 7 } level; };
	struct one { struct common c; unsigned bits : 3; };
	int first(struct one *o) { return o->c.a + o->bits; }
	int shared(struct common *c) { return c->next ? c->next->a : c->level; }`, `
	struct common { int a; struct common *next; enum { low, high = 7 } level; };
	struct two { struct common *c[4]; double d; };
	int shared(struct common *c);
	int second(struct two *t) { return shared(t->c[1]); }`}

// open encodes a file and returns its types, sorted, without modifiers.
func encodeAndList(t *testing.T, path string, opt Options) []string {
	t.Helper()
	img, err := elfimage.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	raw, err := File(img, NoBase(), opt)
	if err != nil {
		t.Fatal(err)
	}
	return sorted(list(t, raw, nil))
}

// Type units let the linker drop duplicates. In DWARF 4 they have a section of their own, and ld -r
// keeps them in separate sections.
func TestTypeUnits(t *testing.T) {
	for _, tt := range []struct {
		name  string
		units []string
	}{
		{"two units", twoUnits},
		{"a parameter leads to a type unit by a nameless DIE", []string{
			"struct s { int a; enum { A, B } e; struct { int n; } in; }; typedef struct { int t; } t; " +
				"int f(struct s *p, t *q, struct s v) { return p->a + q->t + v.a; } " +
				"int g(const struct s *p, enum e { X } x) { return p->a + x; }"}},
		{"local types", []string{
			"struct s { int a; }; int f(struct s *p) { struct l { int i; struct s *q; } l = { 1, p }; " +
				"return l.i + l.q->a; }",
			"extern int ext(void *); int g(void) { struct l { long z; } l = { 1 }; return ext(&l); } " +
				"int h(void) { struct l { char c; } l = { 1 }; return ext(&l); }"}},
		{"two types of one name", []string{
			"struct s { int a; struct t *t; }; int f(struct s *p) { return p->a; } " +
				"struct t { struct s s; } t;",
			"struct s { long b; struct t *t; }; long g(struct s *p) { return p->b; }"}},
		{"types that refer to each other", []string{
			"struct a { struct b *b; union { struct a *next; int (*f)(struct b *); }; }; " +
				"struct b { struct a a; const struct a *p[3]; }; int f(struct b *b) { return b->a.b == b; }",
			"union u { struct a *a; int x; }; int g(union u *u) { return u->x; }"}},
	} {
		for _, version := range []string{"-gdwarf-4", "-gdwarf-5"} {
			build := func(flags ...string) string {
				return with(elftest.GCC, append([]string{"-O2", version}, flags...)...).build(t,
					tt.units...).Path
			}
			want := encodeAndList(t, build(), Options{Dialect: btf.Modern})
			got := encodeAndList(t, build("-fdebug-types-section"), Options{Dialect: btf.Modern})
			if diff := cmp.Diff(sorted(withoutForwards(want)), sorted(withoutForwards(got))); diff != "" {
				t.Errorf("%s: %s: -want +got\n%s", tt.name, version, diff)
			}
		}
	}
}

// withoutForwards drops the declarations next to references by signature.
func withoutForwards(list []string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return strings.HasPrefix(s, "fwd ") })
}

// dwz moves common types of units into partial units, of one file or of several.
func TestPartialUnits(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	var shared strings.Builder // enough that sharing pays off
	for i := range 40 {
		fmt.Fprintf(&shared, "struct shared%d { struct shared%d *next; long member_of_%d[%d]; };\n",
			i, i+1, i, i+2)
	}
	var units []string
	for _, u := range twoUnits {
		units = append(units, shared.String()+"struct shared0 *user;\n"+u)
	}
	elftest.Run(t, dir, "ld", "-e", "0", "--unresolved-symbols=ignore-all", "-o", "plain",
		with(elftest.GCC, "-O2", "-fcommon", "-gdwarf-5", "-fno-pic").build(t, units...).Path)
	want := encodeAndList(t, plain, Options{Dialect: btf.Modern})
	elftest.Run(t, dir, "dwz", "-o", "small", "plain")
	if out := elftest.Run(t, dir, "readelf", "--debug-dump=info", "small"); !strings.Contains(out,
		"DW_TAG_partial_unit") {
		t.Fatal("dwz made no partial unit")
	}
	if diff := cmp.Diff(want, encodeAndList(t, filepath.Join(dir, "small"),
		Options{Dialect: btf.Modern})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}

	elftest.Run(t, dir, "cp", "plain", "other")
	elftest.Run(t, dir, "dwz", "-m", "shared", "plain", "other")
	img, err := elfimage.Open(plain)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	_, err = File(img, NoBase(), Options{Dialect: btf.Modern})
	if err == nil || !strings.Contains(err.Error(), "supplementary file") {
		t.Errorf("supplementary file: error %v", err)
	}
}

// Merged units encode like separate ones.
func TestMergeUnits(t *testing.T) {
	path := gcc.build(t, twoUnits...).Path
	want := encodeAndList(t, path, Options{Dialect: btf.Modern})
	if diff := cmp.Diff(want, encodeAndList(t, path,
		Options{Dialect: btf.Modern, MergeUnits: true})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// link links objects into a module.
func link(t *testing.T, objects ...string) *elfimage.Image {
	t.Helper()
	path := filepath.Join(t.TempDir(), "all.ko")
	elftest.Run(t, "", "ld", append([]string{"-r", "-o", path}, objects...)...)
	img, err := elfimage.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(img.Close)
	return img
}

// Functions of assembler units have neither parameters nor types.
func TestAssembler(t *testing.T) {
	object := assemble(t, ".globl f\n.type f, @function\nf: ret\n.size f, .-f\n", "-Wa,-gdwarf-5")
	img := link(t, object, gcc.build(t, "int a(void) { return 1; }").Path)
	for _, tt := range []struct {
		exclude string
		want    []string
	}{
		{"", []string{"func a int()", "func f void()"}},
		{"asm", []string{"func a int()"}},
		{"c,c89,c99,c11,c17", []string{"func f void()"}},
	} {
		languages, err := ParseLanguages(tt.exclude)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := File(img, NoBase(), Options{Dialect: btf.Modern, Exclude: languages})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, without(list(t, raw, nil), "int", "proto")); diff != "" {
			t.Errorf("without %q: -want +got\n%s", tt.exclude, diff)
		}
	}
}

// Rust reorders members; DWARF has them in source order, BTF by offset.
func TestRust(t *testing.T) {
	object := assemble(t, `
		.section .debug_abbrev
		.uleb128 1; .uleb128 0x11; .byte 1; .uleb128 0x13; .uleb128 0x05; .uleb128 0; .uleb128 0
		.uleb128 2; .uleb128 0x24; .byte 0; .uleb128 0x03; .uleb128 0x08; .uleb128 0x3e;
		.uleb128 0x0b; .uleb128 0x0b; .uleb128 0x0b; .uleb128 0; .uleb128 0
		.uleb128 3; .uleb128 0x13; .byte 1; .uleb128 0x03; .uleb128 0x08; .uleb128 0x0b;
		.uleb128 0x0b; .uleb128 0; .uleb128 0
		.uleb128 4; .uleb128 0x0d; .byte 0; .uleb128 0x03; .uleb128 0x08; .uleb128 0x49;
		.uleb128 0x13; .uleb128 0x38; .uleb128 0x0b; .uleb128 0; .uleb128 0
		.byte 0
		.section .debug_info
	0:	.4byte 9f-1f
	1:	.2byte 5; .byte 1, 8; .4byte 0
		.uleb128 1; .2byte 0x1c
	2:	.uleb128 2; .asciz "u32"; .byte 7, 4
		.uleb128 3; .asciz "ordered"; .byte 12
		.uleb128 4; .asciz "last"; .4byte 2b-0b; .byte 8
		.uleb128 4; .asciz "first"; .4byte 2b-0b; .byte 0
		.uleb128 4; .asciz "middle"; .4byte 2b-0b; .byte 4
		.byte 0, 0
	9:`)
	want := []string{"int u32 size=4 unsigned",
		"struct ordered size=12 first@0=u32 middle@32=u32 last@64=u32"}
	if diff := cmp.Diff(want, encodeAndList(t, object, Options{Dialect: btf.Modern})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if got := encodeAndList(t, object,
		Options{Dialect: btf.Modern, Exclude: []Language{Rust}}); len(got) > 0 {
		t.Errorf("left out, but emitted: %v", got)
	}
}

// A unit whose first DIE is a parameter, as in a damaged file.
func TestParameterWithoutFunction(t *testing.T) {
	object := assemble(t, `
		.section .debug_abbrev
		.uleb128 1; .uleb128 0x05; .byte 1; .uleb128 0x03; .uleb128 0x08; .uleb128 0; .uleb128 0
		.uleb128 2; .uleb128 0x18; .byte 0; .uleb128 0; .uleb128 0
		.byte 0
		.section .debug_info
		.4byte 9f-1f
	1:	.2byte 5; .byte 1, 8; .4byte 0
		.uleb128 1; .asciz "lost"
		.uleb128 2
		.byte 0
	9:`)
	if got := encodeAndList(t, object, Options{Dialect: btf.Modern}); len(got) > 0 {
		t.Errorf("%v", got)
	}
}

// A damaged file may have a struct that contains itself: computing its alignment must terminate.
func TestRecursiveStruct(t *testing.T) {
	var s unitTypes
	s.unit.Types = []btf.Type{{Kind: btf.KindStruct, Name: 1, Size: 8, N: 2}}
	s.unit.Members = []btf.Member{{Type: 1}, {Type: 1, Offset: 32}}
	if got := s.alignment(1); got != 1 {
		t.Errorf("aligned to %d bytes", got)
	}
	if s.isPacked(1) {
		t.Error("packed")
	}
}

// C++ units are left out, with one note. GCC's DWARF of C with another DW_AT_language stands in for
// C++.
func TestCPlusPlusUnits(t *testing.T) {
	cc := gcc.build(t, "struct in_c { int a; }; int c(struct in_c *p) { return p->a; }").Path
	dir := t.TempDir()
	objects := []string{cc}
	for i, source := range []string{"struct in_plus { int a; } v;",
		"struct pair { long a, b; } p;"} {
		name := fmt.Sprint("unit", i)
		if err := os.WriteFile(filepath.Join(dir, name+".c"), []byte(source), 0o644); err != nil {
			t.Fatal(err)
		}
		elftest.Run(t, dir, "gcc", "-gdwarf-5", "-dA", "-S", name+".c")
		assembly := string(elftest.Read(t, filepath.Join(dir, name+".s")))
		changed := regexp.MustCompile(
			`(?m)^\t\.byte\t0x[0-9a-f]+(\t# DW_AT_language)$`).ReplaceAllString(assembly,
			"\t.byte\t0x21$1")
		if changed == assembly {
			t.Fatal("no DW_AT_language")
		}
		if err := os.WriteFile(filepath.Join(dir, name+".s"), []byte(changed), 0o644); err != nil {
			t.Fatal(err)
		}
		elftest.Run(t, dir, "gcc", "-c", name+".s")
		objects = append(objects, filepath.Join(dir, name+".o"))
	}
	checkWithoutCPlusPlus(t, link(t, objects...))
}

// checkWithoutCPlusPlus encodes a module with one unit in C and two in C++.
func checkWithoutCPlusPlus(t *testing.T, img *elfimage.Image) {
	t.Helper()
	var notes []string
	raw, err := File(img, NoBase(),
		Options{Dialect: btf.Modern, Note: func(n string) { notes = append(notes, n) }})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"struct in_c size=4 a@0=int", "func c int(struct in_c/4* p)"}
	if diff := cmp.Diff(sorted(want),
		sorted(without(list(t, raw, nil), "int", "ptr", "proto"))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if diff := cmp.Diff([]string{"2 of 3 units are C++: left out"}, notes); diff != "" {
		t.Errorf("notes: -want +got\n%s", diff)
	}
}
