// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/kbtf/kbtf/internal/patherr"
)

// Apply writes the changed files into the tree in dir. On failure no file
// changes. It refuses plans that could not be reverted.
func (p *Plan) Apply(dir string) error {
	return (&Plan{}).Switch(dir, p)
}

// Switch replaces p, which is applied to the tree in dir, by a plan of p.Replan.
// On failure no file changes.
func (p *Plan) Switch(dir string, to *Plan) error {
	if len(p.Unknown) > 0 {
		return p.irreversible(dir)
	}
	if len(to.Unknown) > 0 {
		return to.unknown(dir, "could not be reverted, as its original rule may be that of Linux %s: "+
			"apply the printed patch with git or patch")
	}
	texts := map[string]string{}
	for _, c := range p.Changes {
		texts[c.Path] = c.Old
	}
	for _, c := range to.Changes {
		texts[c.Path] = c.New
	}
	return writeRule(dir, texts)
}

// Revert restores the original files in dir. On failure no file changes.
func (p *Plan) Revert(dir string) error {
	if len(p.Unknown) > 0 {
		return p.irreversible(dir)
	}
	texts := map[string]string{}
	for _, c := range p.Changes {
		texts[c.Path] = c.Old
	}
	return writeRule(dir, texts)
}

func (p *Plan) irreversible(dir string) error {
	return p.unknown(dir, "cannot be reverted, as its original rule may be that of Linux %s: use git, or patch -R")
}

// unknown returns an error that lists the releases in p.Unknown.
func (p *Plan) unknown(dir, format string) error {
	return &fileError{file: filepath.Join(dir, modfinal), reason: fmt.Sprintf(format, strings.Join(p.Unknown, ", "))}
}

// writeRule writes files of the tree in dir that change its rule. A file for the
// strict rule may describe a vmlinux that another rule has not encoded modules for.
func writeRule(dir string, texts map[string]string) error {
	if err := write(dir, texts); err != nil {
		return err
	}
	_ = os.Remove(filepath.Join(dir, btfDeps))
	return nil
}

// write writes files of the tree in dir, by path. It refuses a directory that is an
// absolute link into another tree, as made by cp -as. Packages of headers have
// relative links to directories that they share.
func write(dir string, texts map[string]string) error {
	files := map[string]string{}
	for path, text := range texts {
		files[filepath.Join(dir, path)] = text
		folder := filepath.Join(dir, filepath.Dir(path))
		target, err := os.Readlink(folder)
		if folder == filepath.Clean(dir) || err != nil || !filepath.IsAbs(target) {
			continue
		}
		other := filepath.Dir(target)
		if _, err := os.Stat(filepath.Join(other, topMakefile)); err == nil {
			return &fileError{file: folder, reason: "a link into another tree: " +
				"replace it with a copy (cp -rL), or patch " + other}
		}
	}
	return writeAll(files)
}

// WriteFile writes a file like [Plan.Apply]: on failure it is unchanged. It
// writes to devices and pipes without replacing them, and to the target of a
// symbolic link.
func WriteFile(path, text string) error {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		if err := os.WriteFile(path, []byte(text), 0); err != nil {
			return &fileError{file: path, reason: "cannot write: " + patherr.Cause(err).Error()}
		}
		return nil
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return writeAll(map[string]string{path: text})
}

// writeAll replaces files and keeps mode and owner. A symbolic link is replaced
// by a file: in a copy of a tree made of links (cp -as), the original must not
// change. On failure, such as a full disk, no file changes. It does not use
// package replace, which replaces one file: here, all new contents are on disk
// before the first file is replaced, and the originals are kept until the last.
func writeAll(texts map[string]string) error {
	var files []*replacement
	defer func() {
		for _, r := range files {
			r.discard()
		}
	}()
	for _, path := range slices.Sorted(maps.Keys(texts)) {
		r, err := prepare(path, texts[path])
		if err != nil {
			return &fileError{file: path, reason: unwritten + patherr.Cause(err).Error()}
		}
		files = append(files, r)
	}
	return commit(files)
}

const unwritten = "cannot write, no file was changed: "

// commit replaces the files. If that fails for one, it restores those before.
func commit(files []*replacement) error {
	for i, r := range files {
		err := r.commit()
		if err == nil {
			continue
		}
		for _, done := range files[:i] {
			if undo := done.rollBack(); undo != nil {
				return &fileError{file: done.path, reason: "was changed and cannot be restored: " + patherr.Cause(undo).Error()}
			}
		}
		return &fileError{file: r.path, reason: unwritten + patherr.Cause(err).Error()}
	}
	return nil
}

// replacement has the new contents of a file.
type replacement struct {
	path string
	next string // file with the new contents, in the same directory
	old  string // hard link to the original, a file or symbolic link; empty if there is none
}

// prepare writes the new contents of a file to disk.
func prepare(path, text string) (_ *replacement, err error) {
	r := &replacement{path: path}
	mode, uid, gid, exists := os.FileMode(0o644), -1, -1, false
	if link, err := os.Lstat(path); err == nil {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		mode, exists = info.Mode().Perm(), true
		if link.Mode().IsRegular() {
			if st, ok := info.Sys().(*syscall.Stat_t); ok {
				uid, gid = int(st.Uid), int(st.Gid)
			}
			// rename(2) ignores write protection of a file.
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return nil, err
			}
			f.Close()
		} else {
			mode |= 0o200 // the target may be write-protected
		}
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".kconfig-probe-*")
	if err != nil {
		return nil, err
	}
	r.next = f.Name()
	if exists {
		r.old = r.next + "-old"
	}
	defer func() {
		if err != nil {
			f.Close()
			r.discard()
		}
	}()
	if _, err := f.WriteString(text); err != nil {
		return nil, err
	}
	if err := f.Chmod(mode); err != nil {
		return nil, err
	}
	if uid >= 0 && (uid != os.Geteuid() || gid != os.Getegid()) {
		if err := f.Chown(uid, gid); err != nil {
			return nil, err
		}
	}
	if err := f.Sync(); err != nil {
		return nil, err
	}
	return r, f.Close()
}

// commit replaces the file and keeps the original.
func (r *replacement) commit() error {
	if r.old != "" {
		if err := os.Link(r.path, r.old); err != nil {
			r.old = ""
			return err
		}
	}
	return os.Rename(r.next, r.path)
}

// rollBack restores the original.
func (r *replacement) rollBack() error {
	if r.old == "" {
		return os.Remove(r.path)
	}
	return os.Rename(r.old, r.path)
}

// discard removes the files next to the file.
func (r *replacement) discard() {
	os.Remove(r.next)
	if r.old != "" {
		os.Remove(r.old)
	}
}
