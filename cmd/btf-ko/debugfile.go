// SPDX-License-Identifier: GPL-2.0-only

package main

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

// Modules that distributions ship are stripped: their DWARF is in debug files, in packages of their own. --debug_file names that file, or
// a folder in which to look for it; without it, it is looked for where packages put it.

// A debugSource is where the DWARF of stripped modules is.
type debugSource struct {
	path string // what --debug_file says; "": nothing

	indexed sync.Once
	named   map[string][]string // the files of a folder, by their names
}

// debugFolder is where packages put debug files, below the root folder.
const debugFolder = "usr/lib/debug"

// of gives the file that has the DWARF of a module: the module itself, or its debug file, which the caller closes.
func (d *debugSource) of(module *elfimage.Image, h host) (*elfimage.Image, error) {
	folder := filepath.Join(h.root, debugFolder)
	if d.path != "" {
		if !isFolder(d.path) {
			return openDebugFile(d.path, module)
		}
		folder = d.path
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
		debug, err := openDebugFile(path, module)
		if err == nil {
			return debug, nil
		}
		if refused == nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, dwarf.ErrNoDWARF) {
			refused = err
		}
	}
	if refused != nil {
		return nil, fmt.Errorf("%s: no DWARF (.debug_info), and not taken: %w", module.Path, refused)
	}
	return nil, fmt.Errorf("%w, or give its debug file (--debug_file)", missing)
}

func isFolder(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

// openDebugFile opens the debug file of a module.
func openDebugFile(path string, module *elfimage.Image) (*elfimage.Image, error) {
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
		err = fmt.Errorf("%s: no symbol table, without which BTF would have no functions: make it of the unstripped module", path)
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

// places are where the debug file of a module may be: by its build ID in the folder, and beside the module, as gdb has it; then anything
// in the folder that has the right name.
func (d *debugSource) places(module *elfimage.Image, folder string) func(yield func(path string) bool) {
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

// index lists the files of a folder, but for what is in .build-id, which has been asked.
func (d *debugSource) index(folder string) {
	if target, err := filepath.EvalSymlinks(folder); err == nil {
		folder = target
	}
	d.named = map[string][]string{}
	_ = filepath.WalkDir(folder, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil: // what cannot be read is not there
		case e.IsDir() && e.Name() == ".build-id":
			return fs.SkipDir
		case !e.IsDir():
			d.named[e.Name()] = append(d.named[e.Name()], path)
		}
		return nil
	})
}
