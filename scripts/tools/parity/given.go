// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/kbtf/kbtf/internal/btfdiff"
	"github.com/kbtf/kbtf/internal/btfraw"
	"github.com/kbtf/kbtf/scripts/tools/modules"
)

// given are outputs that exist already, as a kernel's build has made them.
type given struct {
	file            string // the ELF file that both are the BTF of
	encoder, oracle string // files with BTF
	version         string // of the oracle
	oldFlags        bool   // the flags are those of 5.10
}

// run returns an error unless the outputs are equal, or deviations explain the differences.
func (g *given) run(o options) error {
	version, err := semver.NewVersion(g.version)
	if err != nil {
		return fmt.Errorf("--oracle-version %q: %w", g.version, err)
	}
	base := btfdiff.NoBase()
	if o.base != "" {
		raw, err := modules.ReadBTF(o.base)
		if err != nil {
			return err
		}
		if base, err = btfdiff.NewBase(raw); err != nil {
			return fmt.Errorf("%s: %w", o.base, err)
		}
	}
	both := compared{base: base}
	if both.encoder, err = modules.ReadBTF(g.encoder); err != nil {
		return err
	}
	if both.oracle, err = modules.ReadBTF(g.oracle); err != nil {
		return err
	}
	result, err := base.Compare(both.oracle, both.encoder)
	if err != nil || result.Equal() {
		return err
	}
	d := &differences{file: g.file, oracle: version, compared: both, plain: both,
		onlyOracle: result.OnlyA, onlyEncoder: result.OnlyB}
	list, err := d.explain()
	if err != nil {
		return fmt.Errorf("%s: %w", g.file, err)
	}
	if g.oldFlags {
		before := d.left()
		if err := splitOffParts(d); err != nil {
			return fmt.Errorf("%s: D8: %w", g.file, err)
		}
		if n := before - d.left(); n > 0 {
			list = append(list, deviation{"D8", n})
		}
	}
	if d.left() > 0 {
		for _, class := range d.onlyOracle {
			fmt.Println("  - " + class.Description)
		}
		for _, class := range d.onlyEncoder {
			fmt.Println("  + " + class.Description)
		}
		return fmt.Errorf("%s: no deviation explains %d differences", g.file, d.left())
	}
	fmt.Printf("%s: explained: %s\n", g.file, join(list))
	return nil
}

// splitOffParts is D8: with the flags of 5.10, pahole leaves out functions that the compiler has
// split a part off. It explains a FUNC of which the file also has a symbol with a suffix, and its
// FUNC_PROTO, if no other type refers to it.
func splitOffParts(d *differences) error {
	symbols, err := d.symbols()
	if err != nil {
		return err
	}
	split := make(map[string]bool)
	for _, symbol := range symbols {
		if name, _, ok := strings.Cut(symbol.Name, "."); ok {
			split[name] = true
		}
	}
	var functions []uint32
	for _, class := range d.onlyEncoder {
		if class.Kind == btfraw.Func && split[class.Name] {
			functions = append(functions, class.ID)
		}
	}
	explained, err := d.withPrototypes(d.compared.encoder, functions)
	if err != nil {
		return err
	}
	d.onlyEncoder = without(d.onlyEncoder, func(class btfdiff.Class) bool { return explained[class.ID] })
	return nil
}
