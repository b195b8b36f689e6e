// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfverify

import (
	"fmt"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// chain checks the modifiers that follow a modifier; TYPEDEFs count. Kernels stop counting at a
// type that they checked before, one with a lower id; no encoder comes near the limit.
func (v *verifier) chain(r btfraw.Record) error {
	if !modifiers.has(r.Kind()) {
		return nil
	}
	other := btfraw.Void // the first that is no TYPE_TAG
	for n := 1; ; n++ {
		switch k := r.Kind(); {
		case !modifiers.has(k):
			return nil
		case n > maxChain:
			return fmt.Errorf("more than %d modifiers in a row, or a ring of them", maxChain)
		case k != btfraw.TypeTag:
			other = k
		case other != btfraw.Void && v.kernel.TagsFirst:
			return fmt.Errorf("%v before TYPE_TAG %s: %s requires tags first", other, nameOf(r), v.kernel.Version)
		}
		next := r.Type()
		if next == 0 || next >= v.End() {
			return nil
		}
		r = v.Record(next)
	}
}

// strip follows modifiers to the type that they modify. What cannot be followed counts as void.
func (b *BTF) strip(id uint32) uint32 {
	for range maxChain + 1 {
		if id == 0 || id >= b.End() {
			return 0
		}
		r := b.Record(id)
		if !modifiers.has(r.Kind()) {
			return id
		}
		id = r.Type()
	}
	return 0
}
