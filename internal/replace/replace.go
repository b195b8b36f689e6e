// SPDX-License-Identifier: GPL-2.0-only

// Package replace writes files in one go: whoever reads one sees what was there before or all of what is there now.
package replace

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
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

// Like is File for a file that keeps the mode and, where that is allowed, the owner that it has.
func Like(path string, contents []byte, was fs.FileInfo) error {
	return write(path, contents, func(f *os.File) error {
		if u, ok := was.Sys().(*syscall.Stat_t); ok {
			_ = f.Chown(int(u.Uid), int(u.Gid))
		}
		return f.Chmod(was.Mode().Perm())
	})
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
