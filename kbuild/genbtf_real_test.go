// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package kbuild

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kbtf/kbtf/internal/fetchtest"
)

// TestGenBTF runs 7.2's gen-btf.sh, patched with --encoder=pahole, several times on
// a real module, with btf-ko as pahole and 7.2's resolve_btfids: each run generates
// the same BTF and leaves no files behind. Upstream's gen-btf.sh fails in the second run.
func TestGenBTF(t *testing.T) {
	kernel := fetchtest.Path(t, "linux-source-7")
	debug := fetchtest.Path(t, "linux-7-cloud-dbg")
	resolve := fetchtest.Path(t, "resolve_btfids-7")
	s, err := readTree(kernel)
	must(t, err)
	p, err := s.plan(kernel, pahole)
	must(t, err)
	bin, dir := t.TempDir(), t.TempDir()
	build := exec.Command("go", "build", "-o", bin, "../cmd/btf-ko")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	find := func(pattern string) string {
		t.Helper()
		found, err := filepath.Glob(filepath.Join(debug, "usr/lib/debug", pattern))
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %v, %v", pattern, found, err)
		}
		return found[0]
	}
	module := filepath.Join(dir, "8021q.ko")
	restore := func() {
		t.Helper()
		data, err := os.ReadFile(find("lib/modules/*/kernel/net/8021q/8021q.ko"))
		must(t, err)
		must(t, os.WriteFile(module, data, 0o644))
		strip := exec.Command("objcopy", "--remove-section", ".BTF", module)
		if out, err := strip.CombinedOutput(); err != nil {
			t.Fatalf("objcopy: %v: %s", err, out)
		}
	}
	run := func(script string) (string, error) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "gen-btf.sh")
		must(t, os.WriteFile(file, []byte(script), 0o755))
		cmd := exec.Command("sh", file, "--btf_base", find("boot/vmlinux-*"), module)
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"),
			"PAHOLE=btf-ko", "OBJCOPY=objcopy", "RESOLVE_BTFIDS="+resolve,
			"PAHOLE_FLAGS=--btf_features=encode_force,var,float,enum64,decl_tag,type_tag,"+
				"optimized_func,consistent_func,decl_tag_kfuncs "+
				"--btf_features=attributes --lang_exclude=rust")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	btf := func() string {
		t.Helper()
		f, err := elf.Open(module)
		must(t, err)
		defer f.Close()
		section := f.Section(".BTF")
		if section == nil {
			t.Fatal("no .BTF")
		}
		data, err := section.Data()
		must(t, err)
		return string(data)
	}

	restore()
	var first string
	for i := range 3 {
		if out, err := run(after(s, p)[genBTFScript]); err != nil {
			t.Fatalf("run %d: %v: %s", i+1, err, out)
		}
		if i == 0 {
			first = btf()
		} else if btf() != first {
			t.Errorf("run %d: BTF differs from the first", i+1)
		}
		left, err := filepath.Glob(filepath.Join(dir, "*"))
		must(t, err)
		if diff := cmp.Diff([]string{module}, left); diff != "" {
			t.Errorf("run %d leaves files behind:\n%s", i+1, diff)
		}
	}
	verify := exec.Command(filepath.Join(bin, "btf-ko"), "verify",
		"--btf_base", find("boot/vmlinux-*"), module)
	if out, err := verify.CombinedOutput(); err != nil {
		t.Errorf("verify: %v: %s", err, out)
	}

	restore()
	if out, err := run(s[genBTFScript]); err != nil {
		t.Fatalf("upstream's: %v: %s", err, out)
	}
	if out, err := run(s[genBTFScript]); err == nil || !strings.Contains(out, "can't add section") {
		t.Errorf("second run of upstream's: %v: %s", err, out)
	}
}
