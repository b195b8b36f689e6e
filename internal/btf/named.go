// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"fmt"
)

// A NamedType is a type as code refers to it: by kind and name.
type NamedType struct {
	Kind Kind
	Name string
}

// FindNamed returns the ids of types. blobs are BTF and the splits on top of it, in order; of several
// types of one kind and name, the first one counts.
func FindNamed(types []NamedType, blobs ...*Blob) (map[NamedType]uint32, error) {
	wanted := make(map[NamedType]bool, len(types))
	for _, t := range types {
		wanted[t] = true
	}
	found := make(map[NamedType]uint32, len(types))
	err := eachNamed(blobs, func(id uint32, kind Kind, name []byte) {
		if t := (NamedType{kind, string(name)}); wanted[t] && found[t] == 0 {
			found[t] = id
		}
	})
	return found, err
}

// NamesOf is the reverse of FindNamed. Ids of other kinds of types are left out.
func NamesOf(ids []uint32, blobs ...*Blob) (map[uint32]NamedType, error) {
	wanted := make(map[uint32]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	found := make(map[uint32]NamedType, len(ids))
	err := eachNamed(blobs, func(id uint32, kind Kind, name []byte) {
		if wanted[id] {
			found[id] = NamedType{kind, string(name)}
		}
	})
	return found, err
}

// eachNamed visits the structs, unions, typedefs and functions in the order of their ids.
func eachNamed(blobs []*Blob, visit func(id uint32, kind Kind, name []byte)) error {
	id, firstString := uint32(0), 0
	for i, b := range blobs {
		for pos := 0; pos < len(b.Types); {
			end, ok := typeEnd(b.Types, pos)
			if !ok {
				return fmt.Errorf("malformed BTF type at offset %d", pos)
			}
			id++
			off, kind := int(le32(b.Types[pos:])), infoKind(le32(b.Types[pos+4:]))
			pos = end
			switch kind {
			case KindStruct, KindUnion, KindTypedef, KindFunc:
				visit(id, kind, nameAt(blobs[:i+1], firstString, off))
			}
		}
		firstString += len(b.Strings)
	}
	return nil
}

// nameAt returns a name of the last blob, whose strings start at offset firstString.
func nameAt(blobs []*Blob, firstString, off int) []byte {
	for i := len(blobs) - 1; off < firstString && i > 0; i-- {
		firstString -= len(blobs[i-1].Strings)
		blobs = blobs[:i]
	}
	strings := blobs[len(blobs)-1].Strings
	if off -= firstString; off < 0 || off >= len(strings) {
		return nil
	}
	name := strings[off:]
	return name[:max(0, bytes.IndexByte(name, 0))]
}
