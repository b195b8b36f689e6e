// SPDX-License-Identifier: GPL-2.0-only

package btfverify

import "fmt"

// chain checks the modifiers that follow a modifier; TYPEDEFs count. Kernels stop counting at a type that they checked before,
// one with a lower id; no encoder comes near the limit.
func (v *verifier) chain(r record) error {
	if !modifiers.has(r.kind()) {
		return nil
	}
	other := Void // the first that is no TYPE_TAG
	for n := 1; ; n++ {
		switch k := r.kind(); {
		case !modifiers.has(k):
			return nil
		case n > maxChain:
			return fmt.Errorf("more than %d modifiers in a row, or a ring of them", maxChain)
		case k != TypeTag:
			other = k
		case other != Void && v.kernel.TagsFirst:
			return fmt.Errorf("%v before TYPE_TAG %s: %s wants tags first", other, r.name(), v.kernel.Version)
		}
		next := r.third()
		if next == 0 || next >= v.end() {
			return nil
		}
		r = v.record(next)
	}
}

// strip follows modifiers to the type that they modify. What cannot be followed counts as void.
func (b *BTF) strip(id uint32) uint32 {
	for range maxChain + 1 {
		if id == 0 || id >= b.end() {
			return 0
		}
		r := b.record(id)
		if !modifiers.has(r.kind()) {
			return id
		}
		id = r.third()
	}
	return 0
}
