// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cilium "github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// These tests show what docs/deviations.md explains.

// A linker may put sections of variables after the debugging sections, which have no addresses.
func TestVariablesAfterDebugSections(t *testing.T) {
	object := gcc.build(t, `__attribute__((section(".data..percpu"))) int counter; int `+
		`use(void) { return counter; }`).Path
	dir := t.TempDir()
	script := "SECTIONS { .text 0 : { *(.text) } .debug_info 0 : { *(.debug_info) } .debug_str " +
		"0 : { *(.debug_str) } .data..percpu 0 : { *(.data..percpu) } }"
	if err := os.WriteFile(filepath.Join(dir, "order.lds"), []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	elftest.Run(t, dir, "ld", "-r", "-T", "order.lds", "-o", "x.ko", object)
	img, err := elfimage.Open(filepath.Join(dir, "x.ko"))
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	if img.Section(".debug_info").Index > img.Section(".data..percpu").Index {
		t.Fatal("the linker did not put the variables after the debugging sections")
	}
	raw, err := File(img, NoBase(), Options{Dialect: btf.Modern})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"var counter int global", "datasec .data..percpu size=4 counter@0+4"}
	if diff := cmp.Diff(want, without(list(t, raw, nil), "int", "func", "proto")); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// In units that only declare a struct which others define in several ways, the declaration stands
// for the definition that most units have, the first of equals, wherever the unit is.
func TestDeclarationUsualDefinition(t *testing.T) {
	declares := func(f string) string {
		return "struct chip; int " + f + "(struct chip *c) { return c != 0; }"
	}
	defines := func(f, member string) string {
		return "struct chip { " + member + "; }; int " + f + "(struct chip *c) { return c != 0; }"
	}
	for _, tt := range []struct {
		name  string
		units []string
		want  map[string]string // by function: the member of struct chip
	}{
		{"equals", []string{declares("before"), defines("one", "int first"),
			defines("two", "long second"), declares("after")},
			map[string]string{"before": "first", "one": "first", "two": "second", "after": "first"}},
		{"most units have the second", []string{declares("before"), defines("one", "int first"),
			defines("two", "long second"), declares("after"), defines("three", "long second")},
			map[string]string{"before": "second", "one": "first", "two": "second",
				"three": "second", "after": "second"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spec := load(t, gcc.build(t, tt.units...))
			for function, member := range tt.want {
				if got := chipOf(t, firstParameter(t, spec, function)); got != member {
					t.Errorf("%s: struct chip has the member %q, want %q", function, got, member)
				}
			}
		})
	}
}

// A struct that leads to a tag with several definitions is not multiplied: it leads to the
// definition that most of its units have. Prototypes lead to their own unit's definition.
func TestConflictingTagDoesNotMultiply(t *testing.T) {
	const device = "struct device { struct chip *chip; struct device *parent; }; " +
		"struct ops { int (*probe)(struct device *); }; "
	unit := func(f, member string) string {
		return "struct chip { " + member + "; }; " + device + "int " + f + "_dev(struct device *d) " +
			"{ return d != 0; } int " + f + "_chip(struct chip *c, struct ops *o) { return c != 0; }"
	}
	other := "struct chip; " + device + "int other(struct ops *o) { return o != 0; }"
	for _, tt := range []struct {
		name  string
		units []string
		want  string            // the member of struct chip that struct device leads to
		chips map[string]string // by function: that of its parameter
	}{
		{"one unit each", []string{unit("a", "int first"), unit("b", "long second"), other},
			"first", map[string]string{"a_chip": "first", "b_chip": "second"}},
		{"most units have the second", []string{unit("a", "int first"), other,
			unit("b", "long second"), unit("c", "long second")},
			"second", map[string]string{"a_chip": "first", "b_chip": "second", "c_chip": "second"}},
		{"declaring units have no view",
			[]string{other, strings.Replace(other, "int other", "int another", 1),
				unit("b", "int only")},
			"only", map[string]string{"b_chip": "only"}},
		{"three definitions, through a struct without a tag",
			[]string{unit("a", "int first"), unit("b", "char second"),
				strings.Replace(unit("c", "long third"), "struct chip *chip;",
					"struct { struct chip *chip; };", 1)},
			"", map[string]string{"a_chip": "first", "b_chip": "second", "c_chip": "third"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			img := gcc.build(t, tt.units...)
			spec := load(t, img)
			for _, tag := range []string{"device", "ops"} {
				all, err := spec.AnyTypesByName(tag)
				want := 1
				if tag == "device" && tt.want == "" {
					want = 2 // two units define it in two ways
				}
				if err != nil || len(all) != want {
					t.Errorf("struct %s: %d definitions, want %d (%v)", tag, len(all), want, err)
				}
			}
			if tt.want != "" {
				var d *cilium.Struct
				if err := spec.TypeByName("device", &d); err != nil {
					t.Fatal(err)
				}
				if got := chipOf(t, d.Members[0].Type); got != tt.want {
					t.Errorf("struct device leads to a chip with %q, want %q", got, tt.want)
				}
			}
			for function, member := range tt.chips {
				if got := chipOf(t, firstParameter(t, spec, function)); got != member {
					t.Errorf("%s: struct chip has the member %q, want %q", function, got, member)
				}
			}
		})
	}
}

// A declaration stands for the base's definition where that makes a type equal to one of the base.
func TestDeclarationPrefersBase(t *testing.T) {
	base, rawBase := encodeBase(t,
		gcc.build(t, "struct class { int base; }; struct task { struct class *class; }; "+
			"struct task *task;"), btf.Modern)
	raw := encodeSplit(t, gcc.build(t,
		"struct class { long own; }; struct task { struct class *class; }; struct task *task; "+
			"int own(struct task *t) { return t != 0; }",
		"struct class; struct task { struct class *class; }; int knows_nothing(struct task *t) "+
			"{ return t != 0; }"), base)
	got := without(list(t, raw, rawBase), "int", "func", "proto", "ptr")
	if diff := cmp.Diff([]string{"struct class size=8 own@0=long int",
		"struct task size=8 class@0=struct class/8*"}, sorted(got)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if n := strings.Count(strings.Join(list(t, raw, rawBase), "\n"), "ptr struct task"); n != 1 {
		t.Errorf("%d pointers to a task of the module, want 1: the other function's is the base's",
			n)
	}
}

// BTF cannot express _Atomic; the type behind it is used.
func TestAtomic(t *testing.T) {
	img := gcc.build(t, "struct s { _Atomic int a; _Atomic(int *) p; } s;")
	raw, err := File(img, NoBase(), Options{Dialect: btf.Modern})
	if err != nil {
		t.Fatal(err)
	}
	if want := "struct s size=16 a@0=int p@64=int*"; !slices.Contains(list(t, raw, nil), want) {
		t.Errorf("no %q in\n%s", want, strings.Join(list(t, raw, nil), "\n"))
	}
}

// load encodes a file without a base and loads the result.
func load(t *testing.T, img *elfimage.Image) *cilium.Spec {
	t.Helper()
	raw, err := File(img, NoBase(), Options{Dialect: btf.Modern})
	if err != nil {
		t.Fatal(err)
	}
	spec, err := cilium.LoadSpecFromReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return spec
}

// firstParameter returns the type of a function's first parameter.
func firstParameter(t *testing.T, spec *cilium.Spec, function string) cilium.Type {
	t.Helper()
	var f *cilium.Func
	if err := spec.TypeByName(function, &f); err != nil {
		t.Fatal(err)
	}
	return f.Type.(*cilium.FuncProto).Params[0].Type
}

// chipOf returns the name of the only member of the struct chip that a pointer leads to, empty if
// it is only declared.
func chipOf(t *testing.T, ptr cilium.Type) string {
	t.Helper()
	chip, ok := ptr.(*cilium.Pointer).Target.(*cilium.Struct)
	if !ok {
		return ""
	}
	return chip.Members[0].Name
}
