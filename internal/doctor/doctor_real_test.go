// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package doctor

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
	"github.com/kbtf/kbtf/internal/fetchtest"
)

func TestRealTrees(t *testing.T) {
	for input, want := range map[string]struct {
		version string
		wiring  Wiring
	}{
		"linux-orig-5.10":   {`5\.10\.\d+`, Absent},
		"linux-source-5.10": {`5\.10\.\d+`, Absent},
		"linux-source-6.1":  {`6\.1\.\d+`, Upstream},
		"linux-source-6.12": {`6\.12\.\d+`, Upstream},
	} {
		tree, err := readTree(fetchtest.Path(t, input))
		if err != nil {
			t.Error(err)
			continue
		}
		version := regexp.MustCompile("^" + want.version + "$")
		if tree.Wiring != want.wiring || tree.Reason != "" || !version.MatchString(tree.Version) {
			t.Errorf("%s: %+v", input, tree)
		}
	}
}

// Debian's pahole uses the libbpf of the same suite, as installed by apt.
func TestLibbpfOfDebian(t *testing.T) {
	root := filepath.Join(filepath.Dir(fetchtest.Path(t, "pahole-1.30")), "root")
	got := libbpf(filepath.Join(root, "usr/bin/pahole"), []string{filepath.Join(root, "usr/lib/*-linux-*")})
	if !regexp.MustCompile(`^1\.\d+\.\d+$`).MatchString(got) {
		t.Errorf("libbpf %q", got)
	}
}

// Debian's headers, with the scripts and tools of another package, have no problem until vmlinux is cut short.
func TestRealHeaders(t *testing.T) {
	root := t.TempDir()
	for _, input := range []string{"linux-headers-6.12-cloud", "linux-kbuild-6.12"} {
		elftest.Run(t, root, "cp", "-r", filepath.Join(fetchtest.Path(t, input), "usr"), ".")
	}
	found, err := filepath.Glob(filepath.Join(root, "usr/src/linux-headers-*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("headers: %v, %v", found, err)
	}
	findings := func() string {
		t.Helper()
		tree, err := readTree(found[0])
		if err != nil {
			t.Fatal(err)
		}
		d := Diagnosis{Tree: tree}
		d.tree()
		return fmt.Sprint(d.Findings)
	}
	if got := findings(); got != "[]" {
		t.Errorf("findings: %s", got)
	}
	elftest.Run(t, found[0], "truncate", "-s", "3000000", "vmlinux")
	if got := findings(); !strings.Contains(got, "vmlinux: truncated: ") {
		t.Errorf("cut short: %s", got)
	}
}
