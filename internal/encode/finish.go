// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"fmt"
	"math/bits"

	"github.com/kbtf/kbtf/internal/btf"
)

// finish closes all open types and replaces offsets of DIEs by numbers of types.
func (t *unitTypes) finish() error {
	t.closeTo(0)
	types := t.unit.Types

	before := uint32(0)
	for i := range t.dies {
		run := &t.dies[i]
		run.before = before
		before += uint32(bits.OnesCount64(run.starts))
	}

	var index btf.Ref
	hasArray := false
	for i := range types {
		typ := &types[i]
		switch typ.Kind {
		case btf.KindArray:
			hasArray = true
			typ.To = t.resolve(typ.To)
		case btf.KindInt:
			if index == 0 && string(t.unit.Text(typ.Name)) == "int" {
				index = btf.Ref(i + 1)
			}
		default:
			typ.To = t.resolve(typ.To)
		}
	}
	for i := range t.unit.Members {
		m := &t.unit.Members[i]
		m.Type = t.resolve(m.Type)
	}
	for i := range t.unit.Params {
		p := &t.unit.Params[i]
		p.Type = t.resolve(p.Type)
	}
	if hasArray {
		if index == 0 {
			types = append(types, btf.Type{Kind: btf.KindInt, Name: t.ownName(plainInt), Size: 4,
				Extra: btf.IntSigned<<24 | 32})
			index = btf.Ref(len(types))
		}
		for i := range types {
			if types[i].Kind == btf.KindArray {
				types[i].Index = index
			}
		}
	}
	for _, a := range t.nested {
		elem := types[a.typ].To
		for i := len(a.dims) - 1; i >= 0; i-- {
			types = append(types, btf.Type{Kind: btf.KindArray, To: elem, Index: index,
				Extra: a.dims[i]})
			elem = btf.Ref(len(types))
		}
		types[a.typ].To = elem
	}
	t.finishAnnotations()
	for _, tag := range t.typeTags { // the last one is nearest to the pointer
		types = append(types, btf.Type{Kind: btf.KindTypeTag, Name: tag.name,
			To: types[tag.pointer].To})
		types[tag.pointer].To = btf.Ref(len(types))
	}
	for _, tag := range t.declTags {
		types = append(types, btf.Type{Kind: btf.KindDeclTag, Name: tag.name,
			To: btf.Ref(tag.typ + 1), Extra: tag.component})
	}
	t.unit.Types = types
	for _, e := range t.enum64s {
		if of := t.resolve(e.of); of != 0 {
			typ := &types[of-1]
			types[e.typ].KindFlag = typ.Kind == btf.KindInt && typ.Extra>>24&btf.IntSigned != 0
		}
	}
	for _, f := range t.bitfields {
		m := &t.unit.Members[f.member]
		storage, _ := t.size(m.Type)
		offset := bitfieldOffset(f.location, storage, f.offset, f.size, t.bigEndian)
		if offset > 0xffffff {
			return fmt.Errorf(".debug_info: a bit field at bit %d: too far for BTF", int64(offset))
		}
		m.Offset = uint32(offset) | m.Offset&^0xffffff
	}
	return nil
}

// resolve returns the type of a DIE; void if it has none: DW_TAG_unspecified_type, or a DIE that is
// left out.
func (t *unitTypes) resolve(ref btf.Ref) btf.Ref {
	for range maxAliases {
		if ref == 0 {
			return 0
		}
		off := uint32(ref - 1)
		if i := int(off / 64); i < len(t.dies) {
			run, bit := &t.dies[i], uint64(1)<<(off%64)
			if run.starts&bit != 0 {
				return btf.Ref(run.before) + btf.Ref(bits.OnesCount64(run.starts&(bit-1))) + 1
			}
		}
		ref = t.aliases[off]
	}
	return 0
}

// maxAliases limits chains of _Atomic types. In C a chain has one element.
const maxAliases = 4

// size returns the size of a type in bytes, as sizeof does in C.
func (t *unitTypes) size(ref btf.Ref) (size uint64, ok bool) {
	count := uint64(1)
	for range maxNesting {
		if ref == 0 {
			return 0, false
		}
		switch typ := &t.unit.Types[ref-1]; typ.Kind {
		case btf.KindInt, btf.KindFloat, btf.KindStruct, btf.KindUnion, btf.KindEnum,
			btf.KindEnum64:
			return count * uint64(typ.Size), true
		case btf.KindPtr:
			return count * t.addrSize, true
		case btf.KindArray:
			count *= uint64(typ.Extra)
			ref = typ.To
		case btf.KindTypedef, btf.KindConst, btf.KindVolatile, btf.KindRestrict, btf.KindTypeTag:
			ref = typ.To
		default:
			return 0, false
		}
	}
	return 0, false
}

// maxNesting limits walks along references, which a damaged file could make endless.
const maxNesting = 1000
