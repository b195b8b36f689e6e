// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"github.com/kbtf/kbtf/internal/btfdiff"
	"github.com/kbtf/kbtf/internal/btfraw"
)

// conflictingTags is D3: if units define a tag differently, a declaration can refer to any of the
// definitions. It explains types that differ only in the definition of such a tag, and declarations
// of it. It does not explain a definition that one side lacks, or any other difference.
func conflictingTags(d *differences) error {
	tags, err := d.conflicting()
	if err != nil || len(tags) == 0 {
		return err
	}
	return d.removeApart(tags, func(class btfdiff.Class) bool { return class.Kind == btfraw.Fwd && tags.Has(class) })
}

// conflicting returns the tags with several definitions on both sides, without a distilled base.
func (d *differences) conflicting() (btfdiff.Tags, error) {
	return d.plain.base.Conflicting(d.plain.oracle, d.plain.encoder)
}
