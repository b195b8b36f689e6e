// SPDX-License-Identifier: GPL-2.0-only

package encode

import (
	"bytes"
	"slices"

	"github.com/kbtf/kbtf/internal/elfimage"
)

// Kfuncs are functions that BPF programs may call. The kernel's macros list them in sets in .BTF_ids (include/linux/btf_ids.h): a
// set is the words count and flags, then pairs of an id and the function's flags. Symbols name the sets and their members.

const (
	kfuncSetPrefix    = "__BTF_ID__set8__"
	kfuncMemberPrefix = "__BTF_ID__func__"

	setOfKfuncs   = 1 << 0  // BTF_SET8_KFUNCS, in a set's flags
	kfuncFastcall = 1 << 12 // KF_FASTCALL, in a member's flags
)

// readKfuncs gives the flags of each kfunc of a file, by name.
func readKfuncs(img *elfimage.Image) (map[string]uint32, error) {
	section := img.Section(".BTF_ids")
	if section == nil {
		return nil, nil
	}
	data, err := img.Inflate(section)
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
	var sets []span
	for i := range syms.Len() {
		s := syms.At(i)
		if int(s.Section) != section.Index || !bytes.HasPrefix(syms.Name(&s), []byte(kfuncSetPrefix)) {
			continue
		}
		if flags, ok := word(s.Value - base + 4); ok && flags&setOfKfuncs != 0 {
			sets = append(sets, span{s.Value, s.Value + s.Size})
		}
	}
	if len(sets) == 0 {
		return nil, nil
	}
	kfuncs := map[string]uint32{}
	for i := range syms.Len() {
		s := syms.At(i)
		if int(s.Section) != section.Index {
			continue
		}
		name, ok := bytes.CutPrefix(syms.Name(&s), []byte(kfuncMemberPrefix))
		if !ok || !slices.ContainsFunc(sets, func(x span) bool { return s.Value >= x.from && s.Value < x.to }) {
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
