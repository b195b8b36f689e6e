// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/fetchtest"
)

// What the scripts of kernels make of btf-ko under pahole's name.
func TestAsPahole(t *testing.T) {
	dir := t.TempDir()
	pahole := filepath.Join(dir, "pahole")
	if out, err := exec.Command("go", "build", "-o", pahole, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	output := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v", cmd.Args, err)
		}
		return strings.TrimSpace(string(out))
	}
	for _, tree := range []string{"linux-source-6.1", "linux-source-6.12"} {
		script := filepath.Join(fetchtest.Path(t, tree), "scripts/pahole-version.sh")
		if got := output("sh", script, pahole); got != "132" {
			t.Errorf("%s: %q", script, got)
		}
	}
	if got := output(pahole, "--numeric_version"); got != "132" {
		t.Error(got)
	}
	features := output(pahole, "--supported_btf_features")
	for _, word := range []string{"encode_force", "decl_tag_kfuncs", "attributes", "layout"} { // those of 7.2's Makefile.btf
		if !strings.Contains(","+features+",", ","+word+",") {
			t.Errorf("%s is missing in %s", word, features)
		}
	}
	// Its other flags are btf-ko's.
	fixture := buildFixture(t, 5)
	ring := filepath.Join(fixture, "ring.ko")
	output(pahole, "-J", "-j2", "--btf_features="+features, "--lang_exclude=rust", "--btf_base", filepath.Join(fixture, "vmlinux"), ring)
	if _, err := section(ring, ".BTF"); err != nil {
		t.Error(err)
	}
}
