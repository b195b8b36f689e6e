// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package main

import (
	"bytes"
	"debug/elf"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/btffile"
	"github.com/kbtf/kbtf/internal/btfids"
	"github.com/kbtf/kbtf/internal/btfraw"
	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
	"github.com/kbtf/kbtf/internal/fetchtest"
)

// Our .BTF_ids is that of the kernel's own program, for the same BTF.
func TestAsResolveBTFIDs(t *testing.T) {
	tool := fetchtest.Path(t, "resolve_btfids-6.12")
	for _, target := range elftest.Targets {
		t.Run(target.Name, func(t *testing.T) {
			base, module := idsModule(t, target)
			mustRun(t, "--btf_base", base, "--resolve_ids=no", module)
			theirs := copyOf(t, module, filepath.Join(t.TempDir(), "theirs.ko"), elf.EM_NONE)
			elftest.Run(t, "", tool, "-b", base, theirs)
			mustRun(t, "--btf_base", base, module)
			want := idWords(t, theirs)
			if diff := cmp.Diff(want, idWords(t, module)); diff != "" {
				t.Errorf("-resolve_btfids +btf-ko\n%s", diff)
			}
			mustRun(t, "--btf_base", base, theirs)
			if diff := cmp.Diff(want, idWords(t, theirs)); diff != "" {
				t.Errorf("after resolve_btfids: -want +got\n%s", diff)
			}
			// A second run of the program, after btf-ko, assigns the flags to other functions. verify finds
			// that, and encoding again mends it.
			elftest.Run(t, "", tool, "-b", base, module)
			var out strings.Builder
			if status := run([]string{"verify", "--btf_base", base, module}, &out, &out); status != exitFailed ||
				!strings.Contains(out.String(), "as linked") {
				t.Errorf("verify after two runs: %d, %q", status, out.String())
			}
			mustRun(t, "--btf_base", base, module)
			if diff := cmp.Diff(want, idWords(t, module)); diff != "" {
				t.Errorf("after two runs: -want +got\n%s", diff)
			}
			if target.LD == nil {
				return
			}
			vmlinux := linkedIDs(t, target)
			theirs = copyOf(t, vmlinux, vmlinux+".theirs", elf.EM_NONE)
			elftest.Run(t, "", tool, theirs)
			asResolveBTFIDs(t, vmlinux)
			if diff := cmp.Diff(idWords(t, theirs), idWords(t, vmlinux)); diff != "" {
				t.Errorf("vmlinux: -resolve_btfids +btf-ko\n%s", diff)
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

// The files of the kernel's own program of 7.2, for the same BTF and the same module before it is filled in.
func TestFilesAsResolveBTFIDs(t *testing.T) {
	tool := fetchtest.Path(t, "resolve_btfids-7")
	compare := func(t *testing.T, module, base, types string, args ...string) {
		t.Helper()
		args = append(args, "--btf", types)
		if base != "" {
			args = append(args, "--btf_base", base)
		}
		elftest.Run(t, "", tool, append(args, module)...)
		theirs := make(map[string][]byte)
		for _, suffix := range []string{".BTF", ".BTF.base", ".BTF_ids"} {
			theirs[suffix], _ = os.ReadFile(module + suffix)
			_ = os.Remove(module + suffix)
		}
		asResolveBTFIDs(t, append(args, module)...)
		for suffix, want := range theirs {
			ours, _ := os.ReadFile(module + suffix)
			_ = os.Remove(module + suffix)
			if !bytes.Equal(withoutHeader(t, suffix, want), withoutHeader(t, suffix, ours)) {
				t.Errorf("%s %s: %s differs: %d bytes, of resolve_btfids %d",
					filepath.Base(module), args, suffix, len(ours), len(want))
			}
		}
	}
	for _, target := range elftest.Targets {
		t.Run(target.Name, func(t *testing.T) {
			base, module, types := implicitModule(t, target)
			compare(t, module, base, types)
			compare(t, module, base, types, "--distill_base")
			for _, features := range []string{"default", "default,layout"} { // vmlinux
				mustRun(t, "--btf_base", "none", "--resolve_ids=no", "--btf_features", features,
					"--btf_encode_detached", types, module)
				compare(t, module, "", types)
			}
			patched := copyOf(t, module, module+".theirs", elf.EM_NONE)
			asResolveBTFIDs(t, "--btf", types, module)
			ids := module + ".BTF_ids"
			elftest.Run(t, "", tool, "--patch_btfids", ids, patched)
			asResolveBTFIDs(t, "--patch_btfids", ids, module)
			if !bytes.Equal(elftest.Read(t, patched), elftest.Read(t, module)) {
				t.Error("--patch_btfids: other bytes")
			}
		})
	}
	debug := fetchtest.Path(t, "linux-7-cloud-dbg")
	vmlinux, err := filepath.Glob(filepath.Join(debug, "usr/lib/debug/boot/vmlinux-*"))
	if err != nil || len(vmlinux) != 1 {
		t.Fatalf("vmlinux: %q, %v", vmlinux, err)
	}
	t.Setenv("KBTF_BASE_CACHE", t.TempDir())
	withIDs, all := 0, 0
	modules := filepath.Join(debug, "usr/lib/debug/lib/modules")
	err = filepath.WalkDir(modules, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".ko" {
			return err
		}
		file, err := elf.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		hasIDs := file.Section(".BTF_ids") != nil
		if all++; !hasIDs && all%40 != 0 {
			return nil
		}
		module := copyOf(t, path, filepath.Join(t.TempDir(), filepath.Base(path)), elf.EM_NONE)
		if hasIDs {
			withIDs++
			unresolve(t, module, vmlinux[0])
		}
		var out strings.Builder
		types := module + ".BTF.1"
		if status := runPahole([]string{"-J", "--btf_base", vmlinux[0], "--btf_encode_detached=" + types,
			"--btf_features=default,attributes", module}, &out, &out); status != exitDone {
			t.Fatalf("%d, %s", status, out.String())
		}
		compare(t, module, vmlinux[0], types)
		compare(t, module, vmlinux[0], types, "--distill_base")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if withIDs < 7 {
		t.Errorf("%d modules with .BTF_ids, want more", withIDs)
	}
}

// withoutHeader returns the types and strings of BTF: with --distill_base, resolve_btfids of 7.2 writes the
// long header, without a layout.
func withoutHeader(t *testing.T, suffix string, contents []byte) []byte {
	t.Helper()
	if suffix == ".BTF_ids" || contents == nil {
		return contents
	}
	h, wrong := btfraw.ParseHeader(contents)
	if wrong != nil {
		t.Fatalf("%s: %s", suffix, wrong.Reason)
	}
	return contents[h.Length:]
}

// unresolve writes .BTF_ids as the linker wrote it.
func unresolve(t *testing.T, module, vmlinux string) {
	t.Helper()
	img, err := elfimage.Open(module)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	file, err := btffile.OpenBase(vmlinux)
	if err != nil {
		t.Fatal(err)
	}
	base, err := btf.ParseBlob(file.BTF)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := btfids.Open(img, img, base)
	if err != nil || ids.Linked == nil {
		t.Fatalf("%s: %v", module, err)
	}
	if err := img.Overwrite(".BTF_ids", ids.Linked); err != nil {
		t.Fatal(err)
	}
}
