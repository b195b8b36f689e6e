// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package main

import (
	"debug/elf"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
	"github.com/kbtf/kbtf/internal/fetchtest"
)

// Our .BTF_ids is that of the kernel's own program, for the same BTF.
func TestAsResolveBTFIDs(t *testing.T) {
	tool := fetchtest.Path(t, "resolve_btfids-6.12")
	for _, target := range elftest.Targets {
		t.Run(target.Name, func(t *testing.T) {
			base, module := idsModule(t, target)
			mustRun(t, "--btf_base", base, module)
			theirs := copyOf(t, module, filepath.Join(t.TempDir(), "theirs.ko"), elf.EM_NONE)
			elftest.Run(t, "", tool, "-b", base, theirs)
			mustRun(t, "--btf_base", base, "--resolve_ids", module)
			want := idWords(t, theirs)
			if diff := cmp.Diff(want, idWords(t, module)); diff != "" {
				t.Errorf("-resolve_btfids +btf-ko\n%s", diff)
			}
			mustRun(t, "--btf_base", base, "--resolve_ids", theirs)
			if diff := cmp.Diff(want, idWords(t, theirs)); diff != "" {
				t.Errorf("after resolve_btfids: -want +got\n%s", diff)
			}
		})
	}
}

// The section of Debian's modules, restored and filled in again with the same BTF, has the same bytes.
func TestIDsOfDebian(t *testing.T) {
	image, debug := fetchtest.Path(t, "linux-6.1-image"), fetchtest.Path(t, "linux-6.1-dbg")
	vmlinux, err := filepath.Glob(filepath.Join(debug, "usr/lib/debug/boot/vmlinux-*"))
	if err != nil || len(vmlinux) != 1 {
		t.Fatalf("vmlinux: %q, %v", vmlinux, err)
	}
	modules := 0
	err = filepath.WalkDir(filepath.Join(image, "lib/modules"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".ko" {
			return err
		}
		file, err := elf.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		if file.Section(".BTF_ids") == nil {
			return nil
		}
		modules++
		module := copyOf(t, path, filepath.Join(t.TempDir(), filepath.Base(path)), elf.EM_NONE)
		want := idWords(t, module)
		mustRun(t, "ids", "--strip_signature", "--btf_base", vmlinux[0], module)
		if diff := cmp.Diff(want, idWords(t, module)); diff != "" {
			t.Errorf("%s: -want +got\n%s", path, diff)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if modules < 4 {
		t.Errorf("%d modules with .BTF_ids, want more", modules)
	}
}
