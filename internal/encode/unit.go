// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"bytes"
	"debug/elf"
	"fmt"
	"slices"
	"sync"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/dwarf"
	"github.com/kbtf/kbtf/internal/fault"
)

// unitReader reads units one after the other, and holds the contents of one until it is merged.
type unitReader struct {
	d        *dwarf.Data
	r        dwarf.Reader
	exclude  []Language
	types    unitTypes
	funcs    unitFunctions
	vars     unitVariables
	clang    bool // compiled by clang
	cxxUnits int  // C++ units left out
	err      error
}

// readerPool keeps the memory of readers between files.
var readerPool sync.Pool

// newUnitReader returns a reader for the units of a file. Call release when the file is done.
func newUnitReader(d *dwarf.Data, table *functionTable, opt *Options) *unitReader {
	u, _ := readerPool.Get().(*unitReader)
	if u == nil {
		u = &unitReader{}
	}
	img := d.Image
	u.d, u.exclude = d, opt.Exclude
	u.types.setFile(d, opt.Dialect)
	u.funcs.setFile(table, opt.Rules, parameterRegisters(img.Machine), img.Type != elf.ET_REL)
	u.vars = newUnitVariables(img, opt)
	return u
}

func (u *unitReader) release() {
	u.d, u.vars = nil, unitVariables{}
	u.r.Release()
	u.types.setFile(nil, btf.Dialect{})
	u.funcs.setFile(nil, 0, registers{}, false)
	readerPool.Put(u)
}

// read reads units that are treated as one.
func (u *unitReader) read(units []dwarf.Unit) {
	u.clang, u.cxxUnits, u.err = false, 0, nil
	fault.PanicOnFault()
	defer func() {
		// A panic on a damaged file must not end the process, which may be encoding other modules.
		if p := recover(); p != nil {
			u.err = fault.FromPanic(p)
		}
	}()
	base, end := units[0].Off, units[len(units)-1].End
	u.types.reset(base, end-base)
	u.funcs.reset()
	u.vars.reset()
	if end-base >= 1<<32-1 {
		u.err = fmt.Errorf(".debug_info: more than 4 GiB in one unit")
		return
	}
	for i := range units {
		if u.err = u.walk(&units[i], i == 0, len(units) > 1); u.err != nil {
			return
		}
	}
	if u.types.crossUnit && len(units) == 1 {
		u.err = errCrossUnit
		return
	}
	if u.err = u.types.finish(); u.err != nil {
		return
	}
	if place, ok := u.types.unit.HashNames(); !ok {
		u.err = u.d.NoString(dwarf.StrRef(place))
		return
	}
	u.funcs.finish(&u.types, u.clang)
	if err := u.types.unit.Hash(); err != nil {
		u.err = fmt.Errorf(".debug_info: unit at offset %#x: %w", base, err)
	}
}

// merge adds the unit that was read to the module.
func (u *unitReader) merge(m *btf.Module) error {
	if u.err != nil {
		return u.err
	}
	refs, unit, err := m.AddUnit(&u.types.unit)
	if err != nil {
		return err
	}
	u.funcs.merge(m, &u.types, refs, unit)
	return u.vars.merge(m, &u.types, refs, unit)
}

// walk visits the DIEs of a unit. first is set for the first of units that are merged. Partial
// units (dwz) and type units are only read when merged with the units that use them.
func (u *unitReader) walk(unit *dwarf.Unit, first, merged bool) error {
	r := &u.r
	r.Reset(u.d, unit)
	for r.Next() {
		switch r.Tag {
		case dwarf.TagCompileUnit, dwarf.TagSkeletonUnit, dwarf.TagPartialUnit, dwarf.TagTypeUnit:
			if r.Has(dwarf.AttrDwoName) || r.Tag == dwarf.TagSkeletonUnit {
				return dieError(r,
					"split DWARF, whose types are in .dwo files: build with "+
						"CONFIG_DEBUG_INFO_SPLIT=n")
			}
			if skip, err := u.isExcluded(r, first); skip || err != nil {
				return err
			}
			if r.Tag == dwarf.TagPartialUnit && !merged {
				return nil
			}
			continue
		}
		u.types.closeTo(r.Depth)
		u.funcs.closeTo(r.Depth)
		u.vars.closeTo(r.Depth)
		visited, err := u.types.visit(r)
		if err == nil && !visited {
			if err = u.funcs.visit(r, &u.types); err == nil {
				err = u.vars.visit(r, &u.types)
			}
		}
		if err != nil {
			return err
		}
	}
	u.types.closeTo(0)
	return r.Err()
}

// isExcluded reports whether a unit is left out because of its language. The unit's own DIE is at
// the reader.
func (u *unitReader) isExcluded(r *dwarf.Reader, first bool) (bool, error) {
	producer, err := r.StringAttr(dwarf.AttrProducer)
	if err != nil {
		return false, err
	}
	if first {
		u.clang = bytes.Contains(producer, []byte("clang"))
	}
	number, _ := r.Uint(dwarf.AttrLanguage)
	language := Language(number)
	u.types.rust, u.types.assembler = language == Rust, language == assembler
	if slices.Contains(u.exclude, language) {
		return true, nil
	}
	if slices.Contains(cPlusPlus, language) {
		u.cxxUnits++
		return true, nil
	}
	return false, nil
}
