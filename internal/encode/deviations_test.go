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
// for the first definition in the file, wherever the unit is.
func TestDeclarationFirstDefinition(t *testing.T) {
	declares := func(f string) string {
		return "struct chip; struct device { struct chip *chip; }; int " + f +
			"(struct device *d) { return d != 0; }"
	}
	img := gcc.build(t, declares("before"),
		"struct chip { int first; }; struct device { struct chip *chip; }; int one(struct "+
			"device *d) { return d->chip->first; }",
		"struct chip { long second; }; struct device { struct chip *chip; }; int two(struct "+
			"device *d) { return d->chip->second; }",
		declares("after"))
	spec := load(t, img)
	for function, member := range map[string]string{"before": "first", "one": "first",
		"two": "second", "after": "first"} {
		if got := chipOf(t, spec, function); got != member {
			t.Errorf("%s: struct chip has the member %q, want %q", function, got, member)
		}
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

// chipOf returns the name of the only member of the struct chip that a function's parameter leads
// to.
func chipOf(t *testing.T, spec *cilium.Spec, function string) string {
	t.Helper()
	var f *cilium.Func
	if err := spec.TypeByName(function, &f); err != nil {
		t.Fatal(err)
	}
	device := f.Type.(*cilium.FuncProto).Params[0].Type.(*cilium.Pointer).Target.(*cilium.Struct)
	chip, ok := device.Members[0].Type.(*cilium.Pointer).Target.(*cilium.Struct)
	if !ok {
		return ""
	}
	return chip.Members[0].Name
}
