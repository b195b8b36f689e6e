// SPDX-License-Identifier: GPL-2.0-only

package main

// repeatedTypes is D4 with a distilled base: what pahole repeats of vmlinux has no base there that
// would have it, and stays, with what it leads to. It explains all that is left, if pahole repeats
// types and btf-ko none, and if nothing differs once a kernel has relocated both to vmlinux.
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
	tags, err := d.disputed()
	if err != nil {
		return err
	}
	if len(tags) > 0 { // D3 is not to be seen here
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
