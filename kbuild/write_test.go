// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// writeTree writes the files of a tree and returns its directory.
func writeTree(t *testing.T, s sources) string {
	t.Helper()
	dir := t.TempDir()
	for path, text := range s {
		path = filepath.Join(dir, path)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return dir
}

// listing returns the mode and contents of all files below dir.
func listing(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
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
	}))
	return files
}

func TestApplyAndRevert(t *testing.T) {
	for _, w := range []Wiring{btfKo, pahole, {BTFKo, InKbuildInclude}} {
		t.Run(fmt.Sprint(w), func(t *testing.T) {
			dir := writeTree(t, smallTree(t))
			must(t, os.Chmod(filepath.Join(dir, modfinal), 0o750))
			before := listing(t, dir)

			if p, err := Applied(dir); p != nil || err != nil {
				t.Fatalf("applied to the original tree: %v, %v", p, err)
			}
			p, err := NewPlan(dir, w)
			must(t, err)
			must(t, p.Apply(dir))
			applied, err := Applied(dir)
			if err != nil || applied == nil {
				t.Fatalf("not applied: %v", err)
			}
			if diff := cmp.Diff(p, applied); diff != "" {
				t.Errorf("applied another plan:\n%s", diff)
			}
			if info, err := os.Stat(filepath.Join(dir, modfinal)); err != nil || info.Mode() != 0o750 {
				t.Errorf("mode changed to %v, %v", info.Mode(), err)
			}
			must(t, applied.Revert(dir))
			if diff := cmp.Diff(before, listing(t, dir)); diff != "" {
				t.Errorf("after Revert:\n%s", diff)
			}
		})
	}
}

// TestApplyThroughLinks applies a plan to a tree of symbolic links.
func TestApplyThroughLinks(t *testing.T) {
	dir := writeTree(t, smallTree(t))
	link := filepath.Join(dir, modfinal)
	target := filepath.Join(t.TempDir(), "shared")
	must(t, os.Rename(link, target))
	must(t, os.Symlink(target, link))
	p, err := NewPlan(dir, btfKo)
	must(t, err)
	must(t, p.Apply(dir))
	if got, err := os.Readlink(link); err != nil || got != target {
		t.Errorf("link is now %q, %v", got, err)
	}
	want := p.Changes[len(p.Changes)-1].New
	if text, err := os.ReadFile(target); err != nil || string(text) != want {
		t.Errorf("target was not written: %v", err)
	}
}

// TestCommitRollsBack fails to replace the second of two files.
func TestCommitRollsBack(t *testing.T) {
	dir := writeTree(t, smallTree(t))
	before := listing(t, dir)
	var files []*replacement
	for _, path := range []string{kconfigDebug, modfinal} {
		r, err := prepare(filepath.Join(dir, path), "new\n")
		must(t, err)
		files = append(files, r)
	}
	must(t, os.Remove(files[1].next))
	err := commit(files)
	want := filepath.Join(dir, modfinal) +
		": cannot write, no file was changed: no such file or directory"
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

// TestWriteAllFails fails to prepare the second of two files.
func TestWriteAllFails(t *testing.T) {
	dir := writeTree(t, smallTree(t))
	before := listing(t, dir)
	bad := filepath.Join(dir, "none", "file")
	err := writeAll(map[string]string{filepath.Join(dir, kconfigDebug): "new\n", bad: "new\n"})
	want := bad + ": cannot write, no file was changed: no such file or directory"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if diff := cmp.Diff(before, listing(t, dir)); diff != "" {
		t.Errorf("the tree changed:\n%s", diff)
	}
}

// TestWriteFileToPipe stands for devices such as /dev/null as well.
func TestWriteFileToPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(pipe, 0o600))
	r, err := os.OpenFile(pipe, os.O_RDWR, 0) // does not wait for a writer
	must(t, err)
	defer r.Close()
	must(t, WriteFile(pipe, "text"))
	got := make([]byte, 10)
	n, err := r.Read(got)
	if err != nil || string(got[:n]) != "text" {
		t.Errorf("read %q, %v", got[:n], err)
	}
	if info, err := os.Lstat(pipe); err != nil || info.Mode().Type() != fs.ModeNamedPipe {
		t.Errorf("the pipe is now %v, %v", info.Mode(), err)
	}
}

func TestReadTreeRefuses(t *testing.T) {
	dir := t.TempDir()
	want := filepath.Join(dir, "Makefile") +
		": does not exist: is " + dir + " the top of a kernel tree?"
	if _, err := NewPlan(dir, btfKo); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	dir = writeTree(t, sources{"Makefile/x": ""})
	want = filepath.Join(dir, "Makefile") + ": cannot read: is a directory"
	if _, err := Applied(dir); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
