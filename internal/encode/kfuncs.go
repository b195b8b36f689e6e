// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"fmt"
	"slices"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/btfids"
	"github.com/kbtf/kbtf/internal/elfimage"
)

// Kfuncs are functions that BPF programs may call. Sets in .BTF_ids list them, with flags.
const (
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

// readKfuncs returns the flags of the kfuncs of a file, by name.
func readKfuncs(img *elfimage.Image, base *btf.Base, opt *Options) (map[string]uint32, error) {
	ids := opt.IDs
	if ids == nil {
		var err error
		if ids, err = btfids.Open(img, img, &base.Blob); err != nil || ids == nil {
			return nil, err
		}
	}
	return ids.Kfuncs(), nil
}
