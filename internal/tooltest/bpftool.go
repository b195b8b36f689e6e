// SPDX-License-Identifier: GPL-2.0-only

// Package tooltest finds the programs that tests run and that not every distribution has in PATH.
package tooltest

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// Bpftool returns the path of a bpftool that runs. Debian has it in /usr/sbin. On Ubuntu that is a
// wrapper, which refuses to run without the tools of the very kernel that is running; any other
// kernel's do as well.
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
