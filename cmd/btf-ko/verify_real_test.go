// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// The running kernel loads the BTF of vmlinux, and that of a module joined with its base. This needs root.
func TestVerifyByTheRunningKernel(t *testing.T) {
	dir := buildFixture(t, 5)
	vmlinux, ring := filepath.Join(dir, "vmlinux"), filepath.Join(dir, "ring.ko")
	for _, args := range [][]string{
		{"--btf_base", vmlinux, ring},
		{"verify", "--kernel=running", vmlinux},
		{"verify", "--kernel=running", "--btf_base", vmlinux, ring},
	} {
		var out strings.Builder
		if status := run(args, &out, &out); status != exitDone || out.Len() > 0 {
			t.Errorf("%v: exit status %d: %s", args, status, out.String())
		}
	}
}
