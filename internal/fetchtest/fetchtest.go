// SPDX-License-Identifier: GPL-2.0-only

// Package fetchtest gives tests the real inputs that scripts/fetch downloads: kernels, their trees, encoders.
package fetchtest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Path is where an input is, by its name in scripts/fetch. Tests of packages two folders below the repository's call it; with -short
// they are skipped.
func Path(t testing.TB, input string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("downloads " + input)
	}
	cmd := exec.Command("../../scripts/fetch", input)
	cmd.Stderr = os.Stderr // progress
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("scripts/fetch %s: %v", input, err)
	}
	return strings.TrimSpace(string(out))
}
