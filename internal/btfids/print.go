// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfids

import (
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/kbtf/kbtf/internal/btf"
)

// Print writes what the sets hold, and then the ids outside of sets. filled is the result of Fill
// for these ids.
func (s *Section) Print(w io.Writer, filled []byte, ids map[btf.NamedType]uint32) {
	types := make(map[uint32]btf.NamedType)
	for t, id := range ids {
		types[id] = t
	}
	describe := func(id uint32) string {
		t, ok := types[id]
		if !ok {
			return "[0] not in BTF"
		}
		return fmt.Sprintf("[%d] %s %s", id, t.Kind, t.Name)
	}
	for _, set := range s.Sets {
		if !set.Pairs {
			fmt.Fprintf(w, "  set %s: %d ids\n", set.Name, set.count())
		} else {
			fmt.Fprintf(w, "  set8 %s: %d ids, flags %#x\n", set.Name, set.count(),
				s.order.Uint32(filled[set.Offset+wordSize:]))
		}
		for entry := range set.entries(filled) {
			fmt.Fprintf(w, "    %s", describe(s.order.Uint32(entry)))
			if set.Pairs {
				fmt.Fprintf(w, ", flags %#x", s.order.Uint32(entry[wordSize:]))
			}
			fmt.Fprintln(w)
		}
	}
	alone := slices.DeleteFunc(slices.Clone(s.IDs), func(id ID) bool {
		return slices.ContainsFunc(s.Sets, func(set Set) bool {
			return id.Offset >= set.Offset && id.Offset-set.Offset < set.Size
		})
	})
	slices.SortStableFunc(alone, func(a, b ID) int { return cmp.Compare(a.Offset, b.Offset) })
	if len(alone) > 0 {
		fmt.Fprintf(w, "  lists: %d ids\n", len(alone))
	}
	for _, id := range alone {
		text := describe(s.order.Uint32(filled[id.Offset:]))
		if ids[id.Type] == 0 {
			text = fmt.Sprintf("[0] %s %s: not in BTF", id.Type.Kind, id.Type.Name)
		}
		fmt.Fprintf(w, "    %s\n", text)
	}
}
