// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"sort"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/elfimage"
)

// Kfuncs are functions that BPF programs may call. The kernel's macros list them in sets in
// .BTF_ids (include/linux/btf_ids.h). A set is a count and flags, followed by pairs of an id and
// the function's flags, all words of 32 bits. Sets and members have symbols.

const (
	idSets            = ".BTF_ids"
	kfuncSetPrefix    = "__BTF_ID__set8__"
	kfuncMemberPrefix = "__BTF_ID__func__"

	setOfKfuncs   = 1 << 0  // BTF_SET8_KFUNCS, in the flags of a set
	kfuncFastcall = 1 << 12 // KF_FASTCALL, in the flags of a member (include/linux/btf.h)
	kfuncArenaRet = 1 << 13 // KF_ARENA_RET: it returns a pointer into an arena
	// KF_ARENA_ARG1: its first parameter is one; the next bit is KF_ARENA_ARG2
	kfuncArenaArg = 1 << 14
)

// arenaAttribute is clang's attribute of pointers into an arena in BPF programs.
const arenaAttribute = "address_space(1)"

// arenaPrototype returns the prototype of a kfunc with arenaAttribute on its pointers into an
// arena.
func (f *function) arenaPrototype(s *state,
	m *btf.Module) (ret btf.Ref, params []btf.Param, err error) {
	mark := func(ref btf.Ref, what string) btf.Ref {
		to, ok := m.Pointee(ref)
		if !ok {
			err = fmt.Errorf("%s is marked as a pointer into an arena, but is not a pointer", what)
			return ref
		}
		return m.AddPtr(s.unit, m.AddAttribute(s.unit, m.Names.Intern([]byte(arenaAttribute)), to))
	}
	ret, params = s.ret, slices.Clone(s.params)
	if f.flags&kfuncArenaRet != 0 {
		ret = mark(ret, "return type")
	}
	for i := range min(len(params), 2) {
		if f.flags&(kfuncArenaArg<<i) != 0 {
			params[i].Type = mark(params[i].Type, fmt.Sprintf("parameter %d", i+1))
		}
	}
	return ret, params, err
}

// readKfuncs returns the flags of the kfuncs of a file, by name. loaded has the contents of its
// sections.
func readKfuncs(img, loaded *elfimage.Image) (map[string]uint32, error) {
	section, sets := img.Section(idSets), loaded.Section(idSets)
	if section == nil || sets == nil {
		return nil, nil
	}
	data, err := loaded.Inflate(sets)
	if err != nil {
		return nil, err
	}
	syms, err := img.SymbolTable()
	if err != nil || syms == nil {
		return nil, err
	}
	base := section.Addr // 0 in a relocatable file
	word := func(at uint64) (uint32, bool) {
		if at > uint64(len(data)) || uint64(len(data))-at < 4 {
			return 0, false
		}
		return img.Order.Uint32(data[at:]), true
	}
	type span struct{ from, to uint64 }
	var spans []span
	for i := range syms.Len() {
		s := syms.At(i)
		if int(s.Section) != section.Index ||
			!bytes.HasPrefix(syms.Name(&s), []byte(kfuncSetPrefix)) {
			continue
		}
		if flags, ok := word(s.Value - base + 4); ok && flags&setOfKfuncs != 0 {
			spans = append(spans, span{s.Value, s.Value + s.Size})
		}
	}
	if len(spans) == 0 {
		return nil, nil
	}
	// Sort the sets, and extend each to the maximum end so far: then the last set that starts
	// before an offset decides whether any set contains it.
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	for i := range spans[1:] {
		spans[1+i].to = max(spans[1+i].to, spans[i].to)
	}
	inSet := func(at uint64) bool {
		n := sort.Search(len(spans), func(i int) bool { return spans[i].from > at })
		return n > 0 && at < spans[n-1].to
	}
	kfuncs := map[string]uint32{}
	for i := range syms.Len() {
		s := syms.At(i)
		if int(s.Section) != section.Index {
			continue
		}
		name, ok := bytes.CutPrefix(syms.Name(&s), []byte(kfuncMemberPrefix))
		if !ok || !inSet(s.Value) {
			continue
		}
		// A counter that makes symbols unique follows the function's name: foo__123.
		end := bytes.LastIndex(name, []byte("__"))
		flags, ok := word(s.Value - base + 4)
		if end <= 0 || !ok {
			continue
		}
		kfuncs[string(name[:end])] = flags
	}
	return kfuncs, nil
}
