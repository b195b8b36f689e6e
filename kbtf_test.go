// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbtf_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
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
		{"attach to text", func() error { return kbtf.Attach("kbtf.go", raw) }, "kbtf.go: not an ELF file"},
	} {
		if err := tt.err(); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	if !bytes.Equal(read(t, module), before) {
		t.Error("the module has changed")
	}
}
