// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// buildPahole builds btf-ko under the name pahole.
func buildPahole(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "pahole")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// output runs a command and returns its output.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	return strings.TrimSpace(string(out))
}

// Under the name pahole, btf-ko answers the queries of kernel build scripts.
func TestAsPahole(t *testing.T) {
	pahole := buildPahole(t)
	output := func(name string, args ...string) string { t.Helper(); return output(t, name, args...) }
	// The version check of the kernel commit that introduced split BTF.
	if got := output("sh", "-c", `"$0" --version | sed -E 's/v([0-9]+)\.([0-9]+)/\1\2/'`, pahole); got != "132" {
		t.Errorf("--version: %q", got)
	}
	if got := output(pahole, "--numeric_version"); got != "132" {
		t.Error(got)
	}
	features := output(pahole, "--supported_btf_features")
	for _, word := range []string{"encode_force", "decl_tag_kfuncs", "attributes", "layout"} { // in 7.2's Makefile.btf
		if !strings.Contains(","+features+",", ","+word+",") {
			t.Errorf("%s is missing in %s", word, features)
		}
	}
	fixture := buildFixture(t, 5)
	ring := filepath.Join(fixture, "ring.ko")
	output(pahole, "-J", "-j2", "--btf_features="+features, "--lang_exclude=rust",
		"--btf_base", filepath.Join(fixture, "vmlinux"), ring)
	if _, err := section(ring, ".BTF"); err != nil {
		t.Error(err)
	}
}
