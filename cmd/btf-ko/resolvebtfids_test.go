// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbtf/kbtf/internal/btfraw"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// asResolveBTFIDs runs btf-ko under the name resolve_btfids, and returns what it prints.
func asResolveBTFIDs(t *testing.T, args ...string) string {
	t.Helper()
	var out strings.Builder
	if status := runResolveBTFIDs(args, &out, &out); status != exitDone {
		t.Fatalf("resolve_btfids %s: exit status %d: %s", strings.Join(args, " "), status, out.String())
	}
	return out.String()
}

// implicitModule compiles a module of kfuncs with implicit arguments and a base, and writes their
// BTF as pahole does.
func implicitModule(t *testing.T, target elftest.Target) (base, module, types string) {
	t.Helper()
	dir := t.TempDir()
	base, module = filepath.Join(dir, "vmlinux"), filepath.Join(dir, "implicit.ko")
	types = module + ".BTF.1"
	copyOf(t, elftest.Object(t, target, "vmlinux.c"), base, elf.EM_NONE)
	copyOf(t, elftest.Object(t, target, "implicit.c"), module, elf.EM_NONE)
	var out strings.Builder
	for _, args := range [][]string{{"-J", base}, {"-J", "--btf_base", base, "--btf_encode_detached=" + types, module}} {
		if status := runPahole(append(args, "--btf_features=default"), &out, &out); status != exitDone {
			t.Fatalf("pahole %s: %d, %s", args, status, out.String())
		}
	}
	return base, module, types
}

// Build files of 7.0 and later call resolve_btfids twice for each module and once for vmlinux.
func TestResolveBTFIDsFiles(t *testing.T) {
	for _, target := range elftest.Targets {
		t.Run(target.Name, func(t *testing.T) {
			base, module, types := implicitModule(t, target)
			linked := elftest.Read(t, module)
			asResolveBTFIDs(t, "--fatal_warnings", "--btf_base", base, "--btf", types, module)
			if !slices.Equal(elftest.Read(t, module), linked) {
				t.Error("the module has changed")
			}
			b := readBTF(t, elftest.Read(t, module+".BTF"), readBTF(t, elftest.Read(t, fileOf(t, base, ".BTF")), nil))
			if diff := cmp.Diff(implicitFunctions, functionsOf(b)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			names := namesOf(b)
			if !slices.IsSorted(names) {
				t.Errorf("not sorted: %q", names)
			}

			asResolveBTFIDs(t, "--patch_btfids", module+".BTF_ids", module)
			words := idWords(t, module)
			if words[0] != 7 || words[1] != 1 {
				t.Errorf("%x", words)
			}
			for pair := range slices.Chunk(words[2:], 2) {
				want := map[string]uint32{"none": 0x10000, "last": 0x11000, "middle": 0x10002, "taken": 0x10000,
					"renamed": 0x10000, "opaque": 0x10000, "unflagged": 0x1000}
				if name := b.Record(pair[0]).Name(); want[name] != pair[1] {
					t.Errorf("%s has flags %#x", name, pair[1])
				}
			}

			// Encoding against a sorted base does all of this in one step.
			asResolveBTFIDs(t, "--btf", fileOf(t, base, ".BTF"), base)
			sorted := base + ".BTF"
			if names := namesOf(readBTF(t, elftest.Read(t, sorted), nil)); !slices.IsSorted(names) {
				t.Errorf("the base is not sorted: %q", names)
			}
			once := copyOf(t, elftest.Object(t, target, "implicit.c"), module, elf.EM_NONE)
			mustRun(t, "--btf_base", sorted, "--btf_encode_detached", types, "--resolve_ids=no", once)
			asResolveBTFIDs(t, "--btf_base", sorted, "--btf", types, once)
			mustRun(t, "--btf_base", sorted, once)
			for _, name := range []string{".BTF", ".BTF_ids"} {
				if !slices.Equal(elftest.Read(t, fileOf(t, once, name)), elftest.Read(t, module+name)) {
					t.Errorf("%s differs from that of a single step", name)
				}
			}
			mustRun(t, "verify", "--btf_base", sorted, once)
		})
	}
}

// implicitFunctions are the functions of testdata/c/implicit.c, without their implicit arguments.
var implicitFunctions = []string{
	"last(x) bpf_fastcall bpf_kfunc", "last_impl(x, aux) bpf_fastcall", "middle(x) bpf_kfunc", "middle_impl(x, meta, y)",
	"none(x) bpf_kfunc", "none_impl(x)", "opaque(aux) bpf_kfunc", "opaque_impl(aux)",
	"renamed(aux) bpf_kfunc", "renamed_impl(aux)", "taken(x) bpf_kfunc", "taken_impl(x, aux)",
	"unflagged(aux) bpf_fastcall bpf_kfunc",
}

// functionsOf returns the functions with their parameters and tags.
func functionsOf(b *btfraw.BTF) (list []string) {
	tags := make(map[uint32][]string)
	for r := range b.All {
		if r.Kind() == btfraw.DeclTag {
			tags[r.Type()] = append(tags[r.Type()], r.Name())
		}
	}
	for r := range b.All {
		if r.Kind() != btfraw.Func {
			continue
		}
		var params []string
		proto := b.Record(r.Type())
		for i := range proto.Vlen() {
			params = append(params, proto.Str(proto.Item(i, 0)))
		}
		slices.Sort(tags[r.ID])
		words := append([]string{r.Name() + "(" + strings.Join(params, ", ") + ")"}, tags[r.ID]...)
		list = append(list, strings.Join(words, " "))
	}
	slices.Sort(list)
	return list
}

func namesOf(b *btfraw.BTF) (names []string) {
	for r := range b.All {
		names = append(names, r.Name())
	}
	return names
}

func readBTF(t *testing.T, raw []byte, base *btfraw.BTF) *btfraw.BTF {
	t.Helper()
	b, err := btfraw.Read(raw, base)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fileOf writes a section to a file.
func fileOf(t *testing.T, path, name string) string {
	t.Helper()
	contents, err := section(path, name)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "section")
	if err := os.WriteFile(file, contents, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}
