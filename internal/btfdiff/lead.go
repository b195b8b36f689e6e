// SPDX-License-Identifier: GPL-2.0-only

package btfdiff

import "fmt"

// LeadingTo gives the ids of those types of a split from which a reader who follows references comes to a struct, union or
// enum of this name, defined or declared, in the split or in the base.
func (b *Base) LeadingTo(raw []byte, kind Kind, name string) (map[uint32]bool, error) {
	split, err := parseBlob(raw, b.blob)
	if err != nil {
		return nil, fmt.Errorf("split: %w", err)
	}
	referrers := make(map[uint32][]uint32)
	leads := make(map[uint32]bool)
	var queue []uint32
	for id := uint32(1); id < split.end(); id++ {
		r := split.record(id)
		for ref := range r.refs {
			referrers[ref] = append(referrers[ref], id)
		}
		if t, ok := r.tag(); ok && t == (tag{kind, name}) {
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

// Join makes one BTF that stands alone of a split and its base. Nothing has to be renumbered: the split's ids and names go on where
// the base's end.
func Join(base, split []byte) ([]byte, error) {
	b, err := parseBlob(base, nil)
	if err != nil {
		return nil, fmt.Errorf("base: %w", err)
	}
	s, err := parseBlob(split, b)
	if err != nil {
		return nil, fmt.Errorf("split: %w", err)
	}
	if b.order != s.order {
		return nil, fmt.Errorf("base and split are not in the same byte order")
	}
	joined := make([]byte, headerSize)
	types, strings := len(b.types)+len(s.types), len(b.strings)+len(s.strings)
	s.order.PutUint16(joined, magic)
	joined[2] = 1
	s.order.PutUint32(joined[4:], headerSize)
	s.order.PutUint32(joined[12:], uint32(types))
	s.order.PutUint32(joined[16:], uint32(types))
	s.order.PutUint32(joined[20:], uint32(strings))
	for _, part := range [][]byte{b.types, s.types, b.strings, s.strings} {
		joined = append(joined, part...)
	}
	return joined, nil
}
