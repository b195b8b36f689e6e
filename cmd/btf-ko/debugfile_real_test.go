// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package main

import (
	"path/filepath"
	"testing"

	"github.com/kbtf/kbtf/internal/fetchtest"
)

// Debian's modules, which are stripped and signed and have pahole's BTF, are encoded from the debug files
// in its debug packages.
func TestDebianModules(t *testing.T) {
	image := fetchtest.Path(t, "linux-6.1-image")
	debug := filepath.Join(fetchtest.Path(t, "linux-6.1-dbg"), "usr/lib/debug")
	find := func(pattern string) string {
		t.Helper()
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %v, %v", pattern, found, err)
		}
		return found[0]
	}
	vmlinux := find(filepath.Join(debug, "boot/vmlinux-*"))
	for _, module := range []string{"fs/xfs/xfs.ko", "net/8021q/8021q.ko", "net/netfilter/nf_conntrack.ko"} {
		t.Run(filepath.Base(module), func(t *testing.T) {
			encodeShipped(t, vmlinux, find(filepath.Join(image, "lib/modules/*/kernel", module)),
				find(filepath.Join(debug, "lib/modules/*/kernel", module)), debug)
		})
	}
}
