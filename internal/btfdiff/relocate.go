// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfdiff

import (
	"fmt"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// A Distilled is a split with its distilled base: the contents of .BTF and .BTF.base.
type Distilled struct{ Base, Split []byte }

// CompareRelocated compares two splits as a kernel relocates them: references to a type of the
// distilled base become references to the type of that kind, name and size in b.
func (b *Base) CompareRelocated(x, y Distilled) (*Result, error) {
	names := b.names()
	var wholes [2]*whole
	for i, d := range []Distilled{x, y} {
		small, err := btfraw.Read(d.Base, nil)
		if err != nil {
			return nil, fmt.Errorf("distilled base: %w", err)
		}
		relocated, err := b.relocate(small)
		if err != nil {
			return nil, err
		}
		split, err := btfraw.Read(d.Split, small)
		if err != nil {
			return nil, fmt.Errorf("split: %w", err)
		}
		if wholes[i], err = over(split, b, relocated, names); err != nil {
			return nil, fmt.Errorf("split: %w", err)
		}
	}
	return result(compareWholes(wholes)), nil
}

// A stub is what a distilled base keeps of a type.
type stub struct {
	tag      tag
	size     uint32 // in bytes
	declared bool
}

func stubOf(r btfraw.Record) stub {
	t, tagged := tagOf(r)
	switch {
	case tagged && r.Kind() == btfraw.Fwd:
		return stub{tag: t, declared: true}
	case !tagged:
		t = tag{r.Kind(), r.Name()}
	}
	return stub{tag: t, size: r.Size()}
}

// relocate returns the id in b, by id of a distilled base; of several types that fit the first one.
func (b *Base) relocate(small *btfraw.BTF) ([]uint32, error) {
	ids := make(map[stub]uint32)
	for id := b.blob.End() - 1; id > 0; id-- {
		ids[stubOf(b.blob.Record(id))] = id
	}
	relocated := []uint32{0}
	for id := uint32(1); id < small.End(); id++ {
		s := stubOf(small.Record(id))
		to, ok := ids[s]
		if !ok {
			return nil, fmt.Errorf("distilled base: type %d: the base has no %v %s of %d bytes",
				id, s.tag.kind, s.tag.name, s.size)
		}
		relocated = append(relocated, to)
	}
	return relocated, nil
}
