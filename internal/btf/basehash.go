// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"encoding/binary"
	"fmt"
)

// baseHasher computes the cut hashes of a base depth first.
type baseHasher struct {
	base   *Base
	state  []byte // 0: not seen, 1: being visited, 2: done
	noName uint64
}

func (h *baseHasher) nameHash(off uint32) (uint64, error) {
	if off == 0 {
		return h.noName, nil
	}
	sum, _, ok := hashString(h.base.Strings, off)
	if !ok {
		return 0, h.base.badString(off)
	}
	return sum, nil
}

// refHash returns what a reference contributes to a cut hash.
func (h *baseHasher) refHash(id uint32, depth int) (Hash, error) {
	if id == 0 {
		return voidHash, nil
	}
	if id >= uint32(len(h.base.off)) {
		return Hash{}, fmt.Errorf("reference to type %d of %d", id, len(h.base.off)-1)
	}
	t := h.base.Types[h.base.off[id]:]
	if name := le32(t); name != 0 {
		inf := le32(t[4:])
		if c := tagClassOf(infoKind(inf), infoFlag(inf)); c != notTag {
			n, err := h.nameHash(name)
			return tagHash(c, n), err
		}
	}
	err := h.visit(id, depth+1)
	return h.base.hash[id], err
}

func (h *baseHasher) visit(id uint32, depth int) error {
	switch h.state[id] {
	case 2:
		return nil
	case 1:
		return fmt.Errorf("type %d refers to itself without passing through a name", id)
	}
	if depth > maxNesting {
		return fmt.Errorf("types nest more than %d deep", maxNesting)
	}
	h.state[id] = 1
	t := h.base.Types[h.base.off[id]:]
	inf, number := le32(t[4:]), le32(t[8:])
	nameHash, err := h.nameHash(le32(t))
	if err != nil {
		return err
	}
	tail := t[typeSize:]
	vlen := infoVlen(inf)
	kind := infoKind(inf)
	refersBy := false // size_type is a reference
	switch kind {
	case KindPtr, KindTypedef, KindVolatile, KindConst, KindRestrict, KindFunc, KindFuncProto,
		KindVar, KindDeclTag, KindTypeTag:
		refersBy, number = true, 0
	case KindArray, KindFwd:
		number = 0
	}
	sum := newHash(inf, nameHash, number)
	if refersBy {
		r, err := h.refHash(le32(t[8:]), depth)
		if err != nil {
			return err
		}
		sum.addHash(r)
	}
	switch kind {
	case KindInt, KindVar, KindDeclTag:
		sum.add(0, uint64(le32(tail)))
	case KindArray:
		elem, err := h.refHash(le32(tail), depth)
		if err != nil {
			return err
		}
		index, err := h.refHash(le32(tail[4:]), depth)
		if err != nil {
			return err
		}
		sum.addHash(elem)
		sum.addHash(index)
		sum.add(0, uint64(le32(tail[8:])))
	case KindStruct, KindUnion, KindFuncProto: // members, and parameters, which have no offset
		for i := 0; i < vlen; i++ {
			n, err := h.nameHash(le32(tail))
			if err != nil {
				return err
			}
			r, err := h.refHash(le32(tail[4:]), depth)
			if err != nil {
				return err
			}
			if kind == KindFuncProto {
				sum.addMember(n, 0, r)
				tail = tail[8:]
			} else {
				sum.addMember(n, uint64(le32(tail[8:])), r)
				tail = tail[12:]
			}
		}
	case KindEnum, KindEnum64:
		wide := kind == KindEnum64
		for i := 0; i < vlen; i++ {
			n, err := h.nameHash(le32(tail))
			if err != nil {
				return err
			}
			v := uint64(le32(tail[4:]))
			if wide {
				v, tail = binary.LittleEndian.Uint64(tail[4:]), tail[12:]
			} else {
				tail = tail[8:]
			}
			sum.add(n, v)
		}
	case KindDatasec: // not in byHash, but its references may lead to other types
		for i := 0; i < vlen; i, tail = i+1, tail[12:] {
			if _, err := h.refHash(le32(tail), depth); err != nil {
				return err
			}
		}
	}
	h.base.hash[id] = sum
	h.state[id] = 2
	return nil
}
