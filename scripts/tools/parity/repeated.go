// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

// repeatedTypes is D4 with a distilled base: types of vmlinux that pahole duplicates remain in the
// module, with the types that they refer to. It explains all differences if pahole duplicates types
// and btf-ko does not, and if both are equal after a kernel has relocated them to vmlinux.
func repeatedTypes(d *differences) error {
	if d.distilled == nil {
		return nil
	}
	plain, err := d.plain.base.Compare(d.plain.oracle, d.plain.encoder)
	if err != nil {
		return err
	}
	repeats := plain.A.Redundant > 0 || plain.A.Completing > plain.B.Completing
	if !repeats || plain.B.Redundant > 0 {
		return nil
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
