// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"debug/elf"
	"fmt"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/kbtf/kbtf/internal/btfdiff"
)

// causes are the deviations of docs/deviations.md that a comparison can show. Each removes the
// differences that it explains. It computes them from the module and the two outputs: it has no
// list of kernels, modules or types.
//
// A new one needs a section in that page, and a test of differences that it explains and others.
var causes = []struct {
	name    string
	explain func(*differences) error
}{
	{"D1", shadowedVariables},
	{"D2", lastFunction},
	{"D3", conflictingTags},
	{"D4", repeatedTypes},
	{"D9", inlinedCopies},
	{"D10", ownFunctions},
}

// differences are those of one module that are not explained yet.
type differences struct {
	file   string          // ELF file that was encoded
	oracle *semver.Version // version of pahole
	// As in outcome.
	compared, plain compared
	distilled       []btfdiff.Distilled

	onlyOracle, onlyEncoder []btfdiff.Class
}

// A deviation explains a number of differences.
type deviation struct {
	name  string
	count int
}

func join(list []deviation) string {
	var parts []string
	for _, d := range list {
		parts = append(parts, fmt.Sprintf("%s ×%d", d.name, d.count))
	}
	return strings.Join(parts, ", ")
}

// explain returns the deviations that explain the differences of a module, and none unless they
// explain all. Otherwise it leaves those differences in the result that nothing explains.
func (c *comparison) explain(out *outcome) ([]deviation, error) {
	d := &differences{
		file:        c.file(out.path),
		oracle:      c.oracleVersion,
		compared:    out.compared,
		plain:       out.plain,
		distilled:   out.distilled,
		onlyOracle:  out.result.OnlyA,
		onlyEncoder: out.result.OnlyB,
	}
	list, err := d.explain()
	if d.left() > 0 {
		out.result.OnlyA, out.result.OnlyB = d.onlyOracle, d.onlyEncoder
		return nil, err
	}
	return list, err
}

func (d *differences) explain() ([]deviation, error) {
	var list []deviation
	for _, c := range causes {
		before := d.left()
		if before == 0 {
			break
		}
		if err := c.explain(d); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		if n := before - d.left(); n > 0 {
			list = append(list, deviation{c.name, n})
		}
	}
	return list, nil
}

func (d *differences) left() int { return len(d.onlyOracle) + len(d.onlyEncoder) }

// without returns the classes that are not explained. It does not modify classes.
func without(classes []btfdiff.Class, explained func(btfdiff.Class) bool) []btfdiff.Class {
	return slices.DeleteFunc(slices.Clone(classes), explained)
}

// withPrototypes returns the ids of functions in one output, and of the FUNC_PROTOs that only these
// refer to.
func (d *differences) withPrototypes(raw []byte, functions []uint32) (map[uint32]bool, error) {
	ids := make(map[uint32]bool)
	found := make(map[uint32]int) // by FUNC_PROTO: the number of these functions that refer to it
	for _, function := range functions {
		ids[function] = true
		prototype, referrers, err := d.compared.base.PrototypeOf(raw, function)
		if err != nil {
			return nil, err
		}
		found[prototype]++
		ids[prototype] = found[prototype] == referrers
	}
	return ids, nil
}

// symbols returns the symbols of the ELF file.
func (d *differences) symbols() ([]elf.Symbol, error) {
	file, err := elf.Open(d.file)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return file.Symbols()
}

// removeApart removes the classes that are equal if references to the tags compare by name only,
// and of the others those that are explained.
func (d *differences) removeApart(tags btfdiff.Tags, explained func(btfdiff.Class) bool) error {
	base, err := d.compared.base.Apart(tags)
	if err != nil {
		return err
	}
	result, err := base.Compare(d.compared.oracle, d.compared.encoder)
	if err != nil {
		return err
	}
	without := func(classes, left []btfdiff.Class) []btfdiff.Class {
		ids := make(map[uint32]bool)
		for _, class := range left {
			ids[class.ID] = !explained(class)
		}
		return without(classes, func(class btfdiff.Class) bool { return !ids[class.ID] })
	}
	d.onlyOracle = without(d.onlyOracle, result.OnlyA)
	d.onlyEncoder = without(d.onlyEncoder, result.OnlyB)
	return nil
}
