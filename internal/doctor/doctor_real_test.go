// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package doctor

import (
	"path/filepath"
	"regexp"
	"testing"

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
