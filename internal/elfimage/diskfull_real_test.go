// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package elfimage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// Like TestAttachFileTooLarge, on a full disk, where a write into the middle of a file can also
// fail.
func TestAttachDiskFull(t *testing.T) {
	object := elftest.Read(t, elftest.Object(t, elftest.GCC, "ring.c"))
	page := os.Getpagesize()
	for _, test := range attachCases {
		t.Run(test.name, func(t *testing.T) {
			for free := 0; ; free++ {
				dir := t.TempDir()
				// The file system has room for the module and for free pages.
				path := writeFile(t, object)
				if test.first != nil {
					mustAttach(t, path, ".BTF", test.first)
				}
				data := elftest.Read(t, path)
				if test.signature != nil {
					data = sign(data, test.signature)
				}
				size := ((len(data)+page-1)/page + free) * page
				if err := unix.Mount("tmpfs", dir, "tmpfs",
					0, fmt.Sprintf("size=%d", size)); err != nil {
					t.Fatalf("mount a small tmpfs: %v: only root may, also in a user namespace",
						err)
				}
				path = filepath.Join(dir, "x.ko")
				err := os.WriteFile(path, data, 0o644)
				if err != nil {
					t.Error(err)
				} else if err = attempt(t, path,
					func() error { return attachUnsigned(path, ".BTF", test.then) }); err == nil {
					checkSection(t, path, ".BTF", test.then)
				} else if !errors.Is(err, unix.ENOSPC) {
					t.Errorf("%d free pages: %v", free, err)
				}
				if e := unix.Unmount(dir, 0); e != nil {
					t.Fatal(e)
				}
				if err == nil {
					if free < 3 {
						t.Errorf("%d free pages were enough", free)
					}
					return
				}
				if free > 100 {
					t.Fatal(err)
				}
			}
		})
	}
}
