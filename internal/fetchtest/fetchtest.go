// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package fetchtest provides real inputs to the tests with the build tag real: the kernels, kernel
// trees and encoders that scripts/fetch downloads.
package fetchtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Path downloads an input, unless the cache has it, logs its version and returns its path. input is
// a name that scripts/fetch knows.
func Path(t testing.TB, input string) string {
	t.Helper()
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatalf("go env GOMOD: %v", err)
	}
	script := filepath.Join(filepath.Dir(strings.TrimSpace(string(mod))), "scripts/fetch")
	fetch := func(args ...string) string {
		cmd := exec.Command(script, args...)
		cmd.Stderr = os.Stderr // progress
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("scripts/fetch %s: %v", strings.Join(args, " "), err)
		}
		return strings.TrimSpace(string(out))
	}
	path := fetch(input)
	t.Logf("input: %s", fetch("--versions", input))
	return path
}
