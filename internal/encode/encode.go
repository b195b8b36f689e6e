// SPDX-License-Identifier: GPL-2.0-only

// Package encode turns the DWARF of a module, or of vmlinux, into BTF.
//
// Units are read on their own, by several threads (unit.go; types.go, functions.go and variables.go each take their DIEs), and
// added to the module in the order of the file. When all are in, functions are added and the module is written without what the
// base has. The output does not depend on the number of threads.
package encode

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/dwarf"
	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/fault"
)

// Options say how to encode.
type Options struct {
	Dialect btf.Dialect

	Rules        Rules // for functions
	Inconsistent bool  // keep functions on whose prototype units disagree
	ExactNames   bool  // leave out functions that .symtab has only with a suffix (foo.isra.0); Rules130 only

	Variables Variables
	Strict    bool // a variable that BTF cannot express is an error; else it is left out

	Exclude    []Language // units to leave out
	MergeUnits bool       // see all units as one, as if they referred to each other

	// Loaded has the contents of the sections that a kernel loads, if the file with the DWARF does not (see elfimage.CheckDebugFile).
	Loaded *elfimage.Image

	Layout bool // describe the kinds' sizes behind the types, for readers that do not know all kinds

	Threads int          // that read units; 0 counts as 1
	Note    func(string) // is told, in a sentence, what was left out; may be nil
}

// File encodes an ELF file against a base: the contents of a .BTF section. The error of a file without DWARF is dwarf.ErrNoDWARF.
func File(img *elfimage.Image, base *btf.Base, opt Options) (blob []byte, err error) {
	fault.Catch()
	defer func() {
		if p := recover(); p != nil {
			blob, err = nil, fmt.Errorf("%s: %w", img.Path, fault.Error(p))
		}
	}()
	d, err := dwarf.Load(img, wantedIn(img, &opt))
	if err != nil {
		return nil, err
	}
	units, err := d.Units()
	if err != nil {
		return nil, err
	}
	asOne := [][]dwarf.Unit{units}
	groups := slices.Collect(slices.Chunk(units, 1))
	if opt.MergeUnits && len(units) > 0 {
		groups = asOne
	}
	if blob, err = encodeUnits(d, groups, base, &opt); errors.Is(err, errLinked) {
		blob, err = encodeUnits(d, asOne, base, &opt)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", img.Path, err)
	}
	return blob, nil
}

// errLinked says that a unit refers to DIEs of another one, as link-time optimisation, dwz and type units make them: all units are to be
// read as one.
var errLinked = errors.New("a reference out of its unit")

// idleModules are between two files, as idleReaders are.
var idleModules sync.Pool

// encodeUnits encodes groups of units, each of which is seen as one unit.
func encodeUnits(d *dwarf.Data, groups [][]dwarf.Unit, base *btf.Base, opt *Options) ([]byte, error) {
	table, err := readFunctionTable(d.Image, opt)
	if err != nil {
		return nil, err
	}
	m, _ := idleModules.Get().(*btf.Module)
	if m == nil {
		m = btf.NewModule(base)
	} else {
		m.Reset(base)
	}
	defer func() {
		m.Reset(nil) // of what refers to the file, which is unmapped
		idleModules.Put(m)
	}()
	foreign := 0
	var readers []*unitReader
	defer func() {
		for _, r := range readers {
			r.release()
		}
	}()
	err = inOrder(len(groups), opt.Threads,
		func() *unitReader {
			readers = append(readers, newUnitReader(d, table, opt))
			return readers[len(readers)-1]
		},
		func(r *unitReader, i int) { r.read(groups[i]) },
		func(r *unitReader) error {
			foreign += r.foreign
			return r.merge(m)
		})
	if err != nil {
		return nil, err
	}
	if foreign > 0 && opt.Note != nil {
		total := 0
		for _, g := range groups {
			total += len(g)
		}
		opt.Note(fmt.Sprintf("%d of %d units are C++: left out", foreign, total))
	}
	if err := table.emit(m, opt); err != nil {
		return nil, err
	}
	return m.Marshal(d.Image.Order, opt.Layout)
}

// inOrder calls read for 0 to n-1, on several threads, and merge, on one, in that order. A few readers go around between the two;
// they bound the memory.
func inOrder[R any](n, threads int, makeReader func() R, read func(R, int), merge func(R) error) error {
	threads = min(threads, n)
	if threads <= 1 {
		r := makeReader()
		for i := range n {
			read(r, i)
			if err := merge(r); err != nil {
				return err
			}
		}
		return nil
	}
	free := make(chan R, threads+1)
	for range cap(free) {
		free <- makeReader()
	}
	done := make([]chan R, n)
	for i := range done {
		done[i] = make(chan R, 1)
	}
	var next atomic.Int64
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range threads {
		wg.Go(func() {
			for r := range free {
				// The reader is taken before the number: whoever has the lowest number has a reader, so none waits forever.
				i := int(next.Add(1)) - 1
				if i >= n || stop.Load() {
					return
				}
				read(r, i)
				done[i] <- r
			}
		})
	}
	defer wg.Wait()
	defer close(free)
	for i := range n {
		r := <-done[i]
		if err := merge(r); err != nil {
			stop.Store(true)
			return err
		}
		free <- r
	}
	return nil
}
