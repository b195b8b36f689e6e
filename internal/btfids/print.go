// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfids

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/elfimage"
)

// Print writes what the sets hold, and then the ids outside of sets, in the order of the section. filled
// is the result of Fill for these ids.
func (s *Section) Print(w io.Writer, filled []byte, ids map[btf.NamedType]uint32) {
	types := make(map[uint32]btf.NamedType)
	for t, id := range ids {
		types[id] = t
	}
	s.print(w, filled, func(id uint32) string { return describe(types[id]) })
}

func describe(t btf.NamedType) string { return t.Kind.String() + " " + t.Name }

// A View is the section of a file as it is, for printing.
type View struct {
	// Filled is set if the section has ids.
	Filled bool

	section *Section
	data    []byte
}

// Look reads the section of a file; nil if it has none.
func Look(img *elfimage.Image) (*View, error) {
	data, err := img.InflateNamed(Name)
	if err != nil || img.Section(Name) == nil {
		return nil, err
	}
	s, err := readSymbols(img)
	switch {
	case err != nil:
	case s == nil, len(data) > 0 && len(s.IDs)+len(s.Sets) == 0 && s.wrong == nil:
		err = errStripped
	default:
		err = s.check(data)
	}
	if err != nil {
		return nil, err
	}
	return &View{s.isFilled(data), s, data}, nil
}

// Print writes the section as Section.Print does; typeOf returns the kind and name of a type. Without
// ids, it writes the types that the symbols name.
func (v *View) Print(w io.Writer, typeOf func(id uint32) string) {
	if !v.Filled {
		typeOf = nil
	}
	v.section.print(w, v.data, typeOf)
}

// print writes the contents data, in the order of the section. typeOf is nil if they have no ids.
func (s *Section) print(w io.Writer, data []byte, typeOf func(id uint32) string) {
	symbols := make(map[uint64]btf.NamedType)
	for _, id := range s.IDs {
		symbols[id.Offset] = id.Type
	}
	sets := slices.SortedStableFunc(slices.Values(s.Sets), func(a, b Set) int { return cmp.Compare(a.Offset, b.Offset) })
	for _, set := range sets {
		if !set.Pairs {
			fmt.Fprintf(w, "  set %s: %d ids\n", set.Name, set.count())
		} else {
			fmt.Fprintf(w, "  set8 %s: %d ids, flags %#x\n", set.Name, set.count(),
				s.order.Uint32(data[set.Offset+wordSize:]))
		}
		at := set.Offset
		for entry := range set.entries(data) {
			at += uint64(set.entrySize())
			id := s.order.Uint32(entry)
			t, named := symbols[at]
			delete(symbols, at)
			switch {
			case typeOf == nil && named:
				fmt.Fprintf(w, "    %s", describe(t))
			case typeOf == nil:
				fmt.Fprint(w, "    unused")
			case id == 0:
				fmt.Fprint(w, "    [0] not in BTF")
			default:
				fmt.Fprintf(w, "    [%d] %s", id, typeOf(id))
			}
			if set.Pairs {
				fmt.Fprintf(w, ", flags %#x", s.order.Uint32(entry[wordSize:]))
			}
			fmt.Fprintln(w)
		}
	}
	if len(symbols) > 0 { // those that are not in a set
		fmt.Fprintf(w, "  lists: %d ids\n", len(symbols))
	}
	for _, at := range slices.Sorted(maps.Keys(symbols)) {
		name := describe(symbols[at])
		switch id := s.order.Uint32(data[at:]); {
		case typeOf == nil:
			fmt.Fprintf(w, "    %s\n", name)
		case id == 0:
			fmt.Fprintf(w, "    [0] %s: not in BTF\n", name)
		default:
			fmt.Fprintf(w, "    [%d] %s\n", id, typeOf(id))
		}
	}
}
