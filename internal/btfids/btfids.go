// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package btfids fills in .BTF_ids, a section with ids of BTF types that kernel code refers to by
// name: kfuncs, for example. The macros of include/linux/btf_ids.h reserve a word for each id, and
// define a symbol for it that has the kind and name of the type.
//
// All words have 32 bits, in the byte order of the file:
//
//	list  ids
//	set   number of ids, ids
//	set8  number of ids, flags of the set, pairs of an id and its flags
//
// Ids in a set are in ascending order, and flags move with their ids. So the symbols of a set no
// longer point to their ids once it is filled in, and filling it in again would assign the flags to
// other functions. Start from the section as the linker wrote it.
package btfids

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/elfimage"
)

// Name is the name of the section.
const Name = ".BTF_ids"

const prefix = "__BTF_ID__"

const wordSize = 4 // bytes

// A Section is a .BTF_ids as its symbols describe it. Offsets and sizes are in bytes.
type Section struct {
	IDs  []ID  // in the order of the symbol table
	Sets []Set // the same

	// Linked has the contents as the linker wrote them, to be kept in the section LinkedName for the
	// next time: other programs change .BTF_ids, but leave such a section alone. It is nil for vmlinux.
	Linked []byte

	order   binary.ByteOrder
	wrong   error  // the first symbol that is malformed
	linked  []byte // contents as the linker wrote them
	damaged error  // why linked has ids of another program
}

// An ID is the place of one id.
type ID struct {
	Type   btf.NamedType
	Offset uint64
	symbol string
}

// A Set is a set or a set8.
type Set struct {
	Name         string
	Offset, Size uint64
	Pairs        bool // set8
	symbol       string
}

// readSymbols reads the symbols of a section; nil if there is no such section or no symbol table.
// Malformed symbols are an error of Fill.
func readSymbols(img *elfimage.Image) (*Section, error) {
	section := img.Section(Name)
	if section == nil {
		return nil, nil
	}
	syms, err := img.SymbolTable()
	if err != nil || syms == nil {
		return nil, err
	}
	s := &Section{order: img.Order}
	for i := range syms.Len() {
		sym := syms.At(i)
		if int(sym.Section) != section.Index {
			continue
		}
		name := syms.Name(&sym)
		if name == nil {
			s.fail("%d: its name is not in the string table", i)
		}
		if rest, ok := bytes.CutPrefix(name, []byte(prefix)); ok {
			// The address of a section is 0 in a relocatable file.
			s.add(string(name), string(rest), sym.Value-section.Addr, sym.Size)
		}
	}
	return s, nil
}

var kinds = []struct {
	word string
	kind btf.Kind
}{{"struct", btf.KindStruct}, {"union", btf.KindUnion}, {"typedef", btf.KindTypedef}, {"func", btf.KindFunc}}

// add adds a symbol; rest is its name after the prefix.
func (s *Section) add(symbol, rest string, offset, size uint64) {
	for _, k := range kinds {
		if name, ok := strings.CutPrefix(rest, k.word+"__"); ok {
			// A number that makes the symbol unique follows the name: foo__123.
			end := strings.LastIndex(name, "__")
			if end <= 0 || strings.Contains(name[end+2:], "_") {
				s.fail("%s: no name and number after the kind", symbol)
				return
			}
			s.IDs = append(s.IDs, ID{btf.NamedType{Kind: k.kind, Name: name[:end]}, offset, symbol})
			return
		}
	}
	for _, word := range []string{"set8", "set"} {
		if name, ok := strings.CutPrefix(rest, word+"__"); ok {
			s.Sets = append(s.Sets, Set{name, offset, size, word == "set8", symbol})
			return
		}
	}
	s.fail("%s: neither struct, union, typedef, func, set nor set8", symbol)
}

func (s *Section) fail(format string, args ...any) {
	if s.wrong == nil {
		s.wrong = fmt.Errorf("symbol "+format, args...)
	}
}

// Wanted returns the types whose ids Fill needs.
func (s *Section) Wanted() []btf.NamedType {
	var list []btf.NamedType
	seen := make(map[btf.NamedType]bool)
	for _, id := range s.IDs {
		if !seen[id.Type] {
			seen[id.Type] = true
			list = append(list, id.Type)
		}
	}
	return list
}

// Fill returns the contents with ids. Types that ids does not have get id 0.
func (s *Section) Fill(ids map[btf.NamedType]uint32) ([]byte, error) {
	if err := cmp.Or(s.damaged, s.check(s.linked)); err != nil {
		return nil, err
	}
	filled := slices.Clone(s.linked)
	for _, set := range s.Sets {
		for entry := range set.entries(filled) {
			clear(entry[:wordSize]) // also where no symbol is: BTF_ID_UNUSED has id 0
		}
	}
	for _, id := range s.IDs {
		s.order.PutUint32(filled[id.Offset:], ids[id.Type])
	}
	for _, set := range s.Sets {
		members := filled[set.Offset : set.Offset+set.Size]
		s.order.PutUint32(members, set.count())
		s.sort(members[set.entrySize():], set.entrySize())
	}
	return filled, nil
}

// entrySize returns the size of an entry in bytes. The head of a set has the same size.
func (s *Set) entrySize() int {
	if s.Pairs {
		return 2 * wordSize
	}
	return wordSize
}

// count returns the number of ids.
func (s *Set) count() uint32 { return uint32(s.Size)/uint32(s.entrySize()) - 1 }

// check checks the symbols against the contents.
func (s *Section) check(data []byte) error {
	if s.wrong != nil {
		return s.wrong
	}
	if s.isStripped(data) {
		return errStripped
	}
	room := uint64(len(data))
	for _, id := range s.IDs {
		if id.Offset > room || room-id.Offset < wordSize {
			return fmt.Errorf("symbol %s: at %#x, the section ends at %#x", id.symbol, id.Offset, room)
		}
	}
	names := make(map[string]bool)
	sorted := slices.Clone(s.Sets)
	slices.SortStableFunc(sorted, func(a, b Set) int { return cmp.Compare(a.Offset, b.Offset) })
	end := uint64(0)
	for _, set := range sorted {
		switch {
		case set.Offset > room || set.Size > room-set.Offset:
			return fmt.Errorf("symbol %s: %d bytes at %#x, the section ends at %#x",
				set.symbol, set.Size, set.Offset, room)
		case set.Size == 0 || set.Size%uint64(set.entrySize()) != 0:
			return fmt.Errorf("symbol %s: %d bytes are not a whole number of entries", set.symbol, set.Size)
		case set.Offset < end:
			return fmt.Errorf("symbol %s: overlaps another set", set.symbol)
		case names[set.Name]:
			return fmt.Errorf("symbol %s: another set has this name", set.symbol)
		}
		names[set.Name] = true
		end = set.Offset + set.Size
	}
	words := slices.Clone(s.IDs)
	slices.SortStableFunc(words, func(a, b ID) int { return cmp.Compare(a.Offset, b.Offset) })
	for i, id := range words {
		if i > 0 && id.Offset-words[i-1].Offset < wordSize {
			return fmt.Errorf("symbol %s: overlaps %s", id.symbol, words[i-1].symbol)
		}
		n := sort.Search(len(sorted), func(i int) bool { return sorted[i].Offset > id.Offset })
		if n < len(sorted) && sorted[n].Offset-id.Offset < wordSize {
			return fmt.Errorf("symbol %s: overlaps the set %s", id.symbol, sorted[n].symbol)
		}
		if n == 0 || id.Offset >= sorted[n-1].Offset+sorted[n-1].Size {
			continue // not in a set
		}
		set := &sorted[n-1]
		if at := id.Offset - set.Offset; at == 0 || at%uint64(set.entrySize()) != 0 {
			return fmt.Errorf("symbol %s: not at an entry of its set, %s", id.symbol, set.symbol)
		}
	}
	return nil
}

var errStripped = errors.New("no symbols name its types: use the file from before strip -s or --strip-unneeded")

// isStripped reports whether there are ids or flags, but no symbols of ids. Symbols of sets may be global, and
// then strip --strip-unneeded keeps them.
func (s *Section) isStripped(data []byte) bool {
	if len(s.IDs) > 0 {
		return false
	}
	rest := slices.Clone(data)
	for _, set := range s.Sets {
		if size := uint64(len(rest)); set.Offset <= size { // an empty set has flags
			clear(rest[set.Offset:min(size, set.Offset+uint64(set.entrySize()))])
		}
	}
	return slices.ContainsFunc(rest, func(b byte) bool { return b != 0 })
}

// sort sorts the entries of a set by their first word, a signed number. Equal ones keep their order.
func (s *Section) sort(entries []byte, size int) {
	list := slices.Collect(slices.Chunk(slices.Clone(entries), size))
	slices.SortStableFunc(list, func(a, b []byte) int {
		return cmp.Compare(int32(s.order.Uint32(a)), int32(s.order.Uint32(b)))
	})
	for i, entry := range list {
		copy(entries[i*size:], entry)
	}
}

// setOfKfuncs is BTF_SET8_KFUNCS, in the flags of a set8 (include/linux/btf_ids.h).
const setOfKfuncs = 1 << 0

// implicitArguments is KF_IMPLICIT_ARGS, in the flags of a member (include/linux/btf.h of 7.0).
const implicitArguments = 1 << 16

// Implicit returns the names of the kfuncs with implicit arguments.
func (s *Section) Implicit() map[string]bool {
	names := make(map[string]bool)
	for name, flags := range s.Kfuncs() {
		if flags&implicitArguments != 0 {
			names[name] = true
		}
	}
	return names
}

// Kfuncs returns the flags of the functions in sets of kfuncs, by name. What is malformed is left out.
func (s *Section) Kfuncs() map[string]uint32 {
	data := s.linked
	word := func(at uint64) (uint32, bool) {
		if at > uint64(len(data)) || uint64(len(data))-at < wordSize {
			return 0, false
		}
		return s.order.Uint32(data[at:]), true
	}
	type span struct{ from, to uint64 }
	var spans []span
	for _, set := range s.Sets {
		if flags, ok := word(set.Offset + wordSize); ok && set.Pairs && flags&setOfKfuncs != 0 {
			spans = append(spans, span{set.Offset, set.Offset + set.Size})
		}
	}
	if len(spans) == 0 {
		return nil
	}
	// Sort the sets, and extend each to the maximum end so far: then the last set that starts
	// before an offset decides whether any set contains it.
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	for i := range spans[1:] {
		spans[1+i].to = max(spans[1+i].to, spans[i].to)
	}
	kfuncs := make(map[string]uint32)
	for _, id := range s.IDs {
		n := sort.Search(len(spans), func(i int) bool { return spans[i].from > id.Offset })
		if id.Type.Kind != btf.KindFunc || n == 0 || id.Offset >= spans[n-1].to {
			continue
		}
		if flags, ok := word(id.Offset + wordSize); ok {
			kfuncs[id.Type.Name] = flags
		}
	}
	return kfuncs
}
