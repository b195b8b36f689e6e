// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// Which functions are encoded, and with which prototype.
func TestFunctions(t *testing.T) {
	for _, tt := range []struct {
		name  string
		units []string
		want  []string
	}{
		{"global and static, sorted by name",
			[]string{"__attribute__((noinline, noclone)) static int b(int y) { return y * y; } " +
				"int a(int x) { return b(x) + 1; }"},
			[]string{"func a int(int x)", "func b int(int y)"}},
		{"declared only", []string{"int other(int); int a(int x) { return other(x); }"},
			[]string{"func a int(int x)"}},
		{"inlined everywhere",
			[]string{"static inline int gone(int y) { return y + 1; } int a(int x) " +
				"{ return gone(x); }"},
			[]string{"func a int(int x)"}},
		{"inlined in one unit only",
			[]string{"static inline int both(int y) { return y + 1; } int a(int x) " +
				"{ return both(x); }",
				"int both(int z) { return z + 1; }"},
			[]string{"func a int(int x)", "func both int(int z)"}},
		{"inlined in the first unit with another const",
			[]string{"struct dc { int a; }; static inline int is_req(struct dc *d) { return d->a; } " +
				"int user(struct dc *d) { return is_req(d); }",
				"struct dc { int a; }; int is_req(const struct dc *d) { return d->a + 1; }"},
			[]string{"func is_req int(const struct dc/4* d)", "func user int(struct dc/4* d)"}},
		{"inlined in the first unit, split into hot and cold parts in the second", []string{
			"static inline int odd(char *p) { return *p & 1; } int user(char *p) { return odd(p); }",
			"__attribute__((cold)) void fail(const char *); " +
				"int odd(const char *p) { if (p[1] == 7) { fail(p); fail(p + 1); } return *p; }"},
			[]string{"func odd int(const char* p)", "func user int(char* p)"}},
		{"inlined in two units, differently", []string{
			"static inline int odd(char *p) { return *p & 1; } int user(char *p) { return odd(p); }",
			"static inline int odd(char *q) { return *q & 2; } int next(char *p) { return odd(p); }",
			"int odd(const char *r) { return *r; }"},
			[]string{"func next int(char* p)", "func odd int(const char* r)",
				"func user int(char* p)"}},
		{"variable arguments", []string{"int print(const char *format, ...) { return *format; }"},
			[]string{"func print int(const char* format, ...)"}},
		{"a parameter without a name", []string{"int f(int) { return 1; }"}, nil},
		{"one name, two prototypes",
			[]string{"__attribute__((used)) static int init(int x) { return x; }",
				"__attribute__((used)) static int init(char *x) { return *x; }"}, nil},
		{"one name, one prototype",
			[]string{"__attribute__((used)) static int init(int x) { return x; }",
				"__attribute__((used)) static int init(int y) { return y; }"},
			[]string{"func init int(int x)"}},
		{"one name, different numbers of parameters",
			[]string{"__attribute__((used)) static int init(int x) { return x; }",
				"__attribute__((used)) static int init(void) { return 1; }"}, nil},
		{"const on one side only",
			[]string{"__attribute__((used)) static int init(const char *x) { return *x; }",
				"__attribute__((used)) static int init(char *y) { return *y; }"},
			[]string{"func init int(const char* x)"}},
		{"structs compare by name",
			[]string{"struct s { int x; }; __attribute__((used)) static int init(struct s " +
				"*s) { return s->x; }",
				"struct s { long x; }; __attribute__((used)) static int init(struct s " +
					"*s) { return s->x; }"},
			[]string{"func init int(struct s/4* s)"}},
		{"a symbol with a suffix", []string{`
			int ext(int, int);
			__attribute__((noinline)) static int clone(int a, int b) { return ext(a, b) + b; }
			int a(int x) { return clone(x, 42) + clone(x + 1, 42); }`},
			[]string{"func a int(int x)", "func clone int(int a, int b)"}},
		{"a parameter that the compiler dropped before one of another type", []string{`
			int ext(int);
			__attribute__((noinline)) static int clone(char *unused, int b) { return ext(b) + b; }
			int a(char *c, int x) { return clone(c, x) + clone(c, x + 1); }`},
			[]string{"func a int(char* c, int x)"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			img := with(elftest.GCC, "-O2", "-gdwarf-5", "-std=gnu2x").build(t, tt.units...)
			raw, err := File(img, NoBase(), Options{Dialect: btf.Modern})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range list(t, raw, nil) {
				if strings.HasPrefix(s, "func ") {
					got = append(got, s)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// Functions that pahole 1.32 treats differently from 1.30.
func TestRules(t *testing.T) {
	const ext = "extern int ext(int); int ext2(int, int);\n#define alone " +
		"__attribute__((noinline)) static\n"
	for _, tt := range []struct {
		name            string
		source          string
		rules130, rules []string
	}{
		{"a union in two registers",
			`union u { long a[2]; int b; }; int f(int x, union u u, int y) { return x + u.b + y; }`,
			[]string{}, []string{"func f int(int x, u u, int y)"}},
		{"an integer of two registers", `int f(__int128 x, int y) { return x + y; }`,
			nil, []string{"func f int(__int128 x, int y)"}},
		{"a struct on the stack before others",
			`struct s { long a[3]; }; int f(struct s s, int y) { return s.a[1] + y; }`,
			[]string{"func f int(struct s/24 s, int y)"},
			[]string{"func f int(struct s/24 s, int y)"}},
		{"a packed struct on the stack", `struct s { char c; int i; } __attribute__((packed));
			int f(int a, int b, int c, int d, int e, int f, struct s s) { return a + s.i; }`,
			[]string{"func f int(int a, int b, int c, int d, int e, int f, struct s/5 s)"}, nil},
		{"a packed struct with natural alignment on the stack", `struct s { int i; char c[4];
		} __attribute__((packed));
			int f(int a, int b, int c, int d, int e, int f, struct s s) { return a + s.i; }`,
			[]string{"func f int(int a, int b, int c, int d, int e, int f, struct s/8 s)"},
			[]string{"func f int(int a, int b, int c, int d, int e, int f, struct s/8 s)"}},
		{"a struct with a hole on the stack", `struct s { char c; int i; char d; };
			int f(int a, int b, int c, int d, int e, int f, struct s s) { return a + s.i; }`,
			[]string{"func f int(int a, int b, int c, int d, int e, int f, struct s/12 s)"},
			[]string{"func f int(int a, int b, int c, int d, int e, int f, struct s/12 s)"}},
		{"two addresses", ext + `int before(void) { return 1; }
		alone int twice(int a, int b) { return ext(a) + b; }
			int (*p)(int, int) = twice;
			asm("nop\n.type twice.constprop.0, @function\ntwice.constprop.0: ret");
			int g(int x) { return twice(x, x); }`,
			[]string{"func before int()", "func g int(int x)", "func twice int(int a, int b)"},
			[]string{"func before int()", "func g int(int x)"}},
		{"a copy with parameters in another order", "extern int ext(int, int, int);" +
			"__attribute__((noinline)) static int f(int unused, int start, int end, int max) " +
			"{ return ext(end, max, start) + ext(start, end, max); } " +
			"int g(int x) { return f(1, x, 2, x) + f(2, x + 1, 2, x); }",
			[]string{"func f int(int unused, int start, int end, int max)", "func g int(int x)"},
			[]string{"func g int(int x)"}},
		{"a split-off part only", `static inline int f(int x) { return x; } int g(int x) { return f(x); }
			asm(".type f.part.0, @function\nf.part.0: ret\n.type g.cold, @function\ng.cold: ret");`,
			[]string{"func f int(int x)", "func g int(int x)"}, []string{"func g int(int x)"}},
	} {
		for _, dwarf := range []string{"-gdwarf-4", "-gdwarf-5"} { // different location lists
			img := with(elftest.GCC, "-O2", dwarf).build(t, tt.source)
			for _, rules := range []Rules{Rules130, Rules132} {
				want := tt.rules
				if rules == Rules130 {
					want = tt.rules130
				}
				raw, err := File(img, NoBase(), Options{Dialect: btf.Modern, Rules: rules})
				if err != nil {
					t.Fatal(err)
				}
				got := []string{}
				for _, s := range list(t, raw, nil) {
					if strings.HasPrefix(s, "func ") {
						got = append(got, s)
					}
				}
				if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
					t.Errorf("%s: %s, rules %d: -want +got\n%s", tt.name, dwarf, rules, diff)
				}
			}
		}
	}
}

// In a linked file, addresses decide which of several DIEs describes the function.
func TestWeakFunction(t *testing.T) {
	weak := "struct a { int x; }; __attribute__((weak)) int hook(struct a *weak) " +
		"{ return weak->x; }"
	strong := "struct a { int x; }; int hook(struct a *strong) { return strong->x + 1; }"
	for _, tt := range []struct {
		rules Rules
		want  string
	}{{Rules130, "func hook int(struct a/4* weak)"},
		{Rules132, "func hook int(struct a/4* strong)"}} {
		img := gcc.build(t, weak, strong)
		linked := filepath.Join(t.TempDir(), "linked")
		elftest.Run(t, "", "ld", "-e", "0", "-o", linked, img.Path)
		if got := encodeAndList(t, linked,
			Options{Dialect: btf.Modern, Rules: tt.rules}); !slices.Contains(got, tt.want) {
			t.Errorf("rules %d: no %q in\n%s", tt.rules, tt.want, strings.Join(got, "\n"))
		}
	}
}

// Prototypes with two parameters of the previous prototype each, in two units that differ by a
// const at the bottom: there are 2^60 paths to it.
func TestNestedPrototypes(t *testing.T) {
	unit := func(bottom string) string {
		source := "extern void (*p0)(" + bottom + ");"
		for i := range 60 {
			source += fmt.Sprintf("extern void (*p%d)(typeof(p%d), typeof(p%[2]d));", i+1, i)
		}
		return source + "static __attribute__((noinline, used)) void f(typeof(p60) p) { asm " +
			"volatile(\"\" :: \"r\"(p)); }"
	}
	img := gcc.build(t, unit("int *"), unit("const int *"))
	raw, err := File(img, NoBase(), Options{Dialect: btf.Modern, Rules: Rules130})
	if err != nil {
		t.Fatal(err)
	}
	if got := tagged(t, raw, ""); !slices.Equal(got, []string{"f"}) {
		t.Errorf("functions %q", got)
	}
}

// Overlapping sets of kfuncs: a symbol is a member if any of them contains it.
func TestOverlappingKfuncSets(t *testing.T) {
	img := gcc.build(t, `
		int first(int a) { return a; }
		int second(int a) { return a; }
		int third(int a) { return a; }
		int outside(int a) { return a; }
		asm(".pushsection .BTF_ids,\"a\"\n"
			".globl __BTF_ID__set8__large\n__BTF_ID__set8__large: .long 0, 1\n"
			"__BTF_ID__func__first__1: .long 0, 0\n"
			".globl __BTF_ID__set8__small\n__BTF_ID__set8__small: .long 0, 1\n"
			"__BTF_ID__func__second__2: .long 0, 0\n"
			".size __BTF_ID__set8__small, .-__BTF_ID__set8__small\n"
			"__BTF_ID__func__third__3: .long 0, 0\n"
			".size __BTF_ID__set8__large, .-__BTF_ID__set8__large\n"
			"__BTF_ID__func__outside__4: .long 0, 0\n"
			".popsection");`)
	got, err := readKfuncs(img, NoBase(), &Options{})
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]uint32{"first": 0, "second": 0, "third": 0}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A set of kfuncs as the kernel's macros lay it out: count and flags, then an id and flags for each
// member.
func TestKfuncs(t *testing.T) {
	img := gcc.build(t, `
		int plain(int a) { return a; }
		int kfunc(int a) { return a; }
		int quick(int a) { return a; }
		int listed(int a) { return a; }
		asm(".pushsection .BTF_ids,\"a\"\n"
			".globl __BTF_ID__set8__kfuncs\n__BTF_ID__set8__kfuncs: .long 0, 1\n"
			".local __BTF_ID__func__kfunc__1\n__BTF_ID__func__kfunc__1: .long 0, 0\n"
			".local __BTF_ID__func__quick__2\n__BTF_ID__func__quick__2: .long 0, 0x1000\n"
			".size __BTF_ID__set8__kfuncs, .-__BTF_ID__set8__kfuncs\n"
			".globl __BTF_ID__set8__other\n__BTF_ID__set8__other: .long 0, 0\n"
			".local __BTF_ID__func__listed__3\n__BTF_ID__func__listed__3: .long 0, 0\n"
			".size __BTF_ID__set8__other, .-__BTF_ID__set8__other\n"
			".popsection");`)
	for _, tt := range []struct {
		tags bool
		want []string
	}{
		{true, []string{"func kfunc int(int a) tags=bpf_kfunc", "func listed int(int a)",
			"func plain int(int a)",
			"func quick int(int a) tags=bpf_kfunc,bpf_fastcall"}},
		{false, []string{"func kfunc int(int a)", "func listed int(int a)", "func plain int(int a)",
			"func quick int(int a)"}},
	} {
		d := btf.Modern
		d.KfuncTags = tt.tags
		raw, err := File(img, NoBase(), Options{Dialect: d})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, without(list(t, raw, nil), "int", "proto",
			"decl_tag")); diff != "" {
			t.Errorf("tags %v: -want +got\n%s", tt.tags, diff)
		}
	}
}

// Kfuncs with pointers into an arena as return type or parameter.
func TestArenaKfuncs(t *testing.T) {
	source := func(param string) string {
		return `void *get(int a, void *b, ` + param + `) { return b; }
		asm(".pushsection .BTF_ids,\"a\"\n"
			".globl __BTF_ID__set8__kfuncs\n__BTF_ID__set8__kfuncs: .long 0, 1\n"
			".local __BTF_ID__func__get__1\n__BTF_ID__func__get__1: .long 0, 0xa000\n" // KF_ARENA_RET, KF_ARENA_ARG2
			".size __BTF_ID__set8__kfuncs, .-__BTF_ID__set8__kfuncs\n"
			".popsection");`
	}
	img := gcc.build(t, source("void *c"))
	for _, tt := range []struct {
		attributes bool
		want       string
	}{
		{true, "func get [address_space(1)]void*(int a, [address_space(1)]void* b, " +
			"void* c) tags=bpf_kfunc"},
		{false, "func get void*(int a, void* b, void* c) tags=bpf_kfunc"},
	} {
		d := btf.Modern
		d.Attributes = tt.attributes
		raw, err := File(img, NoBase(), Options{Dialect: d})
		if err != nil {
			t.Fatal(err)
		}
		got := list(t, raw, nil)
		if !slices.Contains(got, tt.want) {
			t.Errorf("attributes %v: no %q in\n%s", tt.attributes, tt.want, strings.Join(got, "\n"))
		}
		blob, err := btf.ParseBlob(raw)
		if err != nil {
			t.Fatal(err)
		}
		base, err := btf.NewBase("x", blob)
		if err != nil {
			t.Fatal(err)
		}
		// kind_flag, which the independent reader does not show
		if base.Dialect.Attributes != tt.attributes {
			t.Errorf("attributes %v: dialect of the result as a base: %v",
				tt.attributes, base.Dialect.Attributes)
		}
	}
	d := btf.Modern
	d.Attributes = true
	wrong := strings.Replace(source("int c"), "void *b", "long b", 1)
	wrong = strings.Replace(wrong, "return b", "return (void *)b", 1)
	if _, err := File(gcc.build(t, wrong), NoBase(), Options{Dialect: d}); err == nil ||
		!strings.HasSuffix(err.Error(),
			": kfunc get: parameter 2 is marked as a pointer into an arena, but is not a pointer") {
		t.Errorf("an integer marked as a pointer: %v", err)
	}
}

// Variables of the per-CPU section, and its layout.
func TestVariables(t *testing.T) {
	img := gcc.build(t, `
		#define percpu __attribute__((section(".data..percpu")))
		struct stats { long a, b; };
		percpu int first;
		percpu static struct stats stats = { 1, 2 };
		percpu char name[3];
		percpu void *__UNIQUE_ID_made_up;
		int elsewhere = 1;
		int *use(void) { percpu static int inside = 3; return &inside + stats.b; }`)
	raw, err := File(img, NoBase(), Options{Dialect: btf.Modern})
	if err != nil {
		t.Fatal(err)
	}
	syms, err := img.SymbolTable()
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]uint64{}
	for i := range syms.Len() {
		s := syms.At(i)
		at[string(syms.Name(&s))] = s.Value
	}
	var got []string
	for _, s := range list(t, raw, nil) {
		if strings.HasPrefix(s, "var ") || strings.HasPrefix(s, "datasec") {
			got = append(got, s)
		}
	}
	// The offsets are those of the symbol table. Entries are sorted by offset, and the section ends
	// with the last one.
	type entry struct {
		name string
		size uint64
	}
	vars := []entry{{"first", 4}, {"stats", 16}, {"name", 3}}
	slices.SortFunc(vars, func(a, b entry) int { return int(at[a.name]) - int(at[b.name]) })
	last := vars[len(vars)-1]
	section := fmt.Sprintf("datasec .data..percpu size=%d", at[last.name]+last.size)
	for _, v := range vars {
		section += fmt.Sprintf(" %s@%d+%d", v.name, at[v.name], v.size)
	}
	want := []string{"var first int global", "var name char[3] global",
		"var stats struct stats/16 static", section}
	if diff := cmp.Diff(sorted(want), sorted(got)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A function in assembler has no prototype in its unit. C units that inline it have one.
func TestAssemblerFunction(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"x.c": `extern inline __attribute__((gnu_inline)) long save(int x) { return x; } long g(int x) { return save(x); }`,
		"y.S": ".text\nnop\n.globl save\n.type save, @function\nsave: ret\n.size save, . - save\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		elftest.Run(t, dir, "gcc", "-gdwarf-5", "-O2", "-c", name)
	}
	elftest.GCC.Link(t, dir, "-r", "-o", "all.ko", "x.o", "y.o")
	img, err := elfimage.Open(filepath.Join(dir, "all.ko"))
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	raw, err := File(img, NoBase(), Options{Rules: Rules130, Dialect: btf.Modern, Inconsistent: true})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := list(t, raw, nil), "func save long int(int x)"; !slices.Contains(got, want) {
		t.Errorf("no %s in %q", want, got)
	}
}
