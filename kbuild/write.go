// SPDX-License-Identifier: GPL-2.0-only

package kbuild

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// Apply writes the planned files into the tree in dir: all of them or none.
func (p *Plan) Apply(dir string) error {
	texts := map[string]string{}
	for _, c := range p.Changes {
		texts[filepath.Join(dir, c.Path)] = c.New
	}
	return writeAll(texts)
}

// Revert puts back what the files in dir were before the plan.
func (p *Plan) Revert(dir string) error {
	texts := map[string]string{}
	for _, c := range p.Changes {
		texts[filepath.Join(dir, c.Path)] = c.Old
	}
	return writeAll(texts)
}

// WriteFile writes one file as [Plan.Apply] does: whole or not at all.
func WriteFile(path, text string) error {
	return writeAll(map[string]string{path: text})
}

// writeAll replaces the files' contents. All new contents are on disk before
// the first file changes. Modes, owners and symbolic links stay.
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
			return &Error{File: path, Reason: "cannot write, nothing was changed: " + cause(err)}
		}
		files = append(files, r)
	}
	return commit(files)
}

// commit puts the new contents in place. If one cannot, those before it get
// their old contents back.
func commit(files []*replacement) error {
	for i, r := range files {
		err := r.commit()
		if err == nil {
			continue
		}
		for _, done := range files[:i] {
			if undo := done.rollBack(); undo != nil {
				return &Error{File: done.path, Reason: "was changed, and its old content cannot be put back: " + cause(undo)}
			}
		}
		return &Error{File: r.path, Reason: "cannot write, nothing was changed: " + cause(err)}
	}
	return nil
}

// replacement is a file about to be replaced.
type replacement struct {
	path string // symbolic links resolved
	next string // its new content, beside it
	old  string // a second name of its old content; empty without one
}

func prepare(path, text string) (_ *replacement, err error) {
	r := &replacement{path: path}
	mode, uid, gid, exists := os.FileMode(0o644), -1, -1, false
	if real, err := filepath.EvalSymlinks(path); err == nil {
		r.path = real
		info, err := os.Stat(real)
		if err != nil {
			return nil, err
		}
		mode = info.Mode().Perm()
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			uid, gid = int(st.Uid), int(st.Gid)
		}
		// Renaming would get around a file's write protection.
		f, err := os.OpenFile(real, os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		f.Close()
		exists = true
	}
	f, err := os.CreateTemp(filepath.Dir(r.path), filepath.Base(r.path)+".kconfig-probe-*")
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

func (r *replacement) commit() error {
	if r.old != "" {
		if err := os.Link(r.path, r.old); err != nil {
			r.old = ""
			return err
		}
	}
	return os.Rename(r.next, r.path)
}

func (r *replacement) rollBack() error {
	if r.old == "" {
		return os.Remove(r.path)
	}
	return os.Rename(r.old, r.path)
}

// discard removes what is left beside the file.
func (r *replacement) discard() {
	os.Remove(r.next)
	if r.old != "" {
		os.Remove(r.old)
	}
}
