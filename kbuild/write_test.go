// SPDX-License-Identifier: GPL-2.0-only

package kbuild

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// writeTree puts the build files into a directory.
func writeTree(t *testing.T, s sources) string {
	t.Helper()
	dir := t.TempDir()
	for path, text := range s {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// listing is every file below dir: its mode and its bytes.
func listing(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(path)
		files[path] = info.Mode().String() + " " + string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestApplyAndRevert(t *testing.T) {
	for _, w := range []Wiring{btfKo, pahole, {BTFKo, InKbuildInclude}} {
		t.Run(fmt.Sprint(w), func(t *testing.T) {
			dir := writeTree(t, smallTree(t))
			if err := os.Chmod(filepath.Join(dir, modfinal), 0o750); err != nil {
				t.Fatal(err)
			}
			before := listing(t, dir)

			if p, err := Applied(dir); p != nil || err != nil {
				t.Fatalf("applied at first: %v, %v", p, err)
			}
			p, err := NewPlan(dir, w)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Apply(dir); err != nil {
				t.Fatal(err)
			}
			applied, err := Applied(dir)
			if err != nil || applied == nil {
				t.Fatalf("not applied: %v", err)
			}
			if diff := cmp.Diff(p, applied); diff != "" {
				t.Errorf("the tree tells of another plan:\n%s", diff)
			}
			if info, err := os.Stat(filepath.Join(dir, modfinal)); err != nil || info.Mode() != 0o750 {
				t.Errorf("mode changed to %v, %v", info.Mode(), err)
			}
			if err := applied.Revert(dir); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, listing(t, dir)); diff != "" {
				t.Errorf("reverted:\n%s", diff)
			}
		})
	}
}

// A tree of symbolic links, as for building several configurations from one
// source, keeps its links.
func TestApplyThroughLinks(t *testing.T) {
	dir := writeTree(t, smallTree(t))
	link := filepath.Join(dir, modfinal)
	target := filepath.Join(t.TempDir(), "shared")
	if err := os.Rename(link, target); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	p, err := NewPlan(dir, btfKo)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Apply(dir); err != nil {
		t.Fatal(err)
	}
	if got, err := os.Readlink(link); err != nil || got != target {
		t.Errorf("link is now %q, %v", got, err)
	}
	if text, err := os.ReadFile(target); err != nil || string(text) != p.Changes[len(p.Changes)-1].New {
		t.Errorf("target was not written: %v", err)
	}
}

// The first file is in place when the second turns out to be impossible.
func TestCommitRollsBack(t *testing.T) {
	dir := writeTree(t, smallTree(t))
	before := listing(t, dir)
	var files []*replacement
	for _, path := range []string{kconfigDebug, modfinal} {
		r, err := prepare(filepath.Join(dir, path), "new\n")
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, r)
	}
	if err := os.Remove(files[1].next); err != nil {
		t.Fatal(err)
	}
	err := commit(files)
	want := filepath.Join(dir, modfinal) + ": cannot write, no file was changed: no such file or directory"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	for _, r := range files {
		r.discard()
	}
	if diff := cmp.Diff(before, listing(t, dir)); diff != "" {
		t.Errorf("the tree changed:\n%s", diff)
	}
}

func TestWriteAllLeavesNothingBehind(t *testing.T) {
	dir := writeTree(t, smallTree(t))
	before := listing(t, dir)
	bad := filepath.Join(dir, "none", "file")
	err := writeAll(map[string]string{filepath.Join(dir, kconfigDebug): "new\n", bad: "new\n"})
	if want := bad + ": cannot write, no file was changed: no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if diff := cmp.Diff(before, listing(t, dir)); diff != "" {
		t.Errorf("the tree changed:\n%s", diff)
	}
}

func TestReadTreeRefuses(t *testing.T) {
	dir := t.TempDir()
	want := filepath.Join(dir, "Makefile") + ": does not exist: is " + dir + " the top of a kernel tree?"
	if _, err := NewPlan(dir, btfKo); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	dir = writeTree(t, sources{"Makefile/x": ""})
	want = filepath.Join(dir, "Makefile") + ": cannot read: is a directory"
	if _, err := Applied(dir); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
