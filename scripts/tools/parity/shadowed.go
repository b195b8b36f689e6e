// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"debug/elf"

	"github.com/kbtf/kbtf/internal/btfdiff"
	"github.com/kbtf/kbtf/internal/btfraw"
)

// shadowedVariables is D1: pahole finds a variable's section by its address, and sections that are
// not loaded lie at address 0. It explains VARs that only the encoder has if the symbol table has
// them where another section shadows them, and DATASECs that differ by such variables only.
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
	moved := make(map[btfdiff.Variable]bool) // where pahole takes the shadowed ones to be
	hidden := make(map[string]bool)          // by name: all variables of it are shadowed
	for _, v := range ours {
		s, ok := shadows[placeOf(v)]
		and(hidden, v.Name, ok)
		if ok {
			moved[btfdiff.Variable{Section: s.section, Name: v.Name, Offset: s.offset, Size: v.Size}] = true
		}
	}
	explained := make(map[string]bool) // by DATASEC
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

// and keeps in a map whether all values of a key are true.
func and(all map[string]bool, key string, value bool) {
	if before, ok := all[key]; ok {
		value = value && before
	}
	all[key] = value
}

// A place is where the symbol table has a variable.
type place struct {
	section, name string
	offset        uint32
}

func placeOf(v btfdiff.Variable) place { return place{v.Section, v.Name, v.Offset} }

// A shadow is where pahole takes a variable to be.
type shadow struct {
	section string
	offset  uint32
}

// shadows returns the variables of a relocatable file whose address lies in a section that comes
// before their own. Loaded sections are laid out from 0x10000 on, the others lie at 0; of the
// sections with contents that contain an address the first one counts.
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
