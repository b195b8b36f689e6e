// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"fmt"
	"slices"
)

// Since 7.0, kernels pass some arguments to kfuncs by themselves (KF_IMPLICIT_ARGS): BPF programs
// call such a function without them. Its FUNC gets a prototype without these parameters, and the one
// of the C function moves to a second FUNC, NAME_impl.

// kfuncTag is the DECL_TAG of a kfunc.
const kfuncTag = "bpf_kfunc"

// implicitTypes are the structs that an implicit argument points to (kernel/bpf/verifier.c of 7.2).
var implicitTypes = []string{"bpf_prog_aux", "btf_struct_meta"}

// HideImplicitArguments does this for kfuncs, which are given by name. Those without DECL_TAG bpf_kfunc,
// and those of the base, do not change. A second call would add types, but hide nothing.
func HideImplicitArguments(base *Base, raw []byte, kfuncs map[string]bool) ([]byte, error) {
	if len(kfuncs) == 0 {
		return raw, nil
	}
	if err := base.Ready(); err != nil {
		return nil, err
	}
	b, err := ParseBlob(raw)
	if err != nil {
		return nil, err
	}
	h := hider{base: base, blob: b, firstID: uint32(base.NumTypes()) + 1}
	if h.types, err = b.records(); err != nil {
		return nil, err
	}
	funcs, err := h.kfuncs(kfuncs)
	if err != nil || len(funcs) == 0 {
		return raw, err
	}
	var impls []NamedType
	for _, id := range funcs {
		impls = append(impls, NamedType{KindFunc, h.name(h.own(id)) + "_impl"})
	}
	existing, err := FindNamed(impls, &base.Blob, b)
	if err != nil {
		return nil, err
	}
	h.types = slices.Clone(h.types)
	for i, t := range h.types {
		h.types[i] = slices.Clone(t) // the blob's memory may be a mapped file
	}
	for i, id := range funcs {
		if existing[impls[i]] == 0 {
			h.addImpl(id, impls[i].Name)
		}
		if err := h.hide(id); err != nil {
			return nil, err
		}
	}
	b.Types = slices.Concat(h.types...)
	return b.Marshal()
}

// A hider hides implicit arguments.
type hider struct {
	base    *Base
	blob    *Blob
	firstID uint32
	types   []rawType         // of the blob; more are added
	offsets map[string]uint32 // by string of the blob
}

// own returns a type of the blob; nil if there is none.
func (h *hider) own(id uint32) rawType {
	if id < h.firstID || id-h.firstID >= uint32(len(h.types)) {
		return nil
	}
	return h.types[id-h.firstID]
}

// at returns a type of the blob or the base; nil if there is none.
func (h *hider) at(id uint32) rawType {
	if id > 0 && id < h.firstID {
		return h.base.record(id)
	}
	return h.own(id)
}

func (t rawType) kind() Kind { return infoKind(le32(t[4:])) }

// to returns the id at offset 8: what a PTR, FUNC, DECL_TAG or a type like these refers to.
func (t rawType) to() uint32 { return le32(t[8:]) }

func (h *hider) name(t rawType) string {
	return string(nameAt([]*Blob{&h.base.Blob, h.blob}, len(h.base.Strings), int(le32(t))))
}

// kfuncs returns the ids of the FUNCs that have DECL_TAG bpf_kfunc and one of these names, in the
// order of the tags.
func (h *hider) kfuncs(names map[string]bool) (ids []uint32, err error) {
	for i, t := range h.types {
		if t.kind() != KindDeclTag || infoFlag(le32(t[4:])) || le32(t[12:]) != WholeDecl || h.name(t) != kfuncTag {
			continue
		}
		f := h.own(t.to())
		if f == nil {
			continue // a kfunc of the base, whose FUNC is there
		}
		if f.kind() != KindFunc {
			return nil, fmt.Errorf("BTF type %d: tag %s of a %v", h.firstID+uint32(i), kfuncTag, f.kind())
		}
		if names[h.name(f)] && !slices.Contains(ids, t.to()) {
			ids = append(ids, t.to())
		}
	}
	return ids, nil
}

// add adds a type, and returns its id.
func (h *hider) add(t rawType) uint32 {
	h.types = append(h.types, t)
	return h.firstID + uint32(len(h.types)) - 1
}

// addImpl adds a FUNC with the prototype and the tags of a kfunc.
func (h *hider) addImpl(id uint32, name string) {
	impl := slices.Clone(h.own(id))
	put32(impl, h.offset(name))
	implID := h.add(impl)
	for _, t := range slices.Clone(h.types) {
		if t.kind() == KindDeclTag && t.to() == id && h.name(t) != kfuncTag {
			tag := slices.Clone(t)
			put32(tag[8:], implID)
			h.add(tag)
		}
	}
}

// hide makes the prototype of a kfunc end before its first implicit parameter.
func (h *hider) hide(id uint32) error {
	f := h.own(id)
	proto := h.at(f.to())
	if proto == nil || proto.kind() != KindFuncProto {
		return fmt.Errorf("BTF type %d: FUNC without a prototype", id)
	}
	params := 0
	for ; params < infoVlen(le32(proto[4:])); params++ {
		if h.isImplicit(le32(proto[typeSize+8*params+4:])) {
			break
		}
	}
	short := slices.Clone(proto[:typeSize+8*params])
	put32(short[4:], info(KindFuncProto, params, false))
	put32(f[8:], h.add(short))
	return nil
}

// isImplicit reports whether kernels pass the argument for a parameter of this type.
func (h *hider) isImplicit(id uint32) bool {
	t := h.skipModifiers(id)
	if t == nil || t.kind() != KindPtr {
		return false
	}
	t = h.skipModifiers(t.to())
	return t != nil && t.kind() == KindStruct && slices.Contains(implicitTypes, h.name(t))
}

// skipModifiers returns the type behind const, volatile, restrict and type tags; nil for void.
func (h *hider) skipModifiers(id uint32) rawType {
	for range maxNesting {
		t := h.at(id)
		if t == nil {
			return nil
		}
		switch t.kind() {
		case KindConst, KindVolatile, KindRestrict, KindTypeTag:
			id = t.to()
		default:
			return t
		}
	}
	return nil // a cycle
}

// offset returns the offset of a string of the base or of the blob. If neither has it, it is added.
func (h *hider) offset(s string) uint32 {
	if off, ok := h.base.FindString([]byte(s)); ok {
		return off
	}
	start := uint32(len(h.base.Strings))
	if h.offsets == nil {
		h.offsets = make(map[string]uint32)
		at := start
		for own := range bytes.SplitAfterSeq(h.blob.Strings, []byte{0}) {
			if len(own) > 0 {
				if _, ok := h.offsets[string(own[:len(own)-1])]; !ok {
					h.offsets[string(own[:len(own)-1])] = at
				}
				at += uint32(len(own))
			}
		}
	}
	off, ok := h.offsets[s]
	if !ok {
		off = start + uint32(len(h.blob.Strings))
		h.blob.Strings = append(append(slices.Clip(h.blob.Strings), s...), 0)
		h.offsets[s] = off
	}
	return off
}
