// SPDX-License-Identifier: GPL-2.0-only

package encode

import (
	"fmt"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/dwarf"
)

// DW_LANG_* (DWARF 5, table 7.17, and later registrations) of units that are left out.
var otherLanguages = map[uint64]string{
	0x04: "C++", 0x1a: "C++", 0x21: "C++", 0x2b: "C++", 0x3a: "C++",
	0x1c: "Rust",
}

// unitReader reads units and keeps what one says until it is merged.
type unitReader struct {
	d     *dwarf.Data
	r     dwarf.Reader
	types unitTypes
	funcs unitFunctions
	vars  unitVariables
	notes []string
	err   error
}

func newUnitReader(d *dwarf.Data, table *functionTable, dialect btf.Dialect) *unitReader {
	img := d.Image
	return &unitReader{
		d:     d,
		types: unitTypes{d: d, dialect: dialect, addrSize: uint64(img.AddrSize()), bigEndian: img.BigEndian()},
		funcs: unitFunctions{table: table, regs: parameterRegisters(img.Machine)},
		vars:  unitVariables{img: img, section: img.Section(perCPU)},
	}
}

// read reads units that are to be seen as one.
func (u *unitReader) read(units []dwarf.Unit) {
	u.notes, u.err = nil, nil
	defer func() {
		// A file that breaks a rule nobody checks must not take down the thread, and with it the other modules.
		if p := recover(); p != nil {
			u.err = internalError(p)
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
		if u.err = u.walk(&units[i]); u.err != nil {
			return
		}
	}
	if u.types.linked && len(units) == 1 {
		u.err = errLinked
		return
	}
	if u.err = u.types.finish(); u.err != nil {
		return
	}
	u.funcs.finish(&u.types)
	if err := u.types.unit.Hash(); err != nil {
		u.err = fmt.Errorf(".debug_info: unit at offset %#x: %w", base, err)
	}
}

// merge adds what was read to the module.
func (u *unitReader) merge(m *btf.Module, note func(string)) error {
	if u.err != nil {
		return u.err
	}
	for _, n := range u.notes {
		if note != nil {
			note(n)
		}
	}
	refs, unit, err := m.AddUnit(&u.types.unit)
	if err != nil {
		return err
	}
	u.funcs.merge(m, &u.types, refs, unit)
	return u.vars.merge(m, &u.types, refs, unit)
}

// walk goes over the DIEs of a unit.
func (u *unitReader) walk(unit *dwarf.Unit) error {
	r := &u.r
	r.Reset(u.d, unit)
	for r.Next() {
		switch r.Tag {
		case dwarf.TagCompileUnit, dwarf.TagSkeletonUnit:
			if r.Has(dwarf.AttrDwoName) || r.Tag == dwarf.TagSkeletonUnit {
				return dieError(r, "split DWARF, whose types are in .dwo files: build with CONFIG_DEBUG_INFO_SPLIT=n")
			}
			lang, _ := r.Uint(dwarf.AttrLanguage)
			if name, ok := otherLanguages[lang]; ok {
				u.notes = append(u.notes, fmt.Sprintf("unit at offset %#x of .debug_info is %s: left out", unit.Off, name))
				return nil
			}
			continue
		case dwarf.TagPartialUnit:
			return nil
		}
		u.types.closeTo(r.Depth)
		u.funcs.closeTo(r.Depth)
		taken, err := u.types.visit(r)
		if err == nil && !taken {
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
