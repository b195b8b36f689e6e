// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package btfreport

import (
	"path/filepath"
	"testing"

	"github.com/kbtf/kbtf/internal/fetchtest"
)

// Debian's 7.2 modules were encoded by pahole 1.32, which repeats many types of the base; the
// report has to show that.
func TestRealModules(t *testing.T) {
	dir := filepath.Join(fetchtest.Path(t, "linux-7-cloud-dbg"), "usr/lib/debug")
	vmlinux, err := filepath.Glob(filepath.Join(dir, "boot/vmlinux-*"))
	if err != nil || len(vmlinux) != 1 {
		t.Fatal(vmlinux, err)
	}
	fs, err := filepath.Glob(filepath.Join(dir, "lib/modules/*/kernel/fs"))
	if err != nil || len(fs) != 1 {
		t.Fatal(fs, err)
	}
	root, paths, err := Find(fs)
	if err != nil || root != fs[0] {
		t.Fatal(root, err)
	}
	calls := 0
	r, err := Collect(root, paths, vmlinux[0], 2, func(n int) {
		if calls++; n != calls {
			t.Errorf("%d done, told %d", calls, n)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Unreadable)+len(r.Without) > 0 || r.Total.Modules != len(paths) || calls != len(paths) {
		t.Errorf("%d of %d modules; %v %v", r.Total.Modules, len(paths), r.Unreadable, r.Without)
	}
	if r.Total.Redundant < 1000 || r.Total.Full < 4*r.Total.Split {
		t.Errorf("%+v", r.Total)
	}
	checkSums(t, r)
	for _, m := range r.Modules {
		if m.Split > m.Full || m.Encoded {
			t.Errorf("%+v", m)
		}
	}
}
