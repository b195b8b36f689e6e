// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package debugfile finds the DWARF of stripped modules. Distributions ship stripped modules, and separate
// packages with debug files.
package debugfile

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/kbtf/kbtf/internal/dwarf"
	"github.com/kbtf/kbtf/internal/elfimage"
)

// A Source locates the DWARF of stripped modules.
type Source struct {
	Path string // a debug file or a folder to search; if empty, packagesFolder is searched
	Root string // root of the file system

	indexed sync.Once
	named   map[string][]string // paths of the files in a folder, by name
}

// packagesFolder is the folder where packages install debug files, below Root.
const packagesFolder = "usr/lib/debug"

// Of returns the file with the DWARF of a module: the module itself, or its debug file, which the caller
// must close.
func (d *Source) Of(module *elfimage.Image) (*elfimage.Image, error) {
	folder := filepath.Join(d.Root, packagesFolder)
	if d.Path != "" {
		if st, err := os.Stat(d.Path); err != nil || !st.IsDir() {
			return open(d.Path, module)
		}
		folder = d.Path
	}
	if dwarf.In(module) {
		return module, nil
	}
	missing := dwarf.Missing(module)
	if !errors.Is(missing, dwarf.ErrNoDWARF) {
		return nil, missing
	}
	var refused error
	for path := range d.places(module, folder) {
		debug, err := open(path, module)
		if err == nil {
			return debug, nil
		}
		if refused == nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, dwarf.ErrNoDWARF) {
			refused = err
		}
	}
	if refused != nil {
		return nil, fmt.Errorf("%s: no DWARF (.debug_info), and its debug file does not match: %w", module.Path, refused)
	}
	return nil, fmt.Errorf("%w, or give its debug file (--debug_file)", missing)
}

// open opens a debug file and checks that it belongs to the module.
func open(path string, module *elfimage.Image) (*elfimage.Image, error) {
	debug, err := elfimage.Open(path)
	if err != nil {
		return nil, err
	}
	symbols, err := debug.SymbolTable()
	switch {
	case err != nil:
	case !dwarf.In(debug):
		err = dwarf.Missing(debug)
	case symbols == nil:
		err = fmt.Errorf("%s: no symbol table, so that BTF would have no functions: make it from the unstripped module", path)
	default:
		if err = module.CheckDebugFile(debug); err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}
	if err != nil {
		debug.Close()
		return nil, err
	}
	return debug, nil
}

// places yields the paths where gdb searches a module's debug file (by build ID in the folder, and next to
// the module), then all files in the folder with a matching name.
func (d *Source) places(module *elfimage.Image, folder string) func(yield func(path string) bool) {
	id := hex.EncodeToString(module.BuildID())
	dir, name := filepath.Split(module.Path)
	names := []string{name + ".debug", name}
	if link, _, ok := module.DebugLink(); ok {
		names = []string{filepath.Base(link)}
	}
	return func(yield func(path string) bool) {
		if len(id) > 2 && !yield(filepath.Join(folder, ".build-id", id[:2], id[2:]+".debug")) {
			return
		}
		for _, name := range names {
			if !yield(filepath.Join(dir, name)) || !yield(filepath.Join(dir, ".debug", name)) {
				return
			}
		}
		d.indexed.Do(func() { d.index(folder) })
		for _, name := range names {
			for _, path := range d.named[name] {
				if !yield(path) {
					return
				}
			}
		}
	}
}

// index lists the files of a folder, except for .build-id, which places handles.
func (d *Source) index(folder string) {
	if target, err := filepath.EvalSymlinks(folder); err == nil {
		folder = target
	}
	d.named = map[string][]string{}
	_ = filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil: // unreadable
		case e.IsDir() && e.Name() == ".build-id":
			return fs.SkipDir
		case !e.IsDir():
			d.named[e.Name()] = append(d.named[e.Name()], path)
		}
		return nil
	})
}
