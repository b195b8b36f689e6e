// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package replace

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func contentsOf(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// alone checks that the directory of a file has no other files.
func alone(t *testing.T, path string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	hidden, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*"))
	if files = append(files, hidden...); err != nil || len(files) != 1 {
		t.Errorf("%v in the directory of %s (%v)", files, path, err)
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	leftover := filepath.Join(filepath.Dir(path), ".file"+suffix)
	if err := os.WriteFile(leftover, []byte("left by a killed process, longer than the rest"),
		0o600); err != nil {
		t.Fatal(err)
	}
	for _, contents := range []string{"first", "second"} {
		if err := File(path, []byte(contents)); err != nil {
			t.Fatal(err)
		}
		if got := contentsOf(t, path); got != contents {
			t.Errorf("%q, want %q", got, contents)
		}
		alone(t, path)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o644 {
		t.Errorf("mode %v (%v)", st.Mode(), err)
	}

	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := File(link, []byte("third")); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Lstat(link); err != nil || st.Mode()&os.ModeSymlink == 0 ||
		contentsOf(t, path) != "third" {
		t.Errorf("the link is %v (%v), its target has %q", st.Mode(), err, contentsOf(t, path))
	}
	alone(t, link)
}

// A symbolic link with the name of the temporary file is not followed.
func TestFileBesideLink(t *testing.T) {
	dir := t.TempDir()
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("untouched"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, filepath.Join(dir, ".file"+suffix)); err != nil {
		t.Fatal(err)
	}
	if err := File(filepath.Join(dir, "file"), []byte("x")); err == nil {
		t.Error("no error")
	}
	if got := contentsOf(t, victim); got != "untouched" {
		t.Errorf("the link's target has %q", got)
	}
}

// A directory of that name is an error, and no file is left.
func TestFileOverDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "directory")
	if err := os.Mkdir(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := File(path, []byte("x")); err == nil {
		t.Error("no error")
	}
	alone(t, path)
}

// Concurrent writers: readers see one contents or the other.
func TestFileConcurrent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	var writers sync.WaitGroup
	contents := func(i int) []byte { return []byte(strings.Repeat(string(rune('a'+i)), 100000+i)) }
	for i := range 8 {
		writers.Go(func() {
			for range 20 {
				if err := File(path, contents(i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	for open := true; open; {
		select {
		case <-done:
			open = false
		default:
		}
		if got, err := os.ReadFile(path); err == nil &&
			(len(got) == 0 || !bytes.Equal(got, contents(int(got[0]-'a')))) {
			t.Fatalf("%d bytes, torn", len(got))
		}
	}
	alone(t, path)
}

// Like keeps mode and attributes.
func TestLike(t *testing.T) {
	const attribute = "user.kbtf"
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("first"), 0o644); err != nil {
		t.Fatal(err)
	}
	attributes := true
	if err := unix.Setxattr(path, attribute, []byte("label"), 0); errors.Is(err, unix.ENOTSUP) {
		attributes = false
	} else if err != nil {
		t.Fatal(err)
	}
	want := os.FileMode(0o751) | os.ModeSetgid
	if err := os.Chmod(path, want); err != nil {
		t.Fatal(err)
	}
	was, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := Like(path, []byte("second"), was); err != nil {
		t.Fatal(err)
	}
	if got := contentsOf(t, path); got != "second" {
		t.Errorf("%q", got)
	}
	if st, err := os.Stat(path); err != nil || st.Mode() != was.Mode() || st.Mode() != want {
		t.Errorf("mode %v, want %v (%v)", st.Mode(), want, err)
	}
	value := make([]byte, 100)
	if n, err := unix.Getxattr(path, attribute, value); attributes &&
		(err != nil || string(value[:n]) != "label") {
		t.Errorf("attribute %q, %v", value[:max(n, 0)], err)
	}
	alone(t, path)
}

// A pipe is not read, which would block.
func TestSame(t *testing.T) {
	dir := t.TempDir()
	path, pipe := filepath.Join(dir, "file"), filepath.Join(dir, "pipe")
	if err := File(path, []byte("contents")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o644); err != nil {
		t.Fatal(err)
	}
	if !Same(path, []byte("contents")) {
		t.Error("equal contents reported as different")
	}
	for where, contents := range map[string]string{path: "contentz", pipe: "",
		filepath.Join(dir, "none"): ""} {
		if Same(where, []byte(contents)) {
			t.Errorf("%s: reported equal to %q", where, contents)
		}
	}
}

// A pipe stays one: what is written comes out of it.
func TestFilePipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	read := make(chan []byte)
	go func() {
		data, err := os.ReadFile(pipe)
		if err != nil {
			t.Error(err)
		}
		read <- data
	}()
	if err := File(pipe, []byte("contents")); err != nil {
		t.Fatal(err)
	}
	st, err := os.Lstat(pipe)
	if err != nil || st.Mode().Type() != fs.ModeNamedPipe {
		t.Fatalf("the pipe is now %v (%v)", st, err) // and its reader waits for a writer
	}
	if got := <-read; string(got) != "contents" {
		t.Errorf("read %q", got)
	}
}
