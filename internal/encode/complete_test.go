// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"slices"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/btfdiff"
)

// The base only declares a struct that the module defines. Types of the base keep its pointers to
// the declaration, but types of the module lead to the definition.
func TestModuleCompletesDeclaration(t *testing.T) {
	base, rawBase := encodeBase(t, gcc.build(t, `
		struct item; typedef struct item item_t;
		const struct item *pointer; const item_t *named; struct user { const struct item *p;
		const item_t *q; } user;`), btf.Modern)
	raw := encodeSplit(t, gcc.build(t, `
		struct item { int a; }; typedef struct item item_t;
		struct user { const struct item *p; const item_t *q; } user;
		const struct item table[2] = {{1}, {2}};
		struct holder { const item_t inside; } holder;
		int f(const item_t value) { return value.a; }
		int g(const struct item *p, const struct user *q) { return p->a + (q != 0); }`), base)
	got := list(t, raw, rawBase)
	want := []string{"struct item size=4 a@0=int", "array const struct item/4 [2]",
		"struct holder size=4 inside@0=const item_t",
		"func f int(const item_t value)",
		"func g int(const struct item/4* p, const struct user/16* q)", "ptr const struct item/4",
		"const struct item/4", "const item_t", "typedef item_t struct item/4"}
	for _, w := range want {
		if !slices.ContainsFunc(got,
			func(s string) bool { return strings.HasPrefix(s, strings.TrimSuffix(w, " [2]")) }) {
			t.Errorf("no %q in\n%s", w, strings.Join(got, "\n"))
		}
	}
	if slices.ContainsFunc(got,
		func(s string) bool { return strings.HasPrefix(s, "struct user") }) {
		t.Errorf("duplicates of base types:\n%s", strings.Join(got, "\n"))
	}
	result, err := btfdiff.Compare(rawBase, raw, raw)
	if err != nil {
		t.Fatal(err)
	}
	if result.A.Redundant != 0 || result.A.Incomplete != 0 {
		t.Errorf("%d redundant types, %d incomplete ones in\n%s",
			result.A.Redundant, result.A.Incomplete, strings.Join(got, "\n"))
	}
}
