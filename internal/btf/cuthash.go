// SPDX-License-Identifier: GPL-2.0-only

package btf

import "math/bits"

// # Equality
//
// Two types are the same if no reader that follows references can tell them apart. In C every cycle of references passes through
// a struct or union that has a tag, so there is a hash that sees nearly all of a type without walking cycles:
//
// The cut hash of a type covers its kind, name and numbers and, for each reference, the cut hash of what it refers to - except
// that a struct, union or enum with a tag, or a forward declaration of one, contributes only its kind and name. Anonymous ones
// are hashed through.
//
// Types with one cut hash are the same unless a tag that they can reach means different things: has several definitions, here
// or in the base. Those few are told apart afterwards (resolve.go).

// Hash is a cut hash of 128 bits. Two types with one hash are taken as alike: by chance that errs once in 10^19 kernels.
type Hash struct{ lo, hi uint64 }

// mix takes 128 bits, half by each lane.
func (h *Hash) mix(a, b uint64) {
	a, b = a^h.lo, b^h.hi
	h.lo = fold(a, mix0) ^ bits.RotateLeft64(a, 29)
	h.hi = fold(b, mix1) ^ bits.RotateLeft64(b, 17)
}

// add takes a name's hash and a number.
func (h *Hash) add(name uint64, number uint64) {
	h.mix(name^bits.RotateLeft64(number, 40), name+number*mix2)
}

func (h *Hash) addHash(x Hash) { h.mix(x.lo, x.hi) }

// addPart takes a member or parameter: its name's hash, its offset, and what its type contributes.
func (h *Hash) addPart(name uint64, number uint64, x Hash) {
	h.mix(name^bits.RotateLeft64(number, 40)^x.lo, (name+number*mix2)^bits.RotateLeft64(x.hi, 23))
}

// tagClass is the name space of a tag, and what a reference to it contributes besides the name. ENUM and ENUM64 are one class:
// which it is only its definition tells.
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

// tagHash is what a reference to a tag contributes.
func tagHash(c tagClass, name uint64) Hash {
	h := Hash{mix2, mix0}
	h.add(name, uint64(c))
	return h
}

// voidHash is what a reference to void contributes.
var voidHash = Hash{mix1, mix2}

// begin starts the cut hash of a type: its kind, vlen and kind_flag, its name, and its size or other number (not a reference).
func begin(info uint32, name uint64, number uint32) Hash {
	h := Hash{mix0, mix1}
	h.add(name, uint64(info)<<32|uint64(number))
	return h
}
