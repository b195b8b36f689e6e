// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"bytes"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

func sorted(lines []string) []string {
	lines = slices.Clone(lines)
	slices.Sort(lines)
	return lines
}

// The types that a module adds to its base, each once. Variables keep the types in the DWARF; they
// are not encoded.
func TestSplit(t *testing.T) {
	const base = `
		struct inner { int i; };
		struct holder { struct inner *in; };
		struct opaque;
		struct user { struct opaque *o; };
		enum mode { OFF, ON };
		typedef unsigned int u32;
		struct inner a; struct holder b; struct user c; enum mode d; u32 e;
		int f(u32 flags) { return flags; }`
	for _, tt := range []struct {
		name   string
		module []string // one source per unit
		want   []string
	}{
		{"types of the base only", []string{base}, []string{"func f int(u32 flags)"}},
		{"a new type", []string{"typedef unsigned int u32; struct fresh { u32 n; } v;"}, []string{
			"struct fresh size=4 n@0=u32"}},
		{"a function with a name and prototype of the base",
			[]string{"typedef unsigned int u32; int f(u32 flags) { return 0; }"},
			[]string{"func f int(u32 flags)"}},
		{"parameter names differ",
			[]string{"typedef unsigned int u32; int f(u32 other) { return 0; }"}, []string{
				"proto int(u32 other)", "func f int(u32 other)"}},
		{"types that reach a tag with another definition",
			[]string{"struct inner { long i; }; struct holder { struct inner *in; } v;"}, []string{
				"int long int size=8 signed", "struct inner size=8 i@0=long int",
				"ptr struct inner/8", "struct holder size=8 in@0=struct inner/8*"}},
		{"declared in the module, defined in the base",
			[]string{"struct inner; struct holder { struct inner *in; } v;"}, nil},
		{"defined in the module, declared in the base",
			[]string{"struct opaque { int x; }; struct user { struct opaque *o; } " +
				"v; struct opaque w;"}, []string{
				"struct opaque size=4 x@0=int"}},
		{"a declaration is completed by another unit",
			[]string{"struct late; struct late *p;", "struct late { int x; } v;"}, []string{
				"ptr struct late/4", "struct late size=4 x@0=int"}},
		{"a declaration without a definition", []string{"struct never; struct never *p;"},
			[]string{"fwd struct never", "ptr never"}},
		{"equal types in several units",
			[]string{"struct one { int x; } a;", "struct one { int x; } b;",
				"struct one { int x; } c;"}, []string{
				"struct one size=4 x@0=int"}},
		{"definitions of a tag differ between units", []string{
			"struct p { int x; }; struct q { struct p *p; } a;",
			"struct p { short x; }; struct q { struct p *p; } a;",
			"struct p { int x; }; struct q { struct p *p; } b;"}, []string{
			"ptr struct p/2", "ptr struct p/4", "int short int size=2 signed",
			"struct p size=2 x@0=short int", "struct p size=4 x@0=int",
			"struct q size=8 p@0=struct p/4*"}},
		{"definitions of a tag differ within a unit", []string{
			"int f(void) { struct p { int x; } *v = 0; return v->x; } int g(void) { struct p { " +
				"short x; } *v = 0; return v->x; }"}, []string{
			"func f int()", "func g int()", "proto int()", "ptr struct p/2", "ptr struct p/4",
			"int short int size=2 signed",
			"struct p size=2 x@0=short int", "struct p size=4 x@0=int"}},
		{"some units agree with the base", []string{
			"struct inner { int i; }; struct holder { struct inner *in; } v;",
			"struct inner { long i; }; struct holder { struct inner *in; } v;"}, []string{
			"int long int size=8 signed", "struct inner size=8 i@0=long int", "ptr struct inner/8",
			"struct holder size=8 in@0=struct inner/8*"}},
		{"a struct is not a union of the same name",
			[]string{"union inner { int i; } v; union inner *p;"}, []string{
				"ptr inner", "union inner size=4 i@0=int"}},
		{"an enum with other values", []string{"enum mode { OFF, ON, AUTO } v;"}, []string{
			"enum mode size=4 signed=false OFF=0x0 ON=0x1 AUTO=0x2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, raw := encodeBase(t, gcc.build(t, base), btf.Modern)
			got := list(t, encodeSplit(t, gcc.build(t, tt.module...), b), raw)
			if diff := cmp.Diff(sorted(tt.want), sorted(got)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// A kfunc that the base has, too: the module's FUNC has the declaration tag.
func TestSplitKfunc(t *testing.T) {
	const source = `
		int kfunc(int a) { return a; }
		int other(int a) { return a; }
		asm(".pushsection .BTF_ids,\"a\"\n"
			".globl __BTF_ID__set8__kfuncs\n__BTF_ID__set8__kfuncs: .long 0, 1\n"
			".local __BTF_ID__func__kfunc__1\n__BTF_ID__func__kfunc__1: .long 0, 0\n"
			".size __BTF_ID__set8__kfuncs, .-__BTF_ID__set8__kfuncs\n"
			".popsection");`
	b, raw := encodeBase(t, gcc.build(t, source), btf.Modern)
	got := list(t, encodeSplit(t, gcc.build(t, source), b), raw)
	want := []string{"func kfunc int(int a) tags=bpf_kfunc", "func other int(int a)"}
	if diff := cmp.Diff(want, without(got, "decl_tag")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A module split against its own BTF adds only its functions, in whatever order the base has its
// types.
func TestSplitAgainstItself(t *testing.T) {
	img := gcc.build(t, `
		struct node { struct node *next, *prev; union { int i; float f; struct { char c:3, d:5; }; }; };
		enum e { A = -1, B }; enum big { C = 1ull << 40 };
		typedef int (*callback)(struct node *, const void *, ...);
		struct ops { callback call; struct node nodes[4]; struct opaque *o; volatile _Bool on;
		double weight; };
		struct ops ops; enum e e; enum big big;
		int entry(struct ops *ops, enum e how) { return ops->on + how; }`)
	base, raw := encodeBase(t, img, btf.Modern)
	got := list(t, encodeSplit(t, img, base), raw)
	if want := []string{"func entry int(struct ops/128* ops, e how)"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestThreads(t *testing.T) {
	var units []string
	for i := range 20 {
		units = append(units, "struct common { int x; } c; struct own"+string(rune('a'+i))+
			" { struct common c; } v; int f"+
			string(rune('a'+i))+"(struct common *c) { return c->x; }")
	}
	img := gcc.build(t, units...)
	want, err := File(img, NoBase(), Options{Dialect: btf.Modern, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, threads := range []int{2, 3, 16, 100} {
		got, err := File(img, NoBase(), Options{Dialect: btf.Modern, Threads: threads})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("the output of %d threads differs from that of one", threads)
		}
	}
}

// Memory is reused between files, also after an error. The result must not depend on earlier files.
func TestReuse(t *testing.T) {
	opt := Options{Dialect: btf.Modern, Variables: AllVariables}
	base, _ := encodeBase(t, gcc.build(t,
		"struct common { int x; } c; struct shared { struct common c; } s;"), btf.Modern)
	var files []*elfimage.Image
	for _, units := range [][]string{
		{"struct common { int x; } c = { 1 }; enum how { yes, no } h = no; int entry(struct " +
			"common *c, enum how how) { return c->x; }"},
		{"union common { long other; } c; struct how { int no; struct opaque *o; } h; enum " +
			"entry { yes = 4 } e;",
			"struct common { char x; } c; struct shared { struct common c; } s; int how(struct " +
				"shared *s, ...) { return 0; }"},
		twoUnits,
		{"int alone = 1;"},
	} {
		files = append(files, gcc.build(t, units...))
	}
	damaged := gcc.build(t, twoUnits[0], twoUnits[1])
	info, err := damaged.Contents(damaged.Section(".debug_info"))
	if err != nil {
		t.Fatal(err)
	}
	truncated := *damaged.Section(".debug_info")
	truncated.Size = uint64(len(info) - 40)
	*damaged.Section(".debug_info") = truncated

	alone := map[*elfimage.Image][]byte{}
	for _, img := range files {
		readerPool, modulePool = sync.Pool{}, sync.Pool{}
		if alone[img], err = File(img, base, opt); err != nil {
			t.Fatal(err)
		}
	}
	for _, before := range files {
		for _, img := range files {
			for _, first := range []*elfimage.Image{before, damaged} {
				_, err := File(first, base, opt)
				if (err != nil) != (first == damaged) {
					t.Fatalf("damaged: %v, error: %v", first == damaged, err)
				}
				if after, err := File(img, base, opt); err != nil ||
					!bytes.Equal(after, alone[img]) {
					t.Errorf("output depends on earlier files (%v)", err)
				}
			}
		}
	}
}

// A base of a big-endian kernel is read and written in that order, and has the same types as a
// little-endian one.
func TestByteOrderAndWordSize(t *testing.T) {
	const base = "struct s { short a:3; short b:6; int c; } s; enum big { C = 1ull << " +
		"40 } b; struct s *p;"
	const module = "struct s { short a:3; short b:6; int c; }; struct m { struct s s; " +
		"int x:5, y:9; } m;"
	for _, target := range elftest.Targets {
		for _, version := range []string{"-gdwarf-4", "-gdwarf-5"} {
			t.Run(target.Name+version, func(t *testing.T) {
				c := with(target, version)
				b, raw := encodeBase(t, c.build(t, base), btf.Modern)
				img := c.build(t, module)
				split := encodeSplit(t, img, b)
				if got := img.Order.Uint16(split); got != 0xeb9f {
					t.Errorf("magic %#x in the target's byte order", got)
				}
				want := []string{"struct m size=12 s@0=struct s/8 x@64:5=int y@69:9=int"}
				if diff := cmp.Diff(want, without(list(t, split, raw), "int int",
					"ptr")); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
			})
		}
	}
}
