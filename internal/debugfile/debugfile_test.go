// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package debugfile

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// Without a path, the debug file is found where packages install it, even through a symbolic link.
func TestInstalledDebugFile(t *testing.T) {
	dir, root := filepath.Dir(elftest.Object(t, elftest.GCC, "ring.c")), t.TempDir()
	elftest.Run(t, dir, "ld", "-r", "--build-id=sha1", "-o", "whole.ko", "x.o")
	elftest.Run(t, dir, "strip", "-g", "-o", "ring.ko", "whole.ko")
	elftest.Run(t, dir, "objcopy", "--only-keep-debug", "whole.ko", "debug")
	ring, err := elfimage.Open(filepath.Join(dir, "ring.ko"))
	if err != nil {
		t.Fatal(err)
	}
	defer ring.Close()
	id := hex.EncodeToString(ring.BuildID())
	elsewhere := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "usr/lib"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, filepath.Join(root, packagesFolder)); err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{
		".build-id/" + id[:2] + "/" + id[2:] + ".debug",
		"lib/modules/6.1/kernel/ring.ko",
		"usr/lib/modules/6.1/ring.ko.debug",
	} {
		find := func() (string, error) {
			found, err := (&Source{Root: root}).Of(ring)
			if err != nil {
				return "", err
			}
			defer found.Close()
			return found.Path, nil
		}
		if path, err := find(); err == nil {
			t.Errorf("found %s before it existed", path)
		}
		path := filepath.Join(elsewhere, place)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "debug"), path); err != nil {
			t.Fatal(err)
		}
		if found, err := find(); err != nil || !strings.HasSuffix(found, place) {
			t.Errorf("found %q, %v; want %s", found, err, place)
		}
		if err := os.Rename(path, filepath.Join(dir, "debug")); err != nil {
			t.Fatal(err)
		}
	}
}
