// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"

	"github.com/kbtf/kbtf/internal/elfimage"
)

// cilium/ebpf reads the BTF: its types must be exactly those of the C sources.
func TestReadBack(t *testing.T) {
	for _, dwarf := range []int{4, 5} {
		t.Run(fmt.Sprintf("DWARF %d", dwarf), func(t *testing.T) { readBack(t, buildFixture(t, dwarf)) })
	}
}

func readBack(t *testing.T, dir string) {
	vmlinux, ring := filepath.Join(dir, "vmlinux"), filepath.Join(dir, "ring.ko")
	if status := run([]string{"--btf_base", vmlinux, ring}, io.Discard, io.Discard); status != exitDone {
		t.Fatalf("exit status %d", status)
	}
	base, err := btf.LoadSpec(vmlinux)
	if err != nil {
		t.Fatal(err)
	}
	data, err := section(ring, ".BTF")
	if err != nil {
		t.Fatal(err)
	}
	split, err := btf.LoadSplitSpecFromReader(bytes.NewReader(data), base)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"func init_module() int",
		"func ring_open(dev *device, flags long int) int",
		"func ring_send(r *ring, data *const void, size long unsigned int) int",
		"int long unsigned int",
		"section .data..percpu { ring_stats:0+16 }",
		"struct ring { dev device:0 slots [2]list_head:320 head u64:576 order unsigned int:640/4 closed unsigned int:644/1 }",
		"struct ring_stats { sent u64:0 dropped u64:64 }",
		"typedef u64 long long unsigned int",
		"var ring_stats ring_stats",
	}
	got, err := named(split)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("split BTF (-want +got):\n%s", diff)
	}
	want = []string{
		"enum device_state { DEVICE_DOWN=0 DEVICE_UP=4 }",
		"func register_device(dev *device, state device_state) int",
		"func start_kernel() void",
		"int char",
		"int int",
		"int long int",
		"int long long unsigned int",
		"int unsigned int",
		"struct device { name *const char:0 node list_head:64 irq unsigned int:192/7 wakeup unsigned int:199/1 " +
			"state device_state:224 open *func(*device, long int) int:256 }",
		"struct list_head { next *list_head:0 prev *list_head:64 }",
	}
	if got, err = named(base); err != nil {
		t.Fatal(err)
	}
	// Some versions of GCC emit the unused u64, others do not.
	got = slices.DeleteFunc(got, func(s string) bool { return strings.Contains(s, "long long") })
	want = slices.DeleteFunc(want, func(s string) bool { return strings.Contains(s, "long long") })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("base BTF (-want +got):\n%s", diff)
	}
}

// readSplit reads all types of a module's BTF.
func readSplit(file []byte, base *btf.Spec) ([]string, error) {
	img, err := elfimage.Parse("x.ko", file) // debug/elf is stricter about damaged files
	if err != nil {
		return nil, err
	}
	s := img.Section(".BTF")
	if s == nil {
		return nil, fmt.Errorf("no .BTF")
	}
	data, err := img.Contents(s)
	if err != nil {
		return nil, err
	}
	split, err := btf.LoadSplitSpecFromReader(bytes.NewReader(data), base)
	if err != nil {
		return nil, err
	}
	return named(split)
}

// section returns the contents of a section.
func section(path, name string) ([]byte, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := f.Section(name)
	if s == nil {
		return nil, fmt.Errorf("%s: no %s", path, name)
	}
	return s.Data()
}

// named formats the named types, sorted. An offset in bits follows a colon, the width of a bit field a
// slash.
func named(spec *btf.Spec) ([]string, error) {
	var list []string
	for typ, err := range spec.All() {
		if err != nil {
			return nil, err
		}
		var s string
		switch typ := typ.(type) {
		case *btf.Int:
			s = "int " + typ.Name
		case *btf.Typedef:
			s = "typedef " + typ.Name + " " + word(typ.Type)
		case *btf.Enum:
			s = "enum " + typ.Name + " {"
			for _, v := range typ.Values {
				s += fmt.Sprintf(" %s=%d", v.Name, v.Value)
			}
			s += " }"
		case *btf.Struct:
			s = "struct " + typ.Name + " {"
			for _, m := range typ.Members {
				s += fmt.Sprintf(" %s %s:%d", m.Name, word(m.Type), m.Offset)
				if m.BitfieldSize != 0 {
					s += fmt.Sprintf("/%d", m.BitfieldSize)
				}
			}
			s += " }"
		case *btf.Func:
			s = "func " + typ.Name + prototype(typ.Type.(*btf.FuncProto))
		case *btf.Var:
			s = "var " + typ.Name + " " + word(typ.Type)
		case *btf.Datasec:
			s = "section " + typ.Name + " {"
			for _, v := range typ.Vars {
				s += fmt.Sprintf(" %s:%d+%d", v.Type.TypeName(), v.Offset, v.Size)
			}
			s += " }"
		default:
			continue
		}
		list = append(list, s)
	}
	slices.Sort(list)
	return list, nil
}

// word formats a reference to a type.
func word(typ btf.Type) string {
	switch typ := typ.(type) {
	case *btf.Pointer:
		return "*" + word(typ.Target)
	case *btf.Const:
		return "const " + word(typ.Type)
	case *btf.Array:
		return fmt.Sprintf("[%d]%s", typ.Nelems, word(typ.Type))
	case *btf.FuncProto:
		return "func" + prototype(typ)
	case *btf.Void:
		return "void"
	}
	return typ.TypeName()
}

func prototype(f *btf.FuncProto) string {
	var params []string
	for _, p := range f.Params {
		params = append(params, strings.TrimSpace(p.Name+" "+word(p.Type)))
	}
	return "(" + strings.Join(params, ", ") + ") " + word(f.Return)
}
