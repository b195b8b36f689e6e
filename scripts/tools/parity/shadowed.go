// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"debug/elf"

	"github.com/kbtf/kbtf/internal/btfdiff"
	"github.com/kbtf/kbtf/internal/btfraw"
)

// shadowedVariables is D1: pahole looks up a variable's section by its address, and sections that
// are not loaded have address 0. It explains VARs that only the encoder has if another section
// shadows them, and DATASECs that differ only by such variables.
func shadowedVariables(d *differences) error {
	file, err := elf.Open(d.file)
	if err != nil {
		return err
	}
	defer file.Close()
	if file.Type != elf.ET_REL {
		return nil
	}
	theirs, err := d.compared.base.Variables(d.compared.oracle)
	if err != nil {
		return err
	}
	ours, err := d.compared.base.Variables(d.compared.encoder)
	if err != nil {
		return err
	}
	shadows, err := shadows(file)
	if err != nil {
		return err
	}
	onOneSide := make(map[btfdiff.Variable]int) // 1: ours, -1: theirs
	for _, v := range ours {
		onOneSide[v]++
	}
	for _, v := range theirs {
		onOneSide[v]--
	}
	moved := make(map[btfdiff.Variable]bool) // shadowed variables as pahole places them
	hidden := make(map[string]bool)          // by name: all variables of that name are shadowed
	for _, v := range ours {
		s, ok := shadows[placeOf(v)]
		and(hidden, v.Name, ok)
		if ok {
			moved[btfdiff.Variable{Section: s.section, Name: v.Name, Offset: s.offset, Size: v.Size}] = true
		}
	}
	explained := make(map[string]bool) // by name of the DATASEC
	for v, side := range onOneSide {
		if _, ok := shadows[placeOf(v)]; side != 0 {
			and(explained, v.Section, side > 0 && ok || side < 0 && moved[v])
		}
	}
	datasec := func(class btfdiff.Class) bool {
		return class.Kind == btfraw.Datasec && explained[class.Name]
	}
	d.onlyOracle = without(d.onlyOracle, datasec)
	d.onlyEncoder = without(d.onlyEncoder, func(class btfdiff.Class) bool {
		return datasec(class) || class.Kind == btfraw.Var && hidden[class.Name]
	})
	return nil
}

// and sets all[key] to whether all values of that key are true.
func and(all map[string]bool, key string, value bool) {
	if before, ok := all[key]; ok {
		value = value && before
	}
	all[key] = value
}

// A place is a variable in the symbol table.
type place struct {
	section, name string
	offset        uint32
}

func placeOf(v btfdiff.Variable) place { return place{v.Section, v.Name, v.Offset} }

// A shadow is the place of a variable according to pahole.
type shadow struct {
	section string
	offset  uint32
}

// shadows returns the variables of a relocatable file whose address is in a section before their
// own. Loaded sections are placed from 0x10000 on, the others at 0. pahole uses the first section
// with contents that has the address.
func shadows(file *elf.File) (map[place]shadow, error) {
	addresses := make([]uint64, len(file.Sections))
	next := uint64(0x10000)
	for i, s := range file.Sections {
		if s.Flags&elf.SHF_ALLOC != 0 {
			align := max(s.Addralign, 1)
			addresses[i] = (next + align - 1) / align * align
			next = addresses[i] + s.Size
		}
	}
	symbols, err := file.Symbols()
	if err != nil {
		return nil, err
	}
	found := make(map[place]shadow)
	for _, symbol := range symbols {
		own := int(symbol.Section)
		if elf.ST_TYPE(symbol.Info) != elf.STT_OBJECT || own >= len(file.Sections) {
			continue
		}
		address := addresses[own] + symbol.Value
		for i, s := range file.Sections[:own] {
			contents := s.Type == elf.SHT_PROGBITS || s.Type == elf.SHT_NOBITS
			if contents && address >= addresses[i] && address-addresses[i] < s.Size {
				at := place{file.Sections[own].Name, symbol.Name, uint32(symbol.Value)}
				found[at] = shadow{s.Name, uint32(address - addresses[i])}
				break
			}
		}
	}
	return found, nil
}
