// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfverify

import "github.com/kbtf/kbtf/internal/btfraw"

// cycles finds types that cannot exist because they refer to themselves. All references have been
// checked.
func (v *verifier) cycles() {
	v.ring(inside, "contains itself")
	v.ring(spelled, "refers to itself, and no struct or union is in between")
}

// inside has the kinds whose types contain what they refer to.
var inside = modifiers | set(btfraw.Array, btfraw.Struct, btfraw.Union)

// spelled has the kinds whose references are part of the type as written in C, up to a struct or
// union: that has a name, or is checked on its own.
var spelled = modifiers | set(btfraw.Ptr, btfraw.Array, btfraw.FuncProto)

// ring refuses a type on each ring of types of these kinds. It does not recurse, because chains can
// be a million types long.
func (v *verifier) ring(kinds kindSet, reason string) {
	const (
		unseen  = iota
		open    // its references are being visited
		refused // the same, and part of a ring
		done
	)
	state := make([]uint8, v.NumTypes())
	var stack []uint32
	for id := v.FirstID; id < v.End(); id++ {
		stack = append(stack, id)
		for len(stack) > 0 {
			top := stack[len(stack)-1]
			if s := &state[top-v.FirstID]; *s != unseen {
				*s = done
				stack = stack[:len(stack)-1]
				continue
			}
			state[top-v.FirstID] = open
			r := v.Record(top)
			if !kinds.has(r.Kind()) {
				continue
			}
			for _, ref := range r.References {
				if ref < v.FirstID {
					continue // a base has been checked before
				}
				switch s := &state[ref-v.FirstID]; *s {
				case unseen:
					stack = append(stack, ref)
				case open:
					*s = refused
					v.refuseType(v.Record(ref), reason)
				}
			}
		}
	}
}
