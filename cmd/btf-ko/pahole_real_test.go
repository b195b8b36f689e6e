// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package main

import (
	"path/filepath"
	"testing"

	"github.com/kbtf/kbtf/internal/fetchtest"
)

// pahole-version.sh of real kernel trees parses the version that btf-ko prints.
func TestPaholeVersionScript(t *testing.T) {
	pahole := buildPahole(t)
	for _, tree := range []string{"linux-source-6.1", "linux-source-6.12"} {
		script := filepath.Join(fetchtest.Path(t, tree), "scripts/pahole-version.sh")
		if got := output(t, "sh", script, pahole); got != "132" {
			t.Errorf("%s: %q", script, got)
		}
	}
}
