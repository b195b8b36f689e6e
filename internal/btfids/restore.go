// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfids

import (
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sort"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/elfimage"
)

// LinkedName is the name of a section with the contents of .BTF_ids as the linker wrote them.
const LinkedName = ".BTF_ids.linked"

// Open reads the section of a module; nil if it has none, or no symbols. loaded has the contents,
// symbols the symbol table: the same file, or its debug file. base is the base of the module.
//
// If another program has filled in the section, it is restored: the ids refer to the BTF that the
// module has, or had before it was encoded. If that fails, Fill returns an error.
func Open(symbols, loaded *elfimage.Image, base *btf.Blob) (*Section, error) {
	s, err := readSymbols(symbols)
	if err != nil || s == nil {
		return nil, err
	}
	contents, err := loaded.InflateNamed(Name)
	if err != nil {
		return nil, err
	}
	if s.linked, err = loaded.InflateNamed(LinkedName); err != nil || s.linked != nil {
		s.Linked = s.linked
		if size := len(contents); err == nil && len(s.linked) != size {
			s.damaged = fmt.Errorf("%s has %d bytes, not %d: link the module again", LinkedName, len(s.linked), size)
		}
		return s, err
	}
	if s.linked, err = loaded.OriginalContents(Name); err != nil || !s.isFilled(s.linked) {
		if loaded.Type == elf.ET_REL { // vmlinux is not filled in again with other BTF
			s.Linked = s.linked
		}
		return s, err
	}
	s.damaged = errNoFit
	for _, sections := range []func(string) ([]byte, error){loaded.InflateNamed, loaded.OriginalContents} {
		blobs, err := ownBTF(sections, base)
		if err != nil {
			continue
		}
		var restored []byte
		if restored, s.damaged = s.restore(s.linked, blobs...); s.damaged == nil {
			s.linked, s.Linked = restored, restored
			break
		}
	}
	return s, nil
}

// ownBTF returns the base of a module and its split BTF.
func ownBTF(contents func(string) ([]byte, error), base *btf.Blob) ([]*btf.Blob, error) {
	blobs := []*btf.Blob{base, nil}
	for i, name := range []string{".BTF.base", ".BTF"} {
		raw, err := contents(name)
		if err != nil {
			return nil, err
		}
		if raw == nil && i == 0 {
			continue
		}
		if blobs[i], err = btf.ParseBlob(raw); err != nil {
			return nil, err
		}
	}
	return blobs, nil
}

// isFilled reports whether a section has ids already.
func (s *Section) isFilled(data []byte) bool {
	nonZero := func(at uint64) bool {
		return at <= uint64(len(data)) && uint64(len(data))-at >= wordSize && s.order.Uint32(data[at:]) != 0
	}
	return slices.ContainsFunc(s.IDs, func(id ID) bool { return nonZero(id.Offset) }) ||
		slices.ContainsFunc(s.Sets, func(set Set) bool { return nonZero(set.Offset) })
}

// owners returns the ids in set8s.
func (s *Section) owners(data []byte) (ids []uint32) {
	for _, set := range s.Sets {
		for entry := range set.entries(data) {
			if set.Pairs {
				ids = append(ids, s.order.Uint32(entry))
			}
		}
	}
	return ids
}

// restore returns the contents of a section that another program has filled in as the linker wrote
// them. blobs are the BTF that the ids refer to, base first.
func (s *Section) restore(data []byte, blobs ...*btf.Blob) ([]byte, error) {
	if err := s.check(data); err != nil {
		return nil, err
	}
	types, err := btf.NamesOf(s.owners(data), blobs...)
	if err != nil {
		return nil, err
	}
	symbols := slices.SortedFunc(slices.Values(s.IDs), func(a, b ID) int { return cmp.Compare(a.Offset, b.Offset) })
	restored := slices.Clone(data)
	for _, id := range s.IDs {
		s.order.PutUint32(restored[id.Offset:], 0)
	}
	for _, set := range s.Sets {
		members := restored[set.Offset : set.Offset+set.Size]
		clear(members[:wordSize])
		clear(members[set.entrySize():])
		if !set.Pairs {
			continue
		}
		if err := s.restoreFlags(&set, symbols, data, restored, types); err != nil {
			return nil, fmt.Errorf("symbol %s: %w", set.symbol, err)
		}
	}
	return restored, nil
}

// restoreFlags puts the flags of a set8 behind the symbols of their functions. Functions that BTF
// does not have are at the start, in the order of their symbols; so are several of one name.
//
// symbols are those of all ids, in the order of their offsets.
func (s *Section) restoreFlags(
	set *Set, symbols []ID, data, restored []byte, types map[uint32]btf.NamedType,
) error {
	flags := make(map[btf.NamedType][]uint32)
	var unknown []uint32 // of id 0
	for entry := range set.entries(data) {
		id, value := s.order.Uint32(entry), s.order.Uint32(entry[wordSize:])
		if id == 0 {
			unknown = append(unknown, value)
			continue
		}
		flags[types[id]] = append(flags[types[id]], value)
	}
	first := func(offset uint64) int {
		return sort.Search(len(symbols), func(i int) bool { return symbols[i].Offset >= offset })
	}
	symbols = symbols[first(set.Offset):first(set.Offset+set.Size)]
	for _, id := range symbols {
		list := flags[id.Type]
		if len(list) > 0 {
			flags[id.Type] = list[1:]
		} else {
			list, unknown = unknown, unknown[min(1, len(unknown)):]
		}
		if len(list) == 0 {
			return errNoFit
		}
		s.order.PutUint32(restored[id.Offset+wordSize:], list[0])
	}
	return nil
}

var errNoFit = errors.New("another program has filled it in with ids that do not fit the module's BTF and " +
	"this base: link the module again")

// entries returns the entries of a set, without its head.
func (s *Set) entries(data []byte) iter.Seq[[]byte] {
	return slices.Chunk(data[s.Offset+uint64(s.entrySize()):s.Offset+s.Size], s.entrySize())
}
