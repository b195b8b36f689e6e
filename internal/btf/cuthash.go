// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import "math/bits"

// # Equality
//
// Two types are equal if no reader that follows references can distinguish them. In C every cycle
// of references passes through a struct or union with a tag. That allows a hash that covers nearly
// all of a type without walking cycles:
//
// The cut hash of a type covers its kind, name and numbers and, for each reference, the cut hash of
// the type referred to. References to a struct, union or enum with a tag, or to a forward
// declaration of one, are cut: they contribute only kind and name. Types without a tag are hashed
// through.
//
// Types with the same cut hash are equal unless they reach a tag with several definitions, in the
// module or in the base. Those few are distinguished later (resolve.go).

// Hash is a cut hash of 128 bits. Types with the same hash are treated as equal; the chance of a
// collision in a kernel is about 1 in 10^19.
type Hash struct{ lo, hi uint64 }

// mix adds 128 bits, half to each lane.
func (h *Hash) mix(a, b uint64) {
	a, b = a^h.lo, b^h.hi
	h.lo = fold(a, mix0) ^ bits.RotateLeft64(a, 29)
	h.hi = fold(b, mix1) ^ bits.RotateLeft64(b, 17)
}

// add adds a name's hash and a number.
func (h *Hash) add(name uint64, number uint64) {
	h.mix(name^bits.RotateLeft64(number, 40), name+number*mix2)
}

func (h *Hash) addHash(x Hash) { h.mix(x.lo, x.hi) }

// addMember adds a member or parameter: its name's hash, its offset, and the hash of its type.
func (h *Hash) addMember(name uint64, number uint64, x Hash) {
	h.mix(name^bits.RotateLeft64(number, 40)^x.lo, (name+number*mix2)^bits.RotateLeft64(x.hi, 23))
}

// tagClass is the name space of a tag. A reference to a tag contributes its class and name. ENUM
// and ENUM64 share a class: only the definition shows which one it is.
type tagClass uint8

const (
	notTag tagClass = iota
	structTag
	unionTag
	enumTag
)

func tagClassOf(k Kind, kindFlag bool) tagClass {
	switch k {
	case KindStruct:
		return structTag
	case KindUnion:
		return unionTag
	case KindEnum, KindEnum64:
		return enumTag
	case KindFwd:
		if kindFlag {
			return unionTag
		}
		return structTag
	}
	return notTag
}

// tagHash returns what a reference to a tag contributes.
func tagHash(c tagClass, name uint64) Hash {
	h := Hash{mix2, mix0}
	h.add(name, uint64(c))
	return h
}

// voidHash is what a reference to void contributes.
var voidHash = Hash{mix1, mix2}

// newHash starts the cut hash of a type from its kind, vlen and kind_flag (info), its name's hash,
// and its size or other number that is not a reference.
func newHash(info uint32, name uint64, number uint32) Hash {
	h := Hash{mix0, mix1}
	h.add(name, uint64(info)<<32|uint64(number))
	return h
}
