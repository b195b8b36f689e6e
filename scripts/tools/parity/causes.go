// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/kbtf/kbtf/internal/btfdiff"
)

// causes are the deviations of docs/deviations.md that can show in a comparison. Each removes from
// the differences what it explains, and decides that by what it computes from the module and from
// the two outputs, not by names of kernels, modules or types.
//
// A new one needs a section on that page and a test of what it explains and what not.
var causes = []struct {
	name    string
	explain func(*differences) error
}{
	{"D1", shadowedVariables},
	{"D2", lastFunction},
	{"D3", disputedTags},
	{"D4", repeatedTypes},
}

// differences are what is left to explain of one module.
type differences struct {
	file    string // ELF file that was encoded
	release release
	// As in outcome.
	compared, plain compared
	distilled       []btfdiff.Distilled

	onlyOracle, onlyEncoder []btfdiff.Class
}

// A deviation is one that explains differences, and how many.
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

// explain returns the deviations that explain all that differs in a module, none if something is
// left.
func (c *comparison) explain(out *outcome) ([]deviation, error) {
	d := &differences{
		file:        c.file(out.path),
		release:     c.release,
		compared:    out.compared,
		plain:       out.plain,
		distilled:   out.distilled,
		onlyOracle:  out.result.OnlyA,
		onlyEncoder: out.result.OnlyB,
	}
	list, err := d.explain()
	if d.left() > 0 {
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

// without returns the classes that are not explained; the slice it gets stays as it is.
func without(classes []btfdiff.Class, explained func(btfdiff.Class) bool) []btfdiff.Class {
	return slices.DeleteFunc(slices.Clone(classes), explained)
}

// removeApart removes what does not differ any more if references to the tags count by name only,
// and of what still does, what is explained.
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

// A release is the version of pahole.
type release struct{ major, minor int }

// parseRelease reads what pahole --version prints.
func parseRelease(version []byte) (r release, err error) {
	version = bytes.TrimSpace(version)
	if _, err := fmt.Sscanf(string(version), "v%d.%d", &r.major, &r.minor); err != nil {
		return r, fmt.Errorf("%q is no version of pahole", version)
	}
	return r, nil
}

func (r release) before(major, minor int) bool {
	return r.major < major || r.major == major && r.minor < minor
}
