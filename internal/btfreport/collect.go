// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfreport

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/btfdiff"
	"github.com/kbtf/kbtf/internal/btffile"
	"github.com/kbtf/kbtf/internal/btfraw"
	"github.com/kbtf/kbtf/internal/dwarf"
	"github.com/kbtf/kbtf/internal/encode"
	"github.com/kbtf/kbtf/internal/patherr"
	"golang.org/x/sync/errgroup"
)

// Find returns the modules among files and below folders, compressed ones too, and the folder below
// which all of them are.
func Find(args []string) (root string, paths []string, err error) {
	for _, arg := range args {
		st, err := os.Stat(arg)
		if err != nil {
			return "", nil, fmt.Errorf("%s: %w", arg, patherr.Cause(err))
		}
		if !st.IsDir() {
			paths = append(paths, filepath.Clean(arg))
			continue
		}
		found := len(paths)
		err = filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && isModule(path) {
				paths = append(paths, path)
			}
			return err
		})
		if err != nil {
			return "", nil, fmt.Errorf("%s: %w", arg, patherr.Cause(err))
		}
		if len(paths) == found {
			return "", nil, fmt.Errorf("%s: no modules (*.ko) below it", arg)
		}
	}
	slices.Sort(paths)
	paths = slices.Compact(paths)
	if len(args) == 1 && len(paths) > 0 && paths[0] != filepath.Clean(args[0]) {
		root = filepath.Clean(args[0])
	}
	return root, paths, nil
}

func isModule(path string) bool {
	for _, packed := range []string{"", ".xz", ".gz", ".zst"} {
		if strings.HasSuffix(path, ".ko"+packed) {
			return true
		}
	}
	return false
}

// Collect reads the modules, jobs of them at a time. done is called after each module, by one
// goroutine at a time.
func Collect(root string, paths []string, basePath string, jobs int, done func(n int)) (*Report, error) {
	c, err := newCollector(basePath)
	if err != nil {
		return nil, err
	}
	r := &Report{Base: Base{Path: basePath, Bytes: len(c.raw), Types: c.base.NumTypes()}, Modules: []Module{}}
	var mu sync.Mutex // of r and n
	n := 0
	var g errgroup.Group
	g.SetLimit(max(1, jobs))
	for _, path := range bySize(paths) { // largest first, to keep all CPUs busy at the end
		g.Go(func() error {
			m, err := c.module(path)
			name := path
			if rel, relErr := filepath.Rel(root, path); root != "" && relErr == nil {
				name = rel
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, errNothing):
				r.Without = append(r.Without, name)
			case err != nil:
				r.Unreadable = append(r.Unreadable, Failed{name, strings.TrimPrefix(err.Error(), path+": ")})
			default:
				m.Path = name
				r.Modules = append(r.Modules, *m)
			}
			n++
			done(n)
			return nil
		})
	}
	_ = g.Wait() // errors are in r
	slices.Sort(r.Without)
	slices.SortFunc(r.Unreadable, func(a, b Failed) int { return strings.Compare(a.Path, b.Path) })
	r.finish(c.read.CountKinds())
	return r, nil
}

func bySize(paths []string) []string {
	size := map[string]int64{}
	for _, p := range paths {
		if st, err := os.Stat(p); err == nil {
			size[p] = st.Size()
		}
	}
	order := slices.Clone(paths)
	slices.SortStableFunc(order, func(a, b string) int { return int(min(1, max(-1, size[b]-size[a]))) })
	return order
}

// errNothing is the error of a module without BTF and DWARF of its own.
var errNothing = errors.New("neither BTF nor DWARF")

// A collector has the base in three forms: for encoding, for finding redundant types, and for
// reading split BTF.
type collector struct {
	path string
	raw  []byte
	base *btf.Base
	diff *btfdiff.Base
	read *btfraw.BTF
	none *btf.Base
}

func newCollector(path string) (*collector, error) {
	file, err := btffile.OpenBase(path) // stays mapped
	if err != nil {
		return nil, err
	}
	raw := file.BTF
	c := &collector{path: path, raw: raw, none: encode.NoBase()}
	if c.base, err = encode.LoadBase(path, encode.DefaultBaseCache()); err != nil {
		return nil, err
	}
	if c.read, err = btfraw.Read(raw, nil); err == nil {
		c.diff, err = btfdiff.NewBase(raw)
	}
	if err != nil {
		return nil, fmt.Errorf("base %s: %w", path, err)
	}
	return c, nil
}

// module reads one module.
func (c *collector) module(path string) (*Module, error) {
	if btffile.CarriesBase(path) {
		return nil, errNothing
	}
	file, err := btffile.OpenContents(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	img, err := file.ELF()
	if err != nil {
		return nil, err
	}
	if err := btffile.TargetOf(img).CheckBase(c.path, c.base.Target); err != nil {
		return nil, err
	}
	m := &Module{}
	how := encode.Options{Dialect: c.base.Dialect, Threads: 1}
	full, err := encode.File(img, c.none, how)
	noDWARF := errors.Is(err, dwarf.ErrNoDWARF)
	if err != nil && !noDWARF {
		return nil, err
	}
	m.Full = len(full)
	var split []byte
	if s := img.Section(".BTF"); s != nil && s.Size > 0 {
		if b := img.Section(".BTF.base"); b != nil && b.Size > 0 {
			return nil, fmt.Errorf("%s: has a base of its own (.BTF.base): made for another kernel", path)
		}
		if split, err = img.Inflate(s); err != nil {
			return nil, err
		}
	} else if noDWARF {
		return nil, errNothing
	} else {
		m.Encoded = true
		if split, err = encode.File(img, c.base, how); err != nil {
			return nil, err
		}
	}
	read, err := btfraw.Read(split, c.read)
	if err != nil {
		return nil, fmt.Errorf("%s: BTF of another base? %w", path, err)
	}
	repeats, err := c.diff.Repeats(split)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	m.Split, m.kinds, m.Redundant = len(split), read.CountKinds(), len(repeats)
	for _, n := range m.kinds {
		m.Types += n
	}
	for _, rep := range repeats {
		m.repeated[rep.Kind]++
		if rep.OfBase {
			m.Unshared++
		}
	}
	return m, nil
}
