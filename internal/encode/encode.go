// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package encode converts the DWARF of a module, or of vmlinux, to BTF.
//
// Several threads read the units independently (unit.go, with types.go, subprograms.go and
// variables.go for the kinds of DIEs). Units are added to the module in the order of the file, then
// the functions, and the types that the base does not have are written. The output does not depend
// on the number of threads.
package encode

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/btfids"
	"github.com/kbtf/kbtf/internal/dwarf"
	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/fault"
)

// Options control the encoding.
type Options struct {
	Dialect btf.Dialect

	Rules        Rules // for functions
	Inconsistent bool  // keep functions with different prototypes in different units
	// ExactNames leaves out functions that .symtab has only with a suffix (foo.isra.0). It is used
	// with Rules130.
	ExactNames bool

	Variables Variables
	Strict    bool // a variable that BTF cannot express is an error; else it is left out

	Exclude    []Language // languages of units to leave out
	MergeUnits bool       // treat all units as one, as if they referred to each other

	// IDs has the sets of kfuncs; nil: read them from the file. A debug file has only the symbols.
	IDs *btfids.Section

	// Layout describes the sizes of kinds, for readers that do not know all kinds (see
	// btf.Module.Marshal).
	Layout bool

	Threads int          // that read units; 0 counts as 1
	Note    func(string) // receives a sentence about units that were left out; may be nil
}

// File encodes an ELF file against a base and returns the contents of its .BTF section. The error
// for a file without DWARF wraps dwarf.ErrNoDWARF.
func File(img *elfimage.Image, base *btf.Base, opt Options) (blob []byte, err error) {
	fault.PanicOnFault()
	defer func() {
		if p := recover(); p != nil {
			blob, err = nil, fmt.Errorf("%s: %w", img.Path, fault.FromPanic(p))
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
	merged := [][]dwarf.Unit{units}
	groups := slices.Collect(slices.Chunk(units, 1))
	if opt.MergeUnits && len(units) > 0 {
		groups = merged
	}
	if blob, err = encodeUnits(d, groups, base, &opt); errors.Is(err, errCrossUnit) {
		blob, err = encodeUnits(d, merged, base, &opt)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", img.Path, err)
	}
	return blob, nil
}

// errCrossUnit is the error of a unit that refers to DIEs of another one, as link-time
// optimization, dwz and type units do: all units must be read as one.
var errCrossUnit = errors.New("reference to another unit")

// modulePool keeps the memory of modules between files.
var modulePool sync.Pool

// encodeUnits encodes groups of units. The units of a group are treated as one.
func encodeUnits(d *dwarf.Data, groups [][]dwarf.Unit, base *btf.Base,
	opt *Options) ([]byte, error) {
	table, err := readFunctionTable(d.Image, base, opt)
	if err != nil {
		return nil, err
	}
	m, _ := modulePool.Get().(*btf.Module)
	if m == nil {
		m = btf.NewModule(base)
	} else {
		m.Reset(base)
	}
	defer func() {
		m.Reset(nil) // the file is about to be unmapped
		modulePool.Put(m)
	}()
	cxxUnits := 0
	var notes notes
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
			cxxUnits += r.cxxUnits
			notes.add(r.types.notes)
			return r.merge(m)
		})
	if err != nil {
		return nil, err
	}
	if cxxUnits > 0 && opt.Note != nil {
		total := 0
		for _, g := range groups {
			total += len(g)
		}
		opt.Note(fmt.Sprintf("%d of %d units are C++: left out", cxxUnits, total))
	}
	left, err := table.emit(m, opt)
	if err != nil {
		return nil, err
	}
	blob, err := m.Marshal(d.Image.Order, opt.Layout)
	notes.add(left)
	notes.add(m.Notes)
	notes.send(opt.Note)
	return blob, err
}

// notes are sentences about what is left out, each once, and one more than are sent.
type notes struct{ list []string }

func (n *notes) add(list []string) {
	for _, note := range list {
		if len(n.list) <= maxNotes && !slices.Contains(n.list, note) {
			n.list = append(n.list, note)
		}
	}
}

// maxNotes limits the notes on one file.
const maxNotes = 10

func (n *notes) send(to func(string)) {
	if to == nil {
		return
	}
	for i, note := range n.list {
		if i == maxNotes {
			to("and more")
			break
		}
		to(note)
	}
}

// inOrder calls read for 0 to n-1 on several threads, and merge on the calling one, in that order.
// The number of readers, each of which holds one result, bounds the memory.
func inOrder[R any](n, threads int, makeReader func() R, read func(R, int),
	merge func(R) error) error {
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
				// Get the reader before the number: the goroutine with the lowest number always has
				// a reader, so that merge never waits forever.
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
