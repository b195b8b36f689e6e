// SPDX-License-Identifier: GPL-2.0-only

// Package replace writes files in one go: whoever reads one sees what was there before or all of what is there now.
package replace

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// suffix is that of the file beside the target that is written first. The name is always the same, so that what a killed process left is
// used by the next one, and does not stay.
const suffix = ".kbtf-tmp"

// File gives a file these contents; a symbolic link stays one. Processes that write the same file at the same time wait for each
// other. After an error the file is as it was, and nothing is left beside it.
func File(path string, contents []byte) error {
	return write(path, contents, func(f *os.File) error { return f.Chmod(0o644) })
}

// Same tells whether a regular file has these contents already, so that who leaves it alone does not make what depends on it out of date.
func Same(path string, contents []byte) bool {
	st, err := os.Stat(path)
	if err != nil || !st.Mode().IsRegular() || st.Size() != int64(len(contents)) {
		return false
	}
	old, err := os.ReadFile(path)
	return err == nil && bytes.Equal(old, contents)
}

// Like is File for a file that keeps the mode and, where that is allowed, the owner and the extended attributes that it has. Other names of
// it (hard links) go on meaning the old one: see Names.
func Like(path string, contents []byte, was fs.FileInfo) error {
	return write(path, contents, func(f *os.File) error {
		if u, ok := was.Sys().(*syscall.Stat_t); ok {
			_ = f.Chown(int(u.Uid), int(u.Gid))
		}
		if err := f.Chmod(was.Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)); err != nil {
			return err
		}
		copyAttributes(path, f)
		return nil
	})
}

// Names tells how many names a file has.
func Names(st fs.FileInfo) int {
	if u, ok := st.Sys().(*syscall.Stat_t); ok {
		return int(u.Nlink)
	}
	return 1
}

// copyAttributes copies the extended attributes of a file, as far as that is allowed: labels of SELinux, access lists, the user's own.
func copyAttributes(from string, to *os.File) {
	names := attribute(func(b []byte) (int, error) { return unix.Listxattr(from, b) })
	for name := range strings.SplitSeq(string(names), "\x00") {
		if name == "" {
			continue
		}
		value := attribute(func(b []byte) (int, error) { return unix.Getxattr(from, name, b) })
		_ = unix.Fsetxattr(int(to.Fd()), name, value, 0)
	}
}

// attribute reads what has to be asked for its size first; nothing if it cannot be read.
func attribute(read func(b []byte) (int, error)) []byte {
	n, err := read(nil)
	if err != nil {
		return nil
	}
	b := make([]byte, n)
	if n, err = read(b); err != nil || n > len(b) {
		return nil
	}
	return b[:n]
}

func write(path string, contents []byte, finish func(f *os.File) error) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	name := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+suffix)
	f, err := lock(name)
	if err != nil {
		return err
	}
	defer f.Close()
	err = f.Truncate(0)
	if err == nil {
		_, err = f.Write(contents)
	}
	if err == nil {
		err = finish(f)
	}
	if err == nil {
		err = os.Rename(name, path)
	}
	if err != nil {
		_ = os.Remove(name)
	}
	return err
}

// lock makes a file, or takes the one that is there, for this process alone.
func lock(name string) (*os.File, error) {
	for {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|unix.O_NOFOLLOW, 0o644)
		if err != nil {
			return nil, err
		}
		ours, err := hold(f)
		if ours {
			return f, nil
		}
		f.Close()
		if err != nil {
			_ = os.Remove(name)
			return nil, err
		}
	}
}

// Lock waits until no other process has locked the file. A file system without locks has to do without.
func Lock(f *os.File) error {
	for {
		switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err {
		case unix.EINTR:
		case unix.ENOTSUP, unix.ENOLCK:
			return nil
		default:
			return err
		}
	}
}

// hold waits until no other process holds a file. ours is false if the one that did has renamed or removed it: then this is not the file
// of that name any more.
func hold(f *os.File) (ours bool, err error) {
	if err := Lock(f); err != nil {
		return false, err
	}
	held, err := f.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Lstat(f.Name())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(held, named), err
}
