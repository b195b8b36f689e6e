// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfdiff

import (
	"fmt"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// Tags is a set of structs, unions and enums by name.
type Tags map[tag]bool

// Has reports whether a class is a type of one of the tags, defined or declared.
func (t Tags) Has(c Class) bool {
	switch c.Kind {
	case btfraw.Fwd:
		return t[tag{btfraw.Struct, c.Name}] || t[tag{btfraw.Union, c.Name}]
	case btfraw.Enum64:
		return t[tag{btfraw.Enum, c.Name}]
	}
	return t[tag{c.Kind, c.Name}]
}

// Apart returns a base for comparisons in which a reference to one of the tags counts by kind and
// name only. Remaining differences do not result from the definitions of these tags.
func (b *Base) Apart(tags Tags) (*Base, error) { return newBase(b.blob, tags) }

// Conflicting returns the tags with several definitions that both splits know: each split has a
// definition of its own, and it or the base has another one. Definitions that differ only through
// another tag count as one, so that the set has only the tags that cause a conflict (see
// cutHashes).
func (b *Base) Conflicting(rawA, rawB []byte) (Tags, error) {
	var conflicting [2]Tags
	for i, raw := range [][]byte{rawA, rawB} {
		w, err := newWhole(b, raw, b.names())
		if err != nil {
			return nil, fmt.Errorf("split: %w", err)
		}
		conflicting[i] = w.conflicting()
	}
	both := make(Tags)
	for t := range conflicting[0] {
		if conflicting[1][t] {
			both[t] = true
		}
	}
	return both, nil
}

func (w *whole) conflicting() Tags {
	tags := make(Tags)
	for t, nodes := range w.definitions {
		known := make(map[uint64]bool)
		for _, c := range w.base.definitions[t] {
			known[w.base.cut[w.base.member[c]]] = true
		}
		own := false
		for _, node := range nodes {
			own = own || !known[w.cut[node]]
		}
		for _, node := range nodes {
			known[w.cut[node]] = true
		}
		if own && len(known) > 1 {
			tags[t] = true
		}
	}
	return tags
}

// PrototypeOf returns the id of the FUNC_PROTO of a split's FUNC, and the number of the split's types
// that refer to it.
func (b *Base) PrototypeOf(raw []byte, function uint32) (id uint32, referrers int, err error) {
	split, err := btfraw.Read(raw, b.blob)
	if err != nil {
		return 0, 0, fmt.Errorf("split: %w", err)
	}
	id = split.Record(function).Type()
	for r := range split.All {
		for _, ref := range references(r, nil) {
			if ref == id {
				referrers++
			}
		}
	}
	return id, referrers, nil
}

// A Variable is an entry of a DATASEC.
type Variable struct {
	Section, Name string
	Offset, Size  uint32 // in bytes
}

// Variables returns the entries of a split's DATASECs.
func (b *Base) Variables(raw []byte) ([]Variable, error) {
	split, err := btfraw.Read(raw, b.blob)
	if err != nil {
		return nil, fmt.Errorf("split: %w", err)
	}
	var list []Variable
	for r := range split.All {
		if r.Kind() != btfraw.Datasec {
			continue
		}
		for _, e := range variables(r) {
			list = append(list, Variable{r.Name(), typeName(split, e.Type), e.Offset, e.Size})
		}
	}
	return list, nil
}
