// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfimage

import (
	"bytes"
	"debug/elf"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

func detach(path string, names ...string) (bool, error) {
	img, err := Open(path)
	if err != nil {
		return false, err
	}
	defer img.Close()
	return img.Detach(names...)
}

func mustDetach(t *testing.T, path string, names ...string) {
	t.Helper()
	if removed, err := detach(path, names...); err != nil || !removed {
		t.Fatalf("removed %v, %v", removed, err)
	}
}

// object compiles a module for a target.
func object(t *testing.T, target elftest.Target) (path string) {
	t.Helper()
	return elftest.Object(t, target, "ring.c")
}

func TestDetachRestoresOriginal(t *testing.T) {
	for _, target := range elftest.Targets {
		t.Run(target.Name, func(t *testing.T) {
			path := object(t, target)
			original := elftest.Read(t, path)
			mustAttach(t, path, ".BTF", []byte("first"))
			mustAttach(t, path, ".BTF", bytes.Repeat([]byte("second"), 1000))
			mustDetach(t, path, ".BTF", ".BTF.base")
			if !bytes.Equal(elftest.Read(t, path), original) {
				t.Error("not the original bytes")
			}
			if removed, err := detach(path, ".BTF", ".BTF.base"); removed || err != nil {
				t.Errorf("second Detach: %v, %v", removed, err)
			}
		})
	}
}

// A section that objcopy added, with one that Attach added over it, is cut out; the other sections
// keep their contents.
func TestDetachOfForeignSections(t *testing.T) {
	for _, over := range []bool{false, true} {
		path := object(t, elftest.GCC)
		contents := filepath.Join(t.TempDir(), "contents")
		if err := os.WriteFile(contents, bytes.Repeat([]byte("x"), 1001), 0o644); err != nil {
			t.Fatal(err)
		}
		elftest.Run(t, "", "objcopy", "--add-section", ".BTF="+contents, "--add-section",
			".BTF.base="+contents, path)
		if err := os.Chmod(path, 0o640); err != nil {
			t.Fatal(err)
		}
		original := sectionContents(t, path)
		size := len(elftest.Read(t, path))
		if over {
			mustAttach(t, path, ".BTF", []byte("ours"))
		}
		mustDetach(t, path, ".BTF", ".BTF.base")
		delete(original, ".BTF")
		delete(original, ".BTF.base")
		after := sectionContents(t, path)
		for name, data := range original {
			if name != ".shstrtab" && !bytes.Equal(after[name], data) {
				t.Errorf("over %v: %s differs", over, name)
			}
		}
		if after[".BTF"] != nil || after[".BTF.base"] != nil {
			t.Errorf("over %v: still there", over)
		}
		if saved := size - len(elftest.Read(t, path)); saved < 1900 {
			t.Errorf("over %v: only %d bytes saved", over, saved)
		}
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o640 {
			t.Errorf("mode %v, %v", st.Mode(), err)
		}
		elftest.Run(t, "", "readelf", "-a", "-W", path)
		elftest.Run(t, "", "ld", "-r", "-o", path+".linked", path)
		mustAttach(t, path, ".BTF", []byte("again"))
		checkSection(t, path, ".BTF", []byte("again"))
	}
}

// sectionContents reads all sections that have a name and bytes.
func sectionContents(t *testing.T, path string) map[string][]byte {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	all := map[string][]byte{}
	for _, s := range f.Sections {
		if s.Name != "" && s.Type != elf.SHT_NOBITS {
			if all[s.Name], err = s.Data(); err != nil {
				t.Fatal(err)
			}
		}
	}
	return all
}

func TestDetachRefused(t *testing.T) {
	attached := func(t *testing.T) string {
		path := object(t, elftest.GCC)
		mustAttach(t, path, ".BTF", []byte("ours"))
		return path
	}
	t.Run("signed", func(t *testing.T) {
		path := attached(t)
		signed := append(elftest.Read(t, path), "~Module signature appended~\n"...)
		if err := os.WriteFile(path, signed, 0o644); err != nil {
			t.Fatal(err)
		}
		err := attempt(t, path, func() error { _, err := detach(path, ".BTF"); return err })
		if !errors.Is(err, errSigned) {
			t.Error(err)
		}
	})
	t.Run("read-only", func(t *testing.T) {
		path := attached(t)
		if err := os.Chmod(path, 0o444); err != nil {
			t.Fatal(err)
		}
		err := attempt(t, path, func() error { _, err := detach(path, ".BTF"); return err })
		if err == nil || !strings.Contains(err.Error(), "read-only") {
			t.Error(err)
		}
	})
	t.Run("a program", func(t *testing.T) {
		path := object(t, elftest.GCC)
		contents := filepath.Join(t.TempDir(), "contents")
		if err := os.WriteFile(contents, []byte("contents"), 0o644); err != nil {
			t.Fatal(err)
		}
		program := path + ".out"
		elftest.Run(t, "", "ld", "-e", "0", "--unresolved-symbols=ignore-all", "-o", program, path)
		elftest.Run(t, "", "objcopy", "--add-section", ".BTF="+contents, program)
		err := attempt(t, program, func() error { _, err := detach(program, ".BTF"); return err })
		if err == nil || !strings.Contains(err.Error(), "only those of modules") {
			t.Error(err)
		}
	})
}
