// SPDX-License-Identifier: GPL-2.0-only

package btfdiff

import (
	"fmt"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// LeadingTo returns the ids of the types of a split that refer, directly or through others, to a
// struct, union or enum of this name, defined or declared, in the split or in the base.
func (b *Base) LeadingTo(raw []byte, kind btfraw.Kind, name string) (map[uint32]bool, error) {
	split, err := btfraw.Read(raw, b.blob)
	if err != nil {
		return nil, fmt.Errorf("split: %w", err)
	}
	referrers := make(map[uint32][]uint32)
	leads := make(map[uint32]bool)
	var queue []uint32
	for id := uint32(1); id < split.End(); id++ {
		r := split.Record(id)
		for _, ref := range r.References {
			referrers[ref] = append(referrers[ref], id)
		}
		if t, ok := tagOf(r); ok && t == (tag{kind, name}) {
			leads[id] = true
			queue = append(queue, id)
		}
	}
	for len(queue) > 0 {
		id := queue[0]
		queue = queue[1:]
		for _, from := range referrers[id] {
			if !leads[from] {
				leads[from] = true
				queue = append(queue, from)
			}
		}
	}
	return leads, nil
}
