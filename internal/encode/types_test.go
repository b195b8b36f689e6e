// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// What each C construct is encoded as. Lines are compared sorted, because compilers choose the
// order of DIEs.
func TestTypes(t *testing.T) {
	dwarf4 := with(elftest.GCC, "-O2", "-gdwarf-4", "-gstrict-dwarf")
	for _, tt := range []struct {
		name    string
		c       string
		dialect btf.Dialect
		want    []string
	}{
		{"integers", "signed char a; unsigned char b; _Bool c; unsigned long long d; __int128 e;",
			btf.Modern, []string{
				"int signed char size=1 signed", "int unsigned char size=1 unsigned",
				"int _Bool size=1 bool",
				"int long long unsigned int size=8 unsigned", "int __int128 size=16 signed"}},
		{"floats", "float a; double b;",
			btf.Modern, []string{"float float size=4", "float double size=8"}},
		{"floats, base without FLOAT", "double b;",
			btf.Dialect{}, []string{"int double size=8 unsigned"}},
		{"qualifiers", "volatile int *const p; void *q; const void *r; void f(char " +
			"*restrict s) { *s = 0; }", btf.Modern, []string{
			"int int size=4 signed", "volatile int", "ptr volatile int", "const volatile int*",
			"ptr void", "const void", "ptr const void",
			"int char size=1 signed", "ptr char", "restrict char*", "proto void(restrict char* s)",
			"func f void(restrict char* s)"}},
		{"arrays", "int a[3]; int b[2][5]; extern int c[]; int *use(void) { return c; } struct " +
			"{ int n; int z[0]; int flex[]; } s;",
			btf.Modern, []string{
				"int int size=4 signed", "array int[3]", "array int[10]", "array int[0]",
				"struct  size=4 n@0=int z@32=int[0] flex@32=int[0]",
				"int long unsigned int size=8 unsigned", "ptr int",
				"func use int*()", "proto int*()"}},
		{"nested arrays, base with nested arrays", "int b[2][5];", btf.Dialect{NestedArrays: true},
			[]string{
				"int int size=4 signed", "array int[5]", "array int[5][2]",
				"int long unsigned int size=8 unsigned"}},
		{"bit fields", "struct s { int a:3; unsigned b:7; long c:40; int d; } v;",
			btf.Modern, []string{
				"int int size=4 signed", "int unsigned int size=4 unsigned",
				"int long int size=8 signed",
				"struct s size=16 a@0:3=int b@3:7=unsigned int c@10:40=long int d@64=int"}},
		{"enums", "enum a { A, B = -1 } x; enum b { C = 0xffffffff } y; enum c { " +
			"D = 1ull << 40 } z;", btf.Modern, []string{
			"int int size=4 signed", "int unsigned int size=4 unsigned",
			"int long unsigned int size=8 unsigned",
			"enum a size=4 signed=true A=0x0 B=0xffffffffffffffff",
			"enum b size=4 signed=false C=0xffffffff",
			"enum c size=8 signed=false D=0x10000000000"}},
		{"enums, base without ENUM64", "enum c { D = 1ull << 40, E = 7 } z;",
			btf.Dialect{}, []string{
				"int long unsigned int size=8 unsigned", "enum c size=8 signed=false D=0x0 E=0x7"}},
		{"anonymous members", "struct s { union { int i; float f; }; struct { char c; } in; } v;",
			btf.Modern, []string{
				"int int size=4 signed", "float float size=4", "int char size=1 signed",
				"union  size=4 i@0=int f@0=float",
				"struct  size=1 c@0=char", "struct s size=8 @0= in@32=struct /1"}},
		{"forward declarations", "struct fs; union fu; struct fs *p; union fu *q;",
			btf.Modern, []string{
				"fwd struct fs", "fwd union fu", "ptr fs", "ptr fu"}},
		{"function pointers", "int (*f)(const char *, ...); void (*g)(void);", btf.Modern, []string{
			"int int size=4 signed", "int char size=1 signed", "const char", "ptr const char",
			"proto int(const char*, ...)",
			"ptr fn:int(const char*, ...)", "proto void()", "ptr fn:void()"}},
		{"a recursive struct", "struct l { struct l *next; } l;",
			btf.Modern, []string{
				"struct l size=8 next@0=struct l/8*", "ptr struct l/8"}},
	} {
		for _, c := range []struct {
			name string
			compiler
		}{{"DWARF 5", gcc}, {"DWARF 4", dwarf4}} {
			t.Run(tt.name+"/"+c.name, func(t *testing.T) {
				img := c.build(t, tt.c)
				raw, err := File(img, NoBase(), Options{Dialect: tt.dialect})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(sorted(tt.want), sorted(list(t, raw, nil))); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
			})
		}
	}
}

// Split DWARF is an error, not BTF without types.
func TestSplitDWARF(t *testing.T) {
	for _, version := range []string{"-gdwarf-4", "-gdwarf-5"} {
		img := with(elftest.GCC, version, "-gsplit-dwarf").build(t, "struct s { int x; } v;")
		_, err := File(img, NoBase(), Options{Dialect: btf.Modern})
		if err == nil || !strings.Contains(err.Error(),
			"split DWARF, whose types are in .dwo files: build with CONFIG_DEBUG_INFO_SPLIT=n") {
			t.Errorf("%s: got %v", version, err)
		}
	}
}
