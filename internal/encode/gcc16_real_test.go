// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package encode

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
	"github.com/kbtf/kbtf/internal/fetchtest"
)

// GCC 16's form of the attributes for BPF programs; its compiler proper is enough.
func TestAnnotationsOfGCC16(t *testing.T) {
	dir := t.TempDir()
	err := os.WriteFile(filepath.Join(dir, "x.c"), []byte(`
		#define decl(x) __attribute__((btf_decl_tag(x)))
		#define type(x) __attribute__((btf_type_tag(x)))
		struct s { int a decl("member") decl("again"); int type("user") *p; int type("near") type("far") *q;
			int type("rcu") *type("percpu") *r; };
		struct s v;
		decl("variable") __attribute__((section(".data..percpu"))) int counter = 1;
		decl("function") int f(struct s *arg decl("param"), void type("user") *x) { return arg->a; }
		static inline decl("inline") int g(decl("of_inline") int x) { return x + 1; }
		int h(int y) { return g(y); }
		int (*keep)(int) = g;`), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	elftest.Run(t, dir, fetchtest.Path(t, "cc1-16"), "-quiet", "-O2", "-g", "-o", "x.s", "x.c")
	elftest.Run(t, dir, "as", "-o", "x.o", "x.s")
	// As GCC itself has it in BTF (-gbtf).
	want := []string{
		"struct s size=32 a@0=int tags=again,member p@64=[user]int* q@128=[far][near]int* " +
			"r@192=[rcu][percpu]int**",
		"var counter int global tags=variable", "datasec .data..percpu size=4 counter@0+4",
		"func f int(struct s/32* arg, [user]void* x) tags=function param0 tags=param",
		"func g int(int x) tags=inline param0 tags=of_inline",
		"func h int(int y)",
	}
	got := without(encodeAndList(t, filepath.Join(dir, "x.o"), Options{Dialect: btf.Modern}),
		"int", "ptr", "type_tag", "decl_tag", "proto")
	if diff := cmp.Diff(sorted(want), sorted(got)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
