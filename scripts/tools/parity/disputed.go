// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"github.com/kbtf/kbtf/internal/btfdiff"
	"github.com/kbtf/kbtf/internal/btfraw"
)

// disputedTags is D3: units define a tag in several ways, and nothing says what a declaration
// means. It explains what differs only in what such a tag stands for, and its declaration. A
// definition that one side does not have, and what differs by itself, it does not.
func disputedTags(d *differences) error {
	tags, err := d.disputed()
	if err != nil || len(tags) == 0 {
		return err
	}
	return d.removeApart(tags, func(class btfdiff.Class) bool { return class.Kind == btfraw.Fwd && tags.Has(class) })
}

// disputed returns the tags that both sides define in several ways, a distilled base left aside.
func (d *differences) disputed() (btfdiff.Tags, error) {
	return d.plain.base.Disputed(d.plain.oracle, d.plain.encoder)
}
