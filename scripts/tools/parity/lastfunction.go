// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"debug/elf"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/kbtf/kbtf/internal/btfdiff"
	"github.com/kbtf/kbtf/internal/btfraw"
)

// lastFunction is D2: since 1.31 pahole leaves out functions whose name has several addresses, but
// does not check the last name of its table. It explains that FUNC, and its FUNC_PROTO if no other
// type refers to it.
func lastFunction(d *differences) error {
	if d.oracle.LessThan(semver.New(1, 31, 0, "", "")) {
		return nil
	}
	symbols, err := d.symbols()
	if err != nil {
		return err
	}
	name, several := lastName(symbols)
	if !several {
		return nil
	}
	var functions []uint32
	for _, class := range d.onlyOracle {
		if class.Kind == btfraw.Func && class.Name == name {
			functions = append(functions, class.ID)
		}
	}
	explained, err := d.withPrototypes(d.compared.oracle, functions)
	if err != nil {
		return err
	}
	d.onlyOracle = without(d.onlyOracle, func(class btfdiff.Class) bool { return explained[class.ID] })
	return nil
}

// lastName returns the last name of a function in byte order, and whether its symbols have several
// addresses. As in pahole, a name ends at its first dot, parts that the compiler split off do not
// count, and an address of 0 counts only after another address.
func lastName(symbols []elf.Symbol) (last string, several bool) {
	var address uint64
	for _, symbol := range symbols {
		name, suffix, _ := strings.Cut(symbol.Name, ".")
		suffix = "." + suffix
		if elf.ST_TYPE(symbol.Info) != elf.STT_FUNC || name < last ||
			strings.Contains(suffix, ".cold") || strings.Contains(suffix, ".part") {
			continue
		}
		if name > last {
			last, several, address = name, false, 0
		}
		if address == 0 {
			address = symbol.Value
		} else if symbol.Value != address {
			several = true
		}
	}
	return last, several
}
