// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package tooltest finds programs for tests that some distributions do not have in PATH.
package tooltest

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// Bpftool returns the path of a bpftool that runs. Debian has it in /usr/sbin. Ubuntu has a wrapper
// there that requires the tools of the running kernel; the program of any other kernel works, too.
func Bpftool(t testing.TB) string {
	t.Helper()
	candidates := []string{"bpftool", "/usr/sbin/bpftool"}
	for _, pattern := range []string{"/usr/lib/linux-tools/*/bpftool", "/usr/lib/linux-tools-*/bpftool"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		candidates = append(candidates, found...)
	}
	for _, c := range candidates {
		if path, err := exec.LookPath(c); err == nil && exec.Command(path, "version").Run() == nil {
			return path
		}
	}
	t.Fatal("bpftool is missing: scripts/setup test installs it")
	return ""
}
