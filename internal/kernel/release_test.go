// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kernel

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/elfimage"
)

// moduleOf compiles a module for a kernel release.
func moduleOf(t *testing.T, release string) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "sample.ko")
	cmd := exec.Command("gcc", "-c", "-x", "c", "-o", path, "-")
	cmd.Stdin = strings.NewReader(`const char info[] __attribute__((section(".modinfo"))) =
	"license=GPL\0vermagic=` + release + ` SMP ";`)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// hostWith returns a host with a running kernel and some empty files.
func hostWith(t *testing.T, running string, files ...string) Host {
	t.Helper()
	h := Host{Root: t.TempDir(), Release: running}
	for _, f := range files {
		path := filepath.Join(h.Root, f)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

func TestBaseIsFoundByTheModulesRelease(t *testing.T) {
	module := moduleOf(t, "6.12.1-test")
	const live = "sys/kernel/btf/vmlinux"
	for _, test := range []struct {
		running string
		files   []string
		want    string
	}{
		{"6.12.1-test", []string{live, "boot/vmlinuz-6.12.1-test"}, live},
		{"6.12.1-test", []string{"boot/vmlinuz-6.12.1-test"}, "boot/vmlinuz-6.12.1-test"}, // running kernel without BTF
		{"6.12.2-test", []string{live, "boot/vmlinuz-6.12.1-test"}, "boot/vmlinuz-6.12.1-test"},
		{"6.12.2-test", []string{live, "lib/modules/6.12.1-test/build/vmlinux", "boot/vmlinuz-6.12.1-test"},
			"lib/modules/6.12.1-test/build/vmlinux"},
		{"6.12.2-test", []string{live, "boot/vmlinuz-6.12.2-test"}, ""},
		{"", []string{"lib/modules/6.12.1-test/kernel/kernel/bpf/btf_vmlinux.ko.zst", "boot/vmlinuz-6.12.1-test"},
			"lib/modules/6.12.1-test/kernel/kernel/bpf/btf_vmlinux.ko.zst"},
		{"", []string{"lib/modules/6.12.2-test/kernel/kernel/bpf/btf_vmlinux.ko"}, ""},
		{"", []string{live}, ""},
	} {
		h := hostWith(t, test.running, test.files...)
		got, err := h.FindBase(module)
		if test.want == "" {
			if err == nil || !strings.Contains(err.Error(), "built for 6.12.1-test, which is not the running kernel") {
				t.Errorf("%v: got %q, %v; want an error", test, got, err)
			}
		} else if want := filepath.Join(h.Root, test.want); got != want || err != nil {
			t.Errorf("%v: got %q, %v", test, got, err)
		}
	}
}

// A symbolic link to the running kernel's BTF, a common workaround for "Skipping BTF generation", is
// recognized.
func TestLiveBTFIsOfTheRunningKernel(t *testing.T) {
	h := hostWith(t, "6.12.2-test", "sys/kernel/btf/vmlinux")
	live, link := filepath.Join(h.Root, liveBTF), filepath.Join(h.Root, "vmlinux")
	if err := os.Symlink(live, link); err != nil {
		t.Fatal(err)
	}
	module := moduleOf(t, "6.12.1-test")
	img, err := elfimage.Open(module)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	for _, path := range []string{live, link} {
		if got := h.BaseRelease(path); got != "6.12.2-test" {
			t.Errorf("%s: %q", path, got)
		}
		err := CheckRelease(img, path, h.BaseRelease(path))
		if err == nil || !strings.Contains(err.Error(), "built for 6.12.1-test, but the base "+path+" is of 6.12.2-test") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestCheckDistilledBase(t *testing.T) {
	for release, supported := range map[string]bool{
		"5.10.0": false, "6.1.0-56-amd64": false, "6.10.14": false, "6.11.0-rc1": true, "6.12": true, "7.2.13": true,
	} {
		img, err := elfimage.Open(moduleOf(t, release))
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckDistilledBase(img); (err == nil) != supported {
			t.Errorf("%s: %v", release, err)
		}
		img.Close()
	}
}
