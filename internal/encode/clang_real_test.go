// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package encode

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// Link-time optimization lets units refer to each other.
func TestLinkTimeOptimization(t *testing.T) {
	clang := with(clang, "-O2", "-gdwarf-5")
	want := encodeAndList(t, clang.build(t, twoUnits...).Path, Options{Dialect: btf.Modern})
	clang.flags = append(clang.flags, "-flto")
	path := clang.build(t, twoUnits...).Path
	out := elftest.Run(t, "", "readelf", "--debug-dump=abbrev", path)
	if !strings.Contains(out, "DW_FORM_ref_addr") {
		t.Fatal("no unit refers to another one")
	}
	if diff := cmp.Diff(want, encodeAndList(t, path, Options{Dialect: btf.Modern})); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// C++ units are left out, with one note.
func TestCPlusPlus(t *testing.T) {
	cc := gcc.build(t, "struct in_c { int a; }; int c(struct in_c *p) { return p->a; }").Path
	plus := with(clang, "-x", "c++", "-O2").build(t,
		`class in_plus { public: int a; int &r; }; extern "C" int plus(in_plus &p) { `+
			`return p.a + p.r; }`).Path
	more := with(clang, "-x", "c++",
		"-O2").build(t, `template<class T> struct pair { T a, b; }; pair<long> p;`).Path
	checkWithoutCPlusPlus(t, link(t, cc, plus, more))
}

// Clang's attributes for BPF programs and for sparse-like checks.
func TestAnnotations(t *testing.T) {
	clang := with(clang, "-O2", "-gdwarf-5")
	img := clang.build(t, `
		#define decl(x) __attribute__((btf_decl_tag(x)))
		#define type(x) __attribute__((btf_type_tag(x)))
		struct s { int a decl("member"); int type("user") *p; int type("near") type("far") *q; }
		decl("whole");
		typedef int number decl("typedef");
		struct s v; number n;
		__attribute__((section(".data..percpu"))) int counter decl("variable") decl("twice") decl("twice");
		int f(struct s *arg decl("param"), int x) decl("function") { return arg->a + x; }`)
	raw, err := File(img, NoBase(), Options{Dialect: btf.Modern})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"struct s size=24 a@0=int tags=member p@64=[user]int* q@128=[far][near]int* tags=whole",
		"typedef number int tags=typedef",
		"var counter int global tags=variable,twice", "datasec .data..percpu size=4 counter@0+4",
		"func f int(struct s/24* arg, int x) tags=function param0 tags=param",
	}
	if diff := cmp.Diff(sorted(want),
		sorted(without(list(t, raw, nil), "int", "ptr", "proto", "type_tag",
			"decl_tag"))); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	off := btf.Modern
	off.TypeTags, off.DeclTags = false, false
	if raw, err = File(img, NoBase(), Options{Dialect: off}); err != nil {
		t.Fatal(err)
	}
	for _, s := range list(t, raw, nil) {
		if strings.Contains(s, "tag") {
			t.Errorf("tags are off, but: %s", s)
		}
	}
}

// clang returns the native clang of the targets.
var clang = elftest.Native[1]
