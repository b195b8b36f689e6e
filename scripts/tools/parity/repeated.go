// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import "github.com/kbtf/kbtf/internal/btfdiff"

// repeatedTypes is D4 with a distilled base: types of vmlinux that pahole duplicates remain in the
// module, with the types that they refer to. It explains all differences if pahole duplicates types
// and btf-ko does not, and if both are equal after a kernel has relocated them to vmlinux.
func repeatedTypes(d *differences) error {
	return d.removeIfRelocatedEqual(func(oracle, encoder *btfdiff.Side) bool {
		repeats := oracle.Redundant > 0 || oracle.Completing > encoder.Completing
		return repeats && encoder.Redundant == 0
	})
}

// ownFunctions is D10 with a distilled base: functions of the module that vmlinux has too, with the
// types that they refer to. It explains all differences if btf-ko has more of them than pahole, and
// if both are equal after a kernel has relocated them to vmlinux.
func ownFunctions(d *differences) error {
	return d.removeIfRelocatedEqual(func(oracle, encoder *btfdiff.Side) bool {
		return encoder.Functions > oracle.Functions && encoder.Redundant == 0
	})
}

// removeIfRelocatedEqual removes all differences between outputs with a distilled base if the cause
// is in the outputs without one, and both are equal after a kernel has relocated them to vmlinux.
func (d *differences) removeIfRelocatedEqual(cause func(oracle, encoder *btfdiff.Side) bool) error {
	if d.distilled == nil {
		return nil
	}
	plain, err := d.plain.base.Compare(d.plain.oracle, d.plain.encoder)
	if err != nil || !cause(&plain.A, &plain.B) {
		return err
	}
	base := d.plain.base
	tags, err := d.conflicting()
	if err != nil {
		return err
	}
	if len(tags) > 0 { // differences of D3 do not count here
		if base, err = base.Apart(tags); err != nil {
			return err
		}
	}
	relocated, err := base.CompareRelocated(d.distilled[0], d.distilled[1])
	if err == nil && relocated.Equal() {
		d.onlyOracle, d.onlyEncoder = nil, nil
	}
	return err
}
