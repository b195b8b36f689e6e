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
	for _, w := range []Wiring{btfKo, pahole, {Strict, BTFKo, InKbuildInclude}} {
		t.Run(fmt.Sprint(w), func(t *testing.T) {
			dir := writeTree(t, smallTree(t))
			must(t, os.Chmod(filepath.Join(dir, modfinal), 0o750))
			before := listing(t, dir)

			if p, err := Applied(dir); p != nil || err != nil {
				t.Fatalf("applied to the original tree: %v, %v", p, err)
			}
			p, err := NewPlan(dir, w)
			must(t, err)
			must(t, os.WriteFile(filepath.Join(dir, btfDeps), nil, 0o644))
			must(t, p.Apply(dir))
			if _, err := os.Stat(filepath.Join(dir, btfDeps)); err == nil {
				t.Errorf("%s of an earlier build stays", btfDeps)
			}
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

// TestLinkedTrees applies and reverts plans in copies of a tree that share its
// files. The original must not change.
func TestLinkedTrees(t *testing.T) {
	for name, link := range map[string]func(original, path string) error{
		"cp -as":          os.Symlink,
		"cp -al":          os.Link,
		"links to links":  func(original, path string) error { return linkTwice(t.TempDir(), original, path) },
		"only two linked": func(original, path string) error { return linkSome(original, path) },
		"write-protected": func(original, path string) error {
			must(t, os.Chmod(original, 0o444))
			return os.Symlink(original, path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			texts := smallTree(t)
			original := writeTree(t, texts)
			dir := t.TempDir()
			for path := range texts {
				must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o755))
				must(t, link(filepath.Join(original, path), filepath.Join(dir, path)))
			}
			before := listing(t, original)
			unchanged := func(after string) {
				t.Helper()
				if diff := cmp.Diff(before, listing(t, original)); diff != "" {
					t.Errorf("the original changed after %s:\n%s", after, diff)
				}
			}
			p, err := NewPlan(dir, btfKo)
			must(t, err)
			must(t, p.Apply(dir))
			unchanged("Apply")
			for _, c := range p.Changes {
				path := filepath.Join(dir, c.Path)
				info, err := os.Lstat(path)
				must(t, err)
				if text, err := os.ReadFile(path); err != nil || string(text) != c.New {
					t.Errorf("%s was not patched: %v", c.Path, err)
				}
				if !info.Mode().IsRegular() || info.Mode()&0o200 == 0 {
					t.Errorf("%s: mode %v", c.Path, info.Mode())
				}
			}
			applied, err := Applied(dir)
			if err != nil || applied == nil {
				t.Fatalf("not applied: %v", err)
			}
			must(t, applied.Revert(dir))
			unchanged("Revert")
			for path, text := range texts {
				if got, err := os.ReadFile(filepath.Join(dir, path)); err != nil || string(got) != text {
					t.Errorf("%s was not reverted: %v", path, err)
				}
			}

			// The original is patched first, then linked.
			for path := range texts {
				must(t, os.Chmod(filepath.Join(original, path), 0o644))
			}
			must(t, p.Apply(original))
			for _, c := range p.Changes {
				must(t, os.Remove(filepath.Join(dir, c.Path)))
				must(t, link(filepath.Join(original, c.Path), filepath.Join(dir, c.Path)))
			}
			before = listing(t, original)
			must(t, applied.Revert(dir))
			unchanged("Revert of a linked patch")
			if again, err := Applied(dir); err != nil || again != nil {
				t.Errorf("still applied: %v", err)
			}
		})
	}
}

// linkTwice makes a link to a link.
func linkTwice(between, original, path string) error {
	if err := os.Symlink(original, filepath.Join(between, "link")); err != nil {
		return err
	}
	return os.Symlink(filepath.Join(between, "link"), path)
}

// linkSome links the files in scripts and copies the others.
func linkSome(original, path string) error {
	if filepath.Base(filepath.Dir(path)) == "scripts" {
		return os.Symlink(original, path)
	}
	text, err := os.ReadFile(original)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

// A directory that is a link into another tree is refused, as in a cp -as of
// Debian's headers, whose scripts/ is a link itself.
func TestDirectoryOfAnotherTree(t *testing.T) {
	for _, name := range []string{"to a directory", "to a link"} {
		original, dir := writeTree(t, smallTree(t)), writeTree(t, smallTree(t))
		target, folder := filepath.Join(original, "scripts"), filepath.Join(dir, "scripts")
		if name == "to a link" {
			shared := filepath.Join(t.TempDir(), "scripts")
			must(t, os.Rename(target, shared))
			must(t, os.Symlink(shared, target))
		}
		must(t, os.RemoveAll(folder))
		must(t, os.Symlink(target, folder))
		p, err := NewPlan(dir, btfKo)
		must(t, err)
		before := listing(t, original+"/scripts/")
		want := folder + ": a link into another tree: replace it with a copy (cp -rL), or patch " + original
		for _, write := range []func(string) error{p.Apply, p.Revert} {
			if err := write(dir); err == nil || err.Error() != want {
				t.Errorf("%s: %v, want %s", name, err, want)
			}
		}
		if diff := cmp.Diff(before, listing(t, original+"/scripts/")); diff != "" {
			t.Errorf("%s: the original changed:\n%s", name, diff)
		}
		link := filepath.Join(t.TempDir(), "tree") // the tree itself may be a link
		must(t, os.Symlink(original, link))
		must(t, p.Apply(link))
	}
}

// A directory that is a link elsewhere is followed: the headers of Debian's
// flavours share scripts/.
func TestLinkedDirectory(t *testing.T) {
	dir := writeTree(t, smallTree(t))
	shared := filepath.Join(t.TempDir(), "scripts")
	must(t, os.Rename(filepath.Join(dir, "scripts"), shared))
	must(t, os.WriteFile(filepath.Join(filepath.Dir(shared), "Makefile"), nil, 0o644)) // the common headers
	shared, err := filepath.Rel(dir, shared)
	must(t, err)
	must(t, os.Symlink(shared, filepath.Join(dir, "scripts")))
	p, err := NewPlan(dir, btfKo)
	must(t, err)
	must(t, p.Apply(dir))
	if got, err := os.Readlink(filepath.Join(dir, "scripts")); err != nil || got != shared {
		t.Errorf("the link is now %q, %v", got, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, shared, "Makefile.modfinal"))
	if err != nil || string(text) != p.Changes[len(p.Changes)-1].New {
		t.Errorf("the directory was not written: %v", err)
	}
}

// A file in place of a link is replaced by the link if a later one fails.
func TestCommitRestoresLinks(t *testing.T) {
	dir := writeTree(t, smallTree(t))
	link, target := filepath.Join(dir, kconfigDebug), filepath.Join(t.TempDir(), "shared")
	must(t, os.Rename(link, target))
	must(t, os.Symlink(target, link))
	before := listing(t, dir)
	var files []*replacement
	for _, path := range []string{kconfigDebug, modfinal} {
		r, err := prepare(filepath.Join(dir, path), "new\n")
		must(t, err)
		files = append(files, r)
	}
	must(t, os.Remove(files[1].next))
	if err := commit(files); err == nil {
		t.Error("no error")
	}
	for _, r := range files {
		r.discard()
	}
	if diff := cmp.Diff(before, listing(t, dir)); diff != "" {
		t.Errorf("the tree changed:\n%s", diff)
	}
	if got, err := os.Readlink(link); err != nil || got != target {
		t.Errorf("the link is now %q, %v", got, err)
	}
}

// TestWriteFileThroughLink writes to the file that the user named by a link.
func TestWriteFileThroughLink(t *testing.T) {
	target := filepath.Join(t.TempDir(), "target")
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.WriteFile(target, []byte("old"), 0o600))
	must(t, os.Symlink(target, link))
	must(t, WriteFile(link, "new"))
	if got, err := os.Readlink(link); err != nil || got != target {
		t.Errorf("the link is now %q, %v", got, err)
	}
	if text, err := os.ReadFile(target); err != nil || string(text) != "new" {
		t.Errorf("the target has %q, %v", text, err)
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
