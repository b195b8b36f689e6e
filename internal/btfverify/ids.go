// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfverify

import (
	"cmp"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// The section .BTF_ids has ids of types that the kernel's code refers to by kind and name. A symbol
// names the type of each word, and the bounds of each set (include/linux/btf_ids.h).

// idsProblems returns what is wrong with the .BTF_ids of an ELF file that has been filled in: ids of
// other types, and sets that are not sorted. Flags are not checked: only the file as the linker wrote
// it has them beside their symbols.
func (b *BTF) idsProblems(path string) []string {
	file, err := elf.Open(path)
	if err != nil {
		return nil // raw BTF, or compressed
	}
	defer file.Close()
	ids := readIDs(file)
	if ids == nil || !ids.filled() {
		return nil
	}
	return ids.problems(b)
}

// An idSection is a .BTF_ids. Offsets are in bytes.
type idSection struct {
	data  []byte
	order binary.ByteOrder
	words map[uint64]string // by offset: kind and name of the type
	sets  []idSet           // sorted by offset
}

type idSet struct {
	name         string
	offset, size uint64
	entry        uint64 // size of an entry, and of the head
}

// readIDs returns the section of a file, nil if it has none, or no symbols.
func readIDs(file *elf.File) *idSection {
	index := slices.IndexFunc(file.Sections, func(s *elf.Section) bool { return s.Name == ".BTF_ids" })
	if index < 0 || file.Sections[index].Type == elf.SHT_NOBITS {
		return nil
	}
	section := file.Sections[index]
	data, err := section.Data()
	if err != nil {
		return nil
	}
	symbols, err := file.Symbols()
	if err != nil {
		return nil
	}
	ids := &idSection{data: data, order: file.ByteOrder, words: make(map[uint64]string)}
	for _, symbol := range symbols {
		rest, ok := strings.CutPrefix(symbol.Name, "__BTF_ID__")
		if !ok || int(symbol.Section) != index {
			continue
		}
		kind, name, _ := strings.Cut(rest, "__")
		offset := symbol.Value - section.Addr
		switch kind {
		case "set":
			ids.sets = append(ids.sets, idSet{name, offset, symbol.Size, 4})
		case "set8":
			ids.sets = append(ids.sets, idSet{name, offset, symbol.Size, 8})
		default:
			if end := strings.LastIndex(name, "__"); end > 0 { // a number follows
				ids.words[offset] = strings.ToUpper(kind) + " " + name[:end]
			}
		}
	}
	slices.SortFunc(ids.sets, func(a, b idSet) int { return cmp.Compare(a.offset, b.offset) })
	return ids
}

func (s *idSection) word(offset uint64) (v uint32, ok bool) {
	if offset > uint64(len(s.data)) || uint64(len(s.data))-offset < 4 {
		return 0, false
	}
	return s.order.Uint32(s.data[offset:]), true
}

// filled reports whether the section has been filled in.
func (s *idSection) filled() bool {
	nonZero := func(offset uint64) bool { v, _ := s.word(offset); return v != 0 }
	for offset := range s.words {
		if nonZero(offset) {
			return true
		}
	}
	return slices.ContainsFunc(s.sets, func(set idSet) bool { return nonZero(set.offset) })
}

func (s *idSection) problems(b *BTF) (list []string) {
	refuse := func(format string, args ...any) {
		list = append(list, ".BTF_ids: "+fmt.Sprintf(format, args...))
	}
	known := b.typesByName(slices.Collect(maps.Values(s.words)))
	inSet := make(map[uint64]bool) // words that are not in a list
	for _, set := range s.sets {
		if set.offset > uint64(len(s.data)) || set.size > uint64(len(s.data))-set.offset || set.size < set.entry {
			refuse("set %s: %d bytes at %#x, the section has %d", set.name, set.size, set.offset, len(s.data))
			return list
		}
		if count, _ := s.word(set.offset); uint64(count) != set.size/set.entry-1 {
			refuse("set %s: its count is %d, and it has %d ids", set.name, count, set.size/set.entry-1)
		}
		missing := make(map[string]int)
		last := int32(0)
		for at := set.offset + set.entry; at+set.entry <= set.offset+set.size; at += set.entry {
			inSet[at] = true
			if name, ok := s.words[at]; ok && known[name] != 0 {
				missing[name]++
			}
		}
		for at := set.offset + set.entry; at+set.entry <= set.offset+set.size; at += set.entry {
			id, _ := s.word(at)
			if int32(id) < last {
				refuse("set %s: [%d] after [%d], and ids must be in ascending order", set.name, id, last)
			}
			last = int32(id)
			if id == 0 {
				continue // not in BTF
			}
			if name := b.typeName(id); missing[name] > 0 {
				missing[name]--
			} else {
				refuse("set %s: [%d] is %s, which is not in the set", set.name, id, name)
			}
		}
	}
	for _, offset := range slices.Sorted(maps.Keys(s.words)) {
		if inSet[offset] {
			continue
		}
		id, ok := s.word(offset)
		switch name := s.words[offset]; {
		case !ok:
			refuse("%s at %#x: the section has %d bytes", name, offset, len(s.data))
		case id == 0 && known[name] != 0:
			refuse("%s: the id is 0, and BTF has it as [%d]", name, known[name])
		case id != 0 && b.typeName(id) != name:
			refuse("%s: [%d] is %s", name, id, b.typeName(id))
		}
	}
	return list
}

// typeName returns the kind and name of a type.
func (b *BTF) typeName(id uint32) string {
	if id == 0 || id >= b.End() {
		return "not a type"
	}
	r := b.Record(id)
	return fmt.Sprintf("%v %s", r.Kind(), r.Name())
}

// typesByName returns an id for each of these types that the BTF or its base has.
func (b *BTF) typesByName(names []string) map[string]uint32 {
	wanted := make(map[string]bool)
	for _, name := range names {
		_, name, _ = strings.Cut(name, " ")
		wanted[name] = true
	}
	known := make(map[string]uint32)
	for below := b.BTF; below != nil; below = below.Base {
		for r := range below.All {
			switch r.Kind() {
			case btfraw.Struct, btfraw.Union, btfraw.Typedef, btfraw.Func:
				if name := r.Name(); wanted[name] {
					known[r.Kind().String()+" "+name] = r.ID
				}
			}
		}
	}
	return known
}
