// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package btfdump

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/btfraw"
	"github.com/kbtf/kbtf/internal/fetchtest"
)

// kernels are Debian's, whose modules have BTF by pahole 1.24, 1.24 and 1.32.
var kernels = []string{"linux-6.1-dbg", "linux-6.12-cloud-dbg", "linux-7-cloud-dbg"}

// kernelFiles returns a kernel's vmlinux and modules.
func kernelFiles(t *testing.T, input string) (vmlinux string, modules []string) {
	t.Helper()
	dir := filepath.Join(fetchtest.Path(t, input), "usr/lib/debug")
	found, err := filepath.Glob(filepath.Join(dir, "boot/vmlinux-*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: vmlinux: %v %v", dir, found, err)
	}
	err = filepath.WalkDir(filepath.Join(dir, "lib/modules"), func(path string, d os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".ko") {
			modules = append(modules, path)
		}
		return err
	})
	if err != nil || len(modules) < 500 {
		t.Fatalf("%s: %d modules, %v", dir, len(modules), err)
	}
	return found[0], modules
}

// Every fortieth module of three kernels, and their vmlinux: what bpftool prints, line for line.
func TestRawIsThatOfBpftool(t *testing.T) {
	bpftool := fetchtest.Path(t, "bpftool")
	for _, kernel := range kernels {
		t.Run(kernel, func(t *testing.T) {
			vmlinux, modules := kernelFiles(t, kernel)
			compare := func(b *btfraw.BTF, args ...string) {
				t.Helper()
				out, err := exec.Command(bpftool, append(args, "format", "raw")...).Output()
				if err != nil {
					t.Fatalf("bpftool %v: %v", args, err)
				}
				if got := raw(t, b); got != string(out) {
					t.Errorf("%v: %s", args, firstDifference(got, string(out)))
				}
			}
			base := read(t, section(t, vmlinux, ".BTF"), nil)
			compare(base, "btf", "dump", "file", vmlinux)
			// A base without DWARF is found faster by bpftool.
			small := filepath.Join(t.TempDir(), "vmlinux.btf")
			if err := os.WriteFile(small, section(t, vmlinux, ".BTF"), 0o644); err != nil {
				t.Fatal(err)
			}
			for i := 0; i < len(modules); i += 40 {
				if btf := section(t, modules[i], ".BTF"); btf != nil {
					compare(read(t, btf, base), "-B", small, "btf", "dump", "file", modules[i])
				}
			}
		})
	}
}

// All types of every twenty-fifth module, and those that they need of vmlinux.
func TestCOfRealModulesCompilesToTheSameLayout(t *testing.T) {
	for _, kernel := range kernels {
		t.Run(kernel, func(t *testing.T) {
			vmlinux, modules := kernelFiles(t, kernel)
			base := read(t, section(t, vmlinux, ".BTF"), nil)
			compared := 0
			for i := 0; i < len(modules); i += 25 {
				blob := section(t, modules[i], ".BTF")
				if blob == nil {
					continue
				}
				b := read(t, blob, base)
				var names []string
				for r := range b.All {
					switch r.Kind() {
					case btfraw.Int, btfraw.Float, btfraw.Datasec, btfraw.DeclTag, btfraw.TypeTag:
						continue
					}
					if r.Name() != "" {
						names = append(names, r.Name())
					}
				}
				t.Run(filepath.Base(modules[i]), func(t *testing.T) { compared += checkC(t, b, names) })
			}
			t.Logf("%d structs and unions compared", compared)
			if compared < 700 {
				t.Errorf("only %d structs and unions were compared", compared)
			}
		})
	}
}

// All types of vmlinux that have a name, in one text.
func TestCOfVmlinux(t *testing.T) {
	for _, kernel := range kernels {
		t.Run(kernel, func(t *testing.T) {
			vmlinux, _ := kernelFiles(t, kernel)
			b := read(t, section(t, vmlinux, ".BTF"), nil)
			w := newCWriter(b)
			for r := range b.All {
				switch r.Kind() {
				case btfraw.Struct, btfraw.Union, btfraw.Typedef, btfraw.Enum, btfraw.Enum64, btfraw.Func:
					if len(r.Name()) == 0 {
						continue
					}
					if err := w.top(r.ID); err != nil {
						t.Fatal(err)
					}
				}
			}
			if n := checkLayouts(t, w); n < 5000 {
				t.Errorf("%d structs and unions compared", n)
			}
		})
	}
}
