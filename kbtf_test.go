// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbtf_test

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kbtf/kbtf"
)

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The package and the program encode the same bytes.
func TestSameAsProgram(t *testing.T) {
	vmlinux, module := kernel()
	dir := filepath.Dir(module)
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "btf-ko")
	if out, err := exec.Command("go", "build", "-o", program, "./cmd/btf-ko").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	base, err := kbtf.OpenBase(vmlinux)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		opt   kbtf.Options
		base  *kbtf.Base
		flags []string
	}{
		{"defaults", kbtf.Options{}, base, []string{"--btf_base", vmlinux}},
		{"no base", kbtf.Options{}, nil, []string{"--btf_base", "none"}},
		{"compat", kbtf.Options{Compat: "1.30"}, nil, []string{"--btf_base", "none", "--compat", "1.30"}},
		{"features", kbtf.Options{Features: "var,decl_tag"}, base,
			[]string{"--btf_base", vmlinux, "--btf_features=var,decl_tag"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			detached := filepath.Join(dir, "out.btf")
			cmd := exec.Command(program, append(tt.flags, "--base_cache=off", "--btf_encode_detached", detached, module)...)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %v: %s", cmd.Args, err, out)
			}
			want := read(t, detached)
			got, err := kbtf.EncodeFile(module, tt.base, tt.opt)
			if err != nil {
				t.Fatal(err)
			}
			inMemory, err := kbtf.Encode(bytes.NewReader(read(t, module)), tt.base, tt.opt)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) || !bytes.Equal(inMemory, want) {
				t.Error("BTF differs from the program's")
			}
		})
	}
}

// A module with kfuncs becomes the same file as with the program: .BTF, and .BTF_ids with the ids of its types.
func TestAttachIDs(t *testing.T) {
	vmlinux, module := kernel()
	dir := filepath.Dir(module)
	defer os.RemoveAll(dir)
	run := func(name string, args ...string) {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", cmd.Args, err, out)
		}
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-o", dir, "./cmd/btf-ko").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.Symlink("btf-ko", filepath.Join(dir, "resolve_btfids")); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{"ids", "implicit"} {
		run("gcc", "-g", "-O2", "-ffreestanding", "-fno-pic", "-w", "-c", "-o", source+".linked",
			filepath.Join(here, "testdata/c", source+".c"))
		run("objcopy", "--only-keep-debug", source+".linked", source+".debug")
		run("strip", "--strip-unneeded", "-o", source+".stripped", source+".linked")
		run("objcopy", "--add-gnu-debuglink="+source+".debug", source+".stripped")
		// As kernel builds leave it, with ids of other BTF.
		run("cp", source+".linked", source+".filled")
		run("./btf-ko", "-q", "--btf_base", "none", source+".filled")
		run("objcopy", source+".filled")
	}
	// Kernels since 7.0 have sorted types.
	run("objcopy", "--dump-section", ".BTF=vmlinux.types", "vmlinux", "ignored")
	run("./resolve_btfids", "--btf", "vmlinux.types", vmlinux)
	for _, tt := range []struct {
		module, base string
		opt          kbtf.Options
		flags        []string
	}{
		{"ids.linked", "vmlinux", kbtf.Options{}, nil},
		{"ids.linked", "", kbtf.Options{}, nil},
		{"ids.linked", "vmlinux.BTF", kbtf.Options{}, nil},
		{"ids.linked", "vmlinux", kbtf.Options{KeepIDs: true}, []string{"--resolve_ids=no"}},
		{"ids.stripped", "vmlinux", kbtf.Options{DebugFile: filepath.Join(dir, "ids.debug")}, nil},
		{"ids.stripped", "vmlinux", kbtf.Options{}, nil}, // found
		{"ids.filled", "", kbtf.Options{}, nil},
		{"implicit.linked", "vmlinux", kbtf.Options{}, nil},
		{"implicit.linked", "vmlinux.BTF", kbtf.Options{}, nil},
		{"implicit.linked", "vmlinux.BTF", kbtf.Options{KeepIDs: true}, []string{"--resolve_ids=no"}},
		{"ring", "vmlinux.BTF", kbtf.Options{}, nil},
	} {
		name := fmt.Sprintf("%s, base %q, %v", tt.module, tt.base, tt.opt)
		var base *kbtf.Base
		program := append([]string{"-q", "--base_cache=off", "--btf_base", "none"}, tt.flags...)
		if tt.base != "" {
			program[3] = tt.base
			if base, err = kbtf.OpenBase(filepath.Join(dir, tt.base)); err != nil {
				t.Fatal(err)
			}
		}
		if tt.opt.DebugFile != "" {
			program = append(program, "--debug_file", tt.opt.DebugFile)
		}
		run("cp", tt.module, "theirs.ko")
		run("cp", tt.module, "ours.ko")
		run("./btf-ko", append(program, "theirs.ko")...)
		ours := filepath.Join(dir, "ours.ko")
		var notes []string
		for range 2 {
			tt.opt.Note = func(note string) { notes = append(notes, note) }
			raw, err := kbtf.EncodeFile(ours, base, tt.opt)
			if err == nil {
				err = kbtf.Verify(raw, base, "")
			}
			if err == nil {
				notes = nil
				err = kbtf.Attach(ours, raw, base, tt.opt)
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			// The program stores a stamp as well.
			for _, section := range []string{".BTF", ".BTF_ids", ".BTF_ids.linked"} {
				if !bytes.Equal(sectionOf(t, ours, section), sectionOf(t, filepath.Join(dir, "theirs.ko"), section)) {
					t.Errorf("%s: %s differs from the program's", name, section)
				}
			}
		}
		missing := `.BTF_ids: BTF has no FUNC "nowhere": its id is 0`
		if slices.Contains(notes, missing) != (strings.HasPrefix(tt.module, "ids") && !tt.opt.KeepIDs) {
			t.Errorf("%s: notes %q", name, notes)
		}
	}

	// Without symbols, on error, the module is unchanged.
	raw, err := kbtf.EncodeFile(filepath.Join(dir, "ids.linked"), nil, kbtf.Options{})
	if err != nil {
		t.Fatal(err)
	}
	stripped := filepath.Join(dir, "ids.stripped")
	before := read(t, stripped)
	for _, opt := range []kbtf.Options{{}, {DebugFile: module}} {
		run("rm", "-f", "ids.debug")
		if err := kbtf.Attach(stripped, raw, nil, opt); err == nil || !bytes.Equal(read(t, stripped), before) {
			t.Errorf("%v: %v, or the module has changed", opt, err)
		}
	}
}

// sectionOf returns the contents of a section, nil if there is none.
func sectionOf(t *testing.T, path, name string) []byte {
	t.Helper()
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	section := file.Section(name)
	if section == nil {
		return nil
	}
	data, err := section.Data()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestErrors(t *testing.T) {
	vmlinux, module := kernel()
	defer os.RemoveAll(filepath.Dir(module))
	base, err := kbtf.OpenBase(vmlinux)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := kbtf.EncodeFile(module, base, kbtf.Options{})
	if err != nil {
		t.Fatal(err)
	}
	before := read(t, module)
	for _, tt := range []struct {
		name string
		err  func() error
		want string
	}{
		{"no such base", func() error { _, err := kbtf.OpenBase("nothing"); return err },
			"base nothing: no such file or directory"},
		{"no module", func() error { _, err := kbtf.Encode(strings.NewReader("text"), base, kbtf.Options{}); return err },
			"module: not an ELF file"},
		{"compat", func() error { _, err := kbtf.EncodeFile(module, base, kbtf.Options{Compat: "1"}); return err },
			`compat "1": known are 1.30 and 1.32`},
		{"features", func() error { _, err := kbtf.EncodeFile(module, base, kbtf.Options{Features: "new"}); return err },
			`unknown feature "new": known are `},
		{"distilled", func() error {
			_, err := kbtf.EncodeFile(module, base, kbtf.Options{Features: "distilled_base"})
			return err
		}, "feature distilled_base: not supported by this package"},
		{"another base", func() error { return kbtf.Verify(raw, nil, "") }, "split BTF without its base"},
		{"another kernel", func() error { return kbtf.Verify(raw, base, "4.4") }, "4.4"},
		{"attach to text", func() error { return kbtf.Attach("kbtf.go", raw, base, kbtf.Options{}) },
			"kbtf.go: not an ELF file"},
	} {
		if err := tt.err(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	if !bytes.Equal(read(t, module), before) {
		t.Error("the module has changed")
	}
}
