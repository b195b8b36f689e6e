// SPDX-License-Identifier: GPL-2.0-only

// Package encode turns the DWARF of a module, or of vmlinux, into BTF.
//
// A unit is read once (types.go, functions.go and variables.go each take their DIEs), its types are added to the module, and
// when all units are in, functions are added and the module is written without what the base has.
package encode

import (
	"fmt"
	"slices"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/dwarf"
	"github.com/kbtf/kbtf/internal/elfimage"
)

// Options say what to encode, and how.
type Options struct {
	Dialect btf.Dialect
}

// DW_LANG_* (DWARF 5, table 7.17, and later registrations) of units that are left out.
var otherLanguages = map[uint64]string{
	0x04: "C++", 0x1a: "C++", 0x21: "C++", 0x2b: "C++", 0x3a: "C++",
	0x1c: "Rust",
}

// File encodes an ELF file against a base: the contents of a .BTF section. The error of a file without DWARF is dwarf.ErrNoDWARF.
// note is told, in a sentence, what was left out.
func File(img *elfimage.Image, base *btf.Base, opt Options, note func(string)) ([]byte, error) {
	d, err := dwarf.Load(img, wanted)
	if err != nil {
		return nil, err
	}
	units, err := d.Units()
	if err != nil {
		return nil, err
	}
	m := btf.NewModule(base)
	table, err := readFunctionTable(img, m.Names)
	if err != nil {
		return nil, err
	}
	e := &encoder{
		d: d, m: m, opt: opt, note: note,
		types: unitTypes{dialect: opt.Dialect, addrSize: uint64(img.AddrSize()), bigEndian: img.BigEndian(),
			intName: m.Names.Intern([]byte("int")), fakeName: m.Names.Intern([]byte("__SANITIZED_FAKE_INT__"))},
		funcs: unitFunctions{table: table, regs: parameterRegisters(img.Machine)},
		vars:  unitVariables{img: img, section: img.Section(perCPU)},
	}
	together := 1
	if d.LinksUnits() {
		together = len(units)
	}
	for group := range slices.Chunk(units, together) {
		if err := e.units(group); err != nil {
			return nil, fmt.Errorf("%s: %w", img.Path, err)
		}
	}
	table.emit(m)
	blob, err := m.Marshal(img.Order)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", img.Path, err)
	}
	return blob, nil
}

type encoder struct {
	d    *dwarf.Data
	m    *btf.Module
	opt  Options
	note func(string)

	r     dwarf.Reader
	types unitTypes
	funcs unitFunctions
	vars  unitVariables
	names nameCache
}

// units encodes units that are to be seen as one.
func (e *encoder) units(units []dwarf.Unit) error {
	base, end := units[0].Off, units[len(units)-1].End
	if end-base >= 1<<32-1 {
		return fmt.Errorf(".debug_info: more than 4 GiB in one unit")
	}
	e.types.reset(base)
	e.funcs.reset()
	e.vars.reset()
	for i := range units {
		if err := e.read(&units[i]); err != nil {
			return err
		}
	}
	if len(e.types.unit.Types) == 0 && len(e.funcs.list) == 0 {
		return nil
	}
	if err := e.types.finish(end - base); err != nil {
		return err
	}
	refs, unit, err := e.m.AddUnit(&e.types.unit)
	if err != nil {
		return fmt.Errorf(".debug_info: unit at offset %#x: %w", base, err)
	}
	e.funcs.finish(&e.types, refs, unit)
	return e.vars.finish(e.m, &e.types, refs, unit)
}

// read walks the DIEs of a unit.
func (e *encoder) read(u *dwarf.Unit) error {
	r := &e.r
	r.Reset(e.d, u)
	for r.Next() {
		switch r.Tag {
		case dwarf.TagCompileUnit:
			lang, _ := r.Uint(dwarf.AttrLanguage)
			if name, ok := otherLanguages[lang]; ok {
				e.note(fmt.Sprintf("unit at offset %#x of .debug_info is %s: left out", u.Off, name))
				return nil
			}
			continue
		case dwarf.TagPartialUnit:
			return nil
		}
		e.types.closeTo(r.Depth)
		e.funcs.closeTo(r.Depth)
		taken, err := e.types.visit(r, e.name)
		if err == nil && !taken {
			if err = e.funcs.visit(r, &e.types, e.name); err == nil {
				err = e.vars.visit(r, &e.types, e.name)
			}
		}
		if err != nil {
			return err
		}
	}
	e.types.closeTo(0)
	return r.Err()
}

// name interns a string attribute of the DIE at the reader.
func (e *encoder) name(a dwarf.Attr) (btf.Name, error) {
	if !e.r.Has(a) || e.r.Class[a] != dwarf.ClassString {
		return 0, nil
	}
	ref := dwarf.StrRef(e.r.Val[a])
	slot := e.names.slot(ref)
	if slot.place == ref+1 {
		return slot.name, nil
	}
	n, ok := e.m.Names.InternAt(e.d.Strings(ref))
	if !ok {
		return 0, e.d.NoString(ref)
	}
	*slot = cachedName{ref + 1, n}
	return n, nil
}

// nameCache remembers which name stands at which place, as one unit uses the same string many times. It is direct mapped: small
// enough for the processor's second cache, whatever the size of .debug_str.
type nameCache [1 << 13]cachedName

type cachedName struct {
	place dwarf.StrRef // plus 1, so that an empty slot is none
	name  btf.Name
}

func (c *nameCache) slot(ref dwarf.StrRef) *cachedName {
	return &c[(uint64(ref)*0x9e3779b97f4a7c15)>>(64-13)]
}
