// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// With --update, only modules are encoded whose BTF would change, and these are printed as kbuild does.
func TestUpdate(t *testing.T) {
	dir := buildFixture(t, 5)
	path := func(name string) string { return filepath.Join(dir, name) }
	order := path("modules.order")
	if err := os.WriteFile(order, []byte("ring.o\necho.o\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	linked := map[string][]byte{}
	for _, name := range []string{"ring.ko", "echo.ko"} {
		linked[name] = elftest.Read(t, path(name))
	}
	link := func(name string) {
		t.Helper()
		if err := os.WriteFile(path(name), linked[name], 0o644); err != nil {
			t.Fatal(err)
		}
	}
	base := path("vmlinux")
	update := func(args ...string) (done []string) {
		t.Helper()
		for _, name := range []string{"ring.ko", "echo.ko"} { // a file that is written is newer
			long := time.Now().Add(-time.Hour)
			if err := os.Chtimes(path(name), long, long); err != nil {
				t.Fatal(err)
			}
		}
		out := mustRun(t, append([]string{"--update", "--btf_base", base, "--modules_order", order}, args...)...)
		for _, name := range []string{"ring.ko", "echo.ko"} {
			st, err := os.Stat(path(name))
			if err != nil {
				t.Fatal(err)
			}
			written := time.Since(st.ModTime()) < time.Minute
			if printed := strings.Contains(out, "  BTF [M] "+path(name)+"\n"); printed != written {
				t.Errorf("%s: printed: %v, written: %v", name, printed, written)
			}
			if written {
				done = append(done, name)
			}
		}
		return done
	}
	both := []string{"ring.ko", "echo.ko"}
	expect := func(what string, want []string, args ...string) {
		t.Helper()
		if done := update(args...); !slices.Equal(done, want) {
			t.Errorf("%s: encoded %q, want %q", what, done, want)
		}
	}
	expect("first", both)
	want := elftest.Read(t, path("ring.ko"))
	expect("again", nil)
	expect("again, with another number of jobs", nil, "-j1")
	link("ring.ko")
	expect("a module linked again", []string{"ring.ko"})
	if !slices.Equal(elftest.Read(t, path("ring.ko")), want) {
		t.Error("encoded again: other bytes")
	}
	expect("other features", both, "--btf_features=default,reproducible_build")
	expect("other rules", both, "--compat=1.30")
	expect("the first features", both)
	copyOf(t, base, path("other"), elf.EM_NONE)
	first := base
	base = path("other")
	expect("another file with the same base", nil)
	if err := os.WriteFile(base, linked["ring.ko"], 0o644); err != nil {
		t.Fatal(err)
	}
	mustRun(t, "--btf_base", "none", base)
	expect("another base", both)
	base = first
	expect("the first base again", both)

	// What is attached is damaged, or incomplete, as after a kill.
	size := len(linked["ring.ko"])
	for _, damage := range []func([]byte) []byte{
		func(b []byte) []byte { b[size+100] ^= 1; return b },  // .BTF
		func(b []byte) []byte { b[len(b)-10] ^= 1; return b }, // the stamp
		func(b []byte) []byte { return append(slices.Clone(linked["ring.ko"]), b[size:size+200]...) },
	} {
		if err := os.WriteFile(path("ring.ko"), damage(slices.Clone(want)), 0o644); err != nil {
			t.Fatal(err)
		}
		expect("damaged", []string{"ring.ko"})
		if !slices.Equal(elftest.Read(t, path("ring.ko")), want) {
			t.Error("damaged: other bytes")
		}
	}

	// A signature, as make modules_sign appends it, covers the BTF.
	signedModule := signed(elftest.Read(t, path("echo.ko")))
	if err := os.WriteFile(path("echo.ko"), signedModule, 0o644); err != nil {
		t.Fatal(err)
	}
	expect("signed", nil)
	if !slices.Equal(elftest.Read(t, path("echo.ko")), signedModule) {
		t.Error("a signed module has changed")
	}
	link("echo.ko")
	expect("linked again after it was signed", []string{"echo.ko"})

	// BTF by other means is not taken for ours.
	mustRun(t, "strip", path("echo.ko"))
	expect("stripped", []string{"echo.ko"})
	elftest.Run(t, dir, "objcopy", "--remove-section", ".BTF", "echo.ko")
	expect("rewritten by objcopy", []string{"echo.ko"})

	link("ring.ko")
	t.Setenv("MAKEFLAGS", "ns -j2 --jobserver-auth=fifo:/nowhere VAR=s")
	expect("make -n", nil)
	t.Setenv("MAKEFLAGS", " --no-print-directory -- VAR=n")
	expect("make", []string{"ring.ko"})
	link("ring.ko")
	t.Setenv("MAKEFLAGS", "s")
	if out := mustRun(t, "--update", "--btf_base", base, path("ring.ko")); out != "" {
		t.Errorf("make -s: %q", out)
	}
	if out := mustRun(t, "--update", "-v", "--btf_base", base, path("ring.ko"), path("echo.ko")); !strings.Contains(out,
		"btf-ko: 2 of 2 modules are up to date\n") {
		t.Errorf("-v: %q", out)
	}
}

func TestUpdateUsage(t *testing.T) {
	for _, flag := range []string{"--btf_encode_detached=x", "--debug_file=x"} {
		var out strings.Builder
		if status := run([]string{"--update", flag, "x.ko"}, &out, &out); status != exitUsage ||
			!strings.Contains(out.String(), "--update: cannot be used with --btf_encode_detached or --debug_file") {
			t.Errorf("%s: %d, %q", flag, status, out.String())
		}
	}
}
