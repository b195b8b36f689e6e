// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// attribute is an extended attribute that any user may set.
const attribute = "user.kbtf"

// file has the properties of a file besides its contents.
type file struct {
	mode     fs.FileMode
	uid, gid uint32
	inode    uint64
	label    string
}

func fileAt(t *testing.T, path string) file {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	u := st.Sys().(*syscall.Stat_t)
	label := make([]byte, 100)
	n, err := unix.Getxattr(path, attribute, label)
	if err != nil && !errors.Is(err, unix.ENODATA) && !errors.Is(err, unix.ENOTSUP) {
		t.Fatal(err)
	}
	return file{st.Mode(), u.Uid, u.Gid, u.Ino, string(label[:max(n, 0)])}
}

// Encoding and stripping preserve the mode, owner, extended attributes and links of a module, also if it is
// named by a symbolic link. The time stamp is new, as make expects, except after a failure.
func TestFileProperties(t *testing.T) {
	fixture := buildFixture(t, 5)
	vmlinux := filepath.Join(fixture, "vmlinux")
	plain := elftest.Read(t, filepath.Join(fixture, "ring.ko"))
	btfKo := func(args ...string) int {
		var out bytes.Buffer
		return run(append(args, "--base_cache", "off"), &out, &out)
	}
	stripIt := func(path string) int {
		var out bytes.Buffer
		return run([]string{"strip", path}, &out, &out)
	}
	detached := filepath.Join(fixture, "ring.btf")
	if btfKo("--btf_base", vmlinux, "--btf_encode_detached", detached, filepath.Join(fixture, "ring.ko")) != exitDone {
		t.Fatal("cannot encode")
	}
	encode := func(path string) int { return btfKo("--btf_base", vmlinux, path) }
	encoded := func(t *testing.T, path string) {
		if encode(path) != exitDone {
			t.Fatal("cannot encode")
		}
	}
	foreign := func(t *testing.T, path string) { // objcopy alone would replace the inode
		elftest.Run(t, "", "objcopy", "--add-section", ".BTF="+detached, path, path+".new")
		if err := os.WriteFile(path, elftest.Read(t, path+".new"), 0); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(path + ".new"); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name    string
		prepare func(t *testing.T, path string)
		do      func(path string) int
		status  int
		moves   bool // the inode changes if the file has no other link
	}{
		{"encode", nil, encode, exitDone, false},
		{"encode again", encoded, encode, exitDone, false},
		{"encode over another program's", foreign, encode, exitDone, false},
		{"encode for another base", encoded, func(path string) int { return btfKo(path) }, exitDone, false},
		{"strip ours", encoded, stripIt, exitDone, false},
		{"strip another program's", foreign, stripIt, exitDone, true},
		{"fail", encoded, func(path string) int { return btfKo("--btf_base", path, path) }, exitFailed, false},
	} {
		for _, names := range []int{1, 2} {
			t.Run(test.name, func(t *testing.T) {
				dir := t.TempDir()
				path, link := filepath.Join(dir, "ring.ko"), filepath.Join(dir, "link.ko")
				other := filepath.Join(dir, "other.ko")
				if err := os.WriteFile(path, plain, 0o644); err != nil {
					t.Fatal(err)
				}
				if test.prepare != nil {
					test.prepare(t, path)
				}
				// Only root may change the owner, and in a user namespace only to a mapped user.
				err := os.Chown(path, 1234, 5678)
				if err != nil && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EINVAL) {
					t.Fatal(err)
				}
				if err := os.Chmod(path, 0o751); err != nil {
					t.Fatal(err)
				}
				err = unix.Setxattr(path, attribute, []byte("label"), 0)
				if err != nil && !errors.Is(err, unix.ENOTSUP) {
					t.Fatal(err)
				}
				if err := os.Symlink("ring.ko", link); err != nil {
					t.Fatal(err)
				}
				if names == 2 {
					if err := os.Link(path, other); err != nil {
						t.Fatal(err)
					}
				}
				if err := os.Chtimes(path, longAgo, longAgo); err != nil {
					t.Fatal(err)
				}
				was, bytesBefore := fileAt(t, path), elftest.Read(t, path)

				if status := test.do(link); status != test.status {
					t.Fatalf("exit status %d, want %d", status, test.status)
				}
				is := fileAt(t, path)
				if test.moves && names == 1 {
					is.inode = was.inode
				}
				if is != was {
					t.Errorf("was %+v, is %+v", was, is)
				}
				if st, err := os.Lstat(link); err != nil || st.Mode()&fs.ModeSymlink == 0 {
					t.Errorf("the symbolic link was replaced (%v)", err)
				}
				now := elftest.Read(t, path)
				if names == 2 && !bytes.Equal(elftest.Read(t, other), now) {
					t.Error("the hard link has other contents")
				}
				st, err := os.Stat(path)
				if err != nil {
					t.Fatal(err)
				}
				failed, changed := test.status != exitDone, !bytes.Equal(now, bytesBefore)
				if st.ModTime().Equal(longAgo) != failed || failed && changed {
					t.Errorf("time stamp %v, changed %v", st.ModTime(), changed)
				}
				_, err = section(path, ".BTF")
				if has, want := err == nil, !strings.HasPrefix(test.name, "strip"); has != want {
					t.Errorf("has BTF: %v, want %v", has, want)
				}
				if names == 2 && test.moves { // the section was cut out
					encoded(t, path)
					if got, err := section(path, ".BTF"); err != nil || !bytes.Equal(got, elftest.Read(t, detached)) {
						t.Errorf("encoding again gives other BTF (%v)", err)
					}
				}
				if left, err := filepath.Glob(filepath.Join(dir, ".*")); err != nil || len(left) > 0 {
					t.Errorf("left %v (%v)", left, err)
				}
			})
		}
	}
}
