// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfverify

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kbtf/kbtf/internal/btfraw"
	"github.com/kbtf/kbtf/internal/elfimage"
)

// The section .BTF_ids has ids of types that the kernel's code refers to by kind and name. A symbol
// names the type of each word, and the bounds of each set (include/linux/btf_ids.h). In a set8, a word
// of flags follows each id. Ids in sets are sorted, and their flags move with them, so only the section
// as the linker wrote it shows the type that flags belong to. Files that btf-ko has filled in have a
// copy of that.

// idsProblems returns what is wrong with the .BTF_ids of an ELF file that has been filled in: ids of
// other types, sets that are not sorted, and flags of other types. Flags are not checked if the file
// does not have the section as the linker wrote it.
func (b *BTF) idsProblems(img *elfimage.Image) []string {
	if img == nil {
		return nil // no ELF file
	}
	ids := readIDs(img)
	if ids == nil || !ids.filled(ids.data) {
		return nil
	}
	known := b.typesByName(slices.Collect(maps.Values(ids.words)))
	list, fits := ids.problems(b, known)
	if !fits {
		return list
	}
	return append(list, ids.flagProblems(b, known)...)
}

// An idSection is a .BTF_ids. Offsets are in bytes.
type idSection struct {
	data   []byte
	linked []byte // contents as the linker wrote them; nil if the file does not have them
	order  binary.ByteOrder
	words  map[uint64]string // by offset: kind and name of the type
	sets   []idSet           // sorted by offset
}

type idSet struct {
	name         string
	offset, size uint64
	entry        uint64 // size of an entry, and of the head
}

// readIDs returns the section of a file, nil if it has none, or no symbols.
func readIDs(img *elfimage.Image) *idSection {
	section := img.Section(".BTF_ids")
	if section == nil {
		return nil
	}
	data, err := img.Inflate(section)
	if err != nil {
		return nil
	}
	symbols, err := img.SymbolTable()
	if err != nil || symbols == nil {
		return nil
	}
	ids := &idSection{data: data, order: img.Order, words: make(map[uint64]string)}
	for i := range symbols.Len() {
		symbol := symbols.At(i)
		if int(symbol.Section) != section.Index {
			continue
		}
		rest, ok := strings.CutPrefix(string(symbols.Name(&symbol)), "__BTF_ID__")
		if !ok {
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
	ids.linked = ids.readLinked(img)
	return ids
}

// readLinked returns the contents from before btf-ko filled in the section. They are in a section of
// their own if another program had done so first. Otherwise they are where the linker wrote them, and
// the section header refers to a copy.
func (s *idSection) readLinked(img *elfimage.Image) []byte {
	if linked, err := img.InflateNamed(".BTF_ids.linked"); err != nil || linked != nil {
		return linked
	}
	linked, err := img.OriginalContents(".BTF_ids")
	if err != nil || s.filled(linked) {
		return nil
	}
	return linked
}

func (s *idSection) word(offset uint64) (v uint32, ok bool) { return s.wordOf(s.data, offset) }

func (s *idSection) wordOf(data []byte, offset uint64) (v uint32, ok bool) {
	if offset > uint64(len(data)) || uint64(len(data))-offset < 4 {
		return 0, false
	}
	return s.order.Uint32(data[offset:]), true
}

// filled reports whether the contents of a section have been filled in.
func (s *idSection) filled(data []byte) bool {
	nonZero := func(offset uint64) bool { v, _ := s.wordOf(data, offset); return v != 0 }
	for offset := range s.words {
		if nonZero(offset) {
			return true
		}
	}
	return slices.ContainsFunc(s.sets, func(set idSet) bool { return nonZero(set.offset) })
}

// problems returns what is wrong with the ids. known has ids of the named types. fits is false if the
// sets do not fit the section.
func (s *idSection) problems(b *BTF, known map[string]uint32) (list []string, fits bool) {
	refuse := func(format string, args ...any) {
		list = append(list, ".BTF_ids: "+fmt.Sprintf(format, args...))
	}
	inSet := make(map[uint64]bool) // words that are not in a list
	for _, set := range s.sets {
		if set.offset > uint64(len(s.data)) || set.size > uint64(len(s.data))-set.offset || set.size < set.entry {
			refuse("set %s: %d bytes at %#x, the section has %d", set.name, set.size, set.offset, len(s.data))
			return list, false
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
			if name := b.TypeName(id); missing[name] > 0 {
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
		case id != 0 && b.TypeName(id) != name:
			refuse("%s: [%d] is %s", name, id, b.TypeName(id))
		}
	}
	return list, true
}

// flagProblems returns the flags in set8s that differ from those that the linker wrote for their type.
func (s *idSection) flagProblems(b *BTF, known map[string]uint32) (list []string) {
	refuse := func(format string, args ...any) {
		list = append(list, ".BTF_ids: "+fmt.Sprintf(format, args...))
	}
	if s.linked == nil {
		return nil
	}
	if len(s.linked) != len(s.data) {
		refuse("%d bytes, and %d as linked", len(s.data), len(s.linked))
		return list
	}
	for _, set := range s.sets {
		if set.entry != 8 {
			continue
		}
		is, _ := s.word(set.offset + 4)
		if was, _ := s.wordOf(s.linked, set.offset+4); is != was {
			refuse("set %s: its flags are %#x, and %#x as linked", set.name, is, was)
		}
		// Flags by type, "" for types that BTF does not have. A set may have a type several times.
		linked, filled := make(map[string][]uint32), make(map[string][]uint32)
		for at := set.offset + 8; at+8 <= set.offset+set.size; at += 8 {
			name := s.words[at]
			if known[name] == 0 {
				name = ""
			}
			flags, _ := s.wordOf(s.linked, at+4)
			linked[name] = append(linked[name], flags)
			name = ""
			if id, _ := s.word(at); id != 0 {
				name = b.TypeName(id)
			}
			flags, _ = s.word(at + 4)
			filled[name] = append(filled[name], flags)
		}
		for _, name := range slices.Sorted(maps.Keys(filled)) {
			is, was := filled[name], linked[name]
			slices.Sort(is)
			slices.Sort(was)
			if len(is) != len(was) || slices.Equal(is, was) {
				continue // other types are a problem of their own
			}
			if name == "" {
				name = "[0]"
			}
			refuse("set %s: %s has flags %s, and %s as linked", set.name, name, numbers(is), numbers(was))
		}
	}
	return list
}

// numbers returns numbers as text: 0x1 0x2.
func numbers(list []uint32) string { return strings.Trim(fmt.Sprintf("%#x", list), "[]") }

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
