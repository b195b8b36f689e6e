// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
)

// Kernels since 7.0 look up types by name with a binary search: types without a name come first,
// then those with one, in the order of their bytes. Types of the same name keep their order. The base
// and the split are sorted apart. Other kernels accept any order.

// SortByName sorts the types of BTF by name. base has the strings that precede its own, and firstID is
// the id of its first type: an empty blob and 1 for BTF that is not split.
func SortByName(raw []byte, base *Blob, firstID uint32) ([]byte, error) {
	b, err := ParseBlob(raw)
	if err != nil {
		return nil, err
	}
	types, err := b.records()
	if err != nil {
		return nil, err
	}
	type named struct {
		name []byte
		old  int // index
	}
	order := make([]named, len(types))
	for i, t := range types {
		order[i] = named{nameAt([]*Blob{base, b}, len(base.Strings), int(le32(t))), i}
	}
	slices.SortFunc(order, func(x, y named) int {
		return cmp.Or(bytes.Compare(x.name, y.name), cmp.Compare(x.old, y.old))
	})
	ids := make([]uint32, len(types)) // by old index
	for i, t := range order {
		ids[t.old] = firstID + uint32(i)
	}
	sorted := make([]byte, 0, len(b.Types))
	for _, t := range order {
		at := len(sorted)
		sorted = append(sorted, types[t.old]...)
		rawType(sorted[at:]).mapRefs(func(id uint32) uint32 {
			switch {
			case id < firstID:
				return id
			case id-firstID < uint32(len(ids)):
				return ids[id-firstID]
			}
			err = fmt.Errorf("BTF type %d: reference to type %d, which does not exist", firstID+uint32(t.old), id)
			return 0
		})
	}
	if err != nil {
		return nil, err
	}
	b.Types = sorted
	return b.Marshal()
}

// isSorted reports whether the types are sorted by name.
func (b *Base) isSorted() bool {
	var last []byte
	for _, off := range b.off[1:] {
		name, err := b.str(le32(b.Types[off:]))
		if err != nil || bytes.Compare(last, name) > 0 {
			return false
		}
		last = name
	}
	return len(last) > 0
}
