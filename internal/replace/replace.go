// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package replace writes files atomically: a reader sees the old contents or the new ones.
package replace

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// suffix is that of the temporary file next to the target. Its name is fixed, so that the next
// process reuses the file of a killed one.
const suffix = ".kbtf-tmp"

// File replaces the contents of a file, or creates it with mode 0644; a symbolic link stays one.
// Processes that write the same file wait for each other. On error the file is unchanged, and the
// temporary file is removed.
//
// Devices and pipes, such as /dev/stdout, are written to instead of replaced.
func File(path string, contents []byte) error {
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return os.WriteFile(path, contents, 0o644)
	}
	return write(path, all(contents), func(f *os.File) error { return f.Chmod(0o644) })
}

// all returns a function that writes the contents of a file.
func all(contents []byte) func(*os.File) error {
	return func(f *os.File) error {
		_, err := f.Write(contents)
		return err
	}
}

// Same reports whether a regular file already has these contents. Leaving such a file alone keeps
// what depends on it up to date.
func Same(path string, contents []byte) bool {
	st, err := os.Stat(path)
	if err != nil || !st.Mode().IsRegular() || st.Size() != int64(len(contents)) {
		return false
	}
	old, err := os.ReadFile(path)
	return err == nil && bytes.Equal(old, contents)
}

// Like is like File, but keeps the mode of the file and, if permitted, its owner and extended
// attributes. was is the file's status. Hard links keep referring to the old contents: see
// LinkCount.
func Like(path string, contents []byte, was fs.FileInfo) error {
	return write(path, all(contents), likeness(path, was))
}

// Part is like Like, and replaces only the bytes at an offset.
func Part(path string, offset int64, contents []byte, was fs.FileInfo) error {
	return write(path, func(f *os.File) error {
		old, err := os.Open(path)
		if err != nil {
			return err
		}
		defer old.Close()
		if _, err := io.Copy(f, old); err != nil { // in the kernel
			return err
		}
		_, err = f.WriteAt(contents, offset)
		return err
	}, likeness(path, was))
}

// likeness returns a function that copies the mode, owner and extended attributes of a file.
func likeness(path string, was fs.FileInfo) func(*os.File) error {
	return func(f *os.File) error {
		if u, ok := was.Sys().(*syscall.Stat_t); ok {
			_ = f.Chown(int(u.Uid), int(u.Gid))
		}
		if err := f.Chmod(was.Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid |
			fs.ModeSticky)); err != nil {
			return err
		}
		copyAttributes(path, f)
		return nil
	}
}

// LinkCount returns the number of hard links of a file.
func LinkCount(st fs.FileInfo) int {
	if u, ok := st.Sys().(*syscall.Stat_t); ok {
		return int(u.Nlink)
	}
	return 1
}

// copyAttributes copies the extended attributes of a file as far as permitted: SELinux labels,
// access control lists, user attributes.
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

// attribute calls read for the size of a value and then for the value. It returns nil on error.
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

// write writes a new file with fill and finish, and puts it in the place of another.
func write(path string, fill, finish func(f *os.File) error) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	name := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+suffix)
	f, err := createLocked(name)
	if err != nil {
		return err
	}
	defer f.Close()
	err = f.Truncate(0)
	if err == nil {
		err = fill(f)
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

// createLocked creates a file, or opens an existing one, and locks it.
func createLocked(name string) (*os.File, error) {
	for {
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|unix.O_NOFOLLOW, 0o644)
		if err != nil {
			return nil, err
		}
		ours, err := lockCurrent(f)
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

// Lock waits for an exclusive lock (flock). File systems without locks are ignored.
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

// lockCurrent locks a file. ours is false if the previous owner of the lock has renamed or removed
// the file, so that its name no longer refers to it.
func lockCurrent(f *os.File) (ours bool, err error) {
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
