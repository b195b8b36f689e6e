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
	id, firstString := uint32(0), 0
	var strings [][]byte // of the blobs so far, by their number
	var starts []int
	for _, b := range blobs {
		strings, starts = append(strings, b.Strings), append(starts, firstString)
		firstString += len(b.Strings)
		for pos := 0; pos < len(b.Types); {
			end, ok := typeEnd(b.Types, pos)
			if !ok {
				return nil, fmt.Errorf("malformed BTF type at offset %d", pos)
			}
			id++
			off, kind := int(le32(b.Types[pos:])), infoKind(le32(b.Types[pos+4:]))
			pos = end
			switch kind {
			case KindStruct, KindUnion, KindTypedef, KindFunc:
			default:
				continue
			}
			n := len(starts) - 1
			for n > 0 && off < starts[n] {
				n--
			}
			if off -= starts[n]; off >= len(strings[n]) {
				continue
			}
			name := strings[n][off:]
			name = name[:max(0, bytes.IndexByte(name, 0))]
			if t := (NamedType{kind, string(name)}); wanted[t] && found[t] == 0 {
				found[t] = id
			}
		}
	}
	return found, nil
}
