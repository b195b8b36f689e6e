// SPDX-License-Identifier: GPL-2.0-only

package btfdiff

import "fmt"

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
