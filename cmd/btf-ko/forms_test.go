// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/bzimage/bzimagetest"
)

// TestFormsOfFiles runs the commands that read BTF on all forms of a base and of a module. The output must
// not depend on the form.
func TestFormsOfFiles(t *testing.T) {
	t.Setenv("KBTF_BASE_CACHE", "off")
	dir := buildFixture(t, 5)
	t.Chdir(dir)
	mustRun(t, "--btf_base", "vmlinux", "ring.ko")
	mustRun(t, "base", "--raw", "-o", "vmlinux.btf", "vmlinux")
	mustRun(t, "base", "-o", "base.btfbase", "vmlinux")
	vmlinux, err := os.ReadFile("vmlinux")
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{"kernel": "vmlinux", "plain": "ring.ko"} {
		if err := os.Symlink(file, name); err != nil { // names that are not part of other names
			t.Fatal(err)
		}
	}
	if err := os.WriteFile("vmlinuz", bzimagetest.Image(vmlinux), 0o644); err != nil {
		t.Fatal(err)
	}
	bases := compress(t, "vmlinux", "vmlinux.btf", "base.btfbase", "vmlinuz")
	modules := compress(t, "ring.ko")

	// BASE and MODULE stand for one form of the base and of the module. The file "out", if it exists, is part
	// of the output.
	for _, test := range []struct {
		name string
		args []string
	}{
		{"verify", []string{"verify", "-v", "--btf_base", "BASE", "MODULE"}},
		{"verify vmlinux", []string{"verify", "-v", "BASE"}},
		{"diff", []string{"diff", "--btf_base", "BASE", "MODULE", "plain"}},
		{"diff of vmlinux", []string{"diff", "BASE", "kernel"}},
		{"dump", []string{"dump", "--btf_base", "BASE", "MODULE"}},
		{"dump of vmlinux", []string{"dump", "BASE"}},
		{"dump --c", []string{"dump", "--c", "ring", "--btf_base", "BASE", "MODULE"}},
		{"report", []string{"report", "--json", "--btf_base", "BASE", "MODULE"}},
		{"base", []string{"base", "--raw", "-o", "out", "BASE"}},
		{"base file", []string{"base", "-o", "out", "BASE"}},
		{"encode", []string{"--btf_base", "BASE", "--btf_encode_detached", "out", "ring.ko"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := ""
			for i, base := range bases {
				module := modules[i%len(modules)]
				args := slices.Clone(test.args)
				for i := range args {
					args[i] = strings.NewReplacer("BASE", base, "MODULE", module).Replace(args[i])
				}
				got := mustRun(t, args...)
				got = strings.NewReplacer(base, "BASE", module, "MODULE").Replace(got)
				if test.name == "base file" { // raw BTF names no machine
					got += mustRun(t, "dump", "out")
				} else if out, err := os.ReadFile("out"); err == nil {
					got += string(out)
				}
				_ = os.Remove("out")
				if got == "" {
					t.Errorf("%v: no output", args)
				}
				if i == 0 {
					want = got
				} else if got != want {
					t.Errorf("%v:\n%.2000s\nwant\n%.2000s", args, got, want)
				}
			}
		})
	}
	for _, module := range modules[1:] {
		for _, command := range [][]string{{"--btf_base", "vmlinux"}, {"strip"}} {
			var out strings.Builder
			if run(append(command, module), &out, &out) == exitDone ||
				!strings.Contains(out.String(), module+": compressed: ") {
				t.Errorf("%v %s: %s", command, module, out.String())
			}
		}
	}
}

// compress compresses each file with three programs, and returns the names of all files.
func compress(t *testing.T, names ...string) []string {
	t.Helper()
	for _, name := range slices.Clone(names) {
		for program, suffix := range map[string]string{"xz": ".xz", "gzip": ".gz", "zstd": ".zst"} {
			if out, err := exec.Command(program, "-k", "-q", name).CombinedOutput(); err != nil {
				t.Fatalf("%s %s: %v\n%s", program, name, err, out)
			}
			names = append(names, name+suffix)
		}
	}
	return names
}

// mustRun runs btf-ko and returns its output.
func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	var out strings.Builder
	if status := run(args, &out, &out); status != exitDone {
		t.Fatalf("btf-ko %s: exit status %d: %s", strings.Join(args, " "), status, out.String())
	}
	return out.String()
}
