// SPDX-License-Identifier: GPL-2.0-only

package btf

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// Name is the number of a string in a Names. 0 is the empty string, the name of what has none.
type Name uint32

// Names interns the strings of one module: equal strings have equal numbers.
type Names struct {
	bytes []byte   // all strings, one after the other
	end   []uint32 // end[n]: where string n ends in bytes; it begins where n-1 ends
	hash  []uint64
	slots []Name // open addressing, 0 is free
}

// NewNames makes a table that holds the empty string only.
func NewNames() *Names {
	return &Names{end: make([]uint32, 1, 1<<12), hash: append(make([]uint64, 0, 1<<12), hashName(nil)), slots: make([]Name, 1<<13)}
}

// Bytes gives a string.
func (n *Names) Bytes(id Name) []byte {
	if id == 0 {
		return nil
	}
	return n.bytes[n.end[id-1]:n.end[id]]
}

// String gives a string.
func (n *Names) String(id Name) string { return string(n.Bytes(id)) }

// Len is the number of strings, the empty one included.
func (n *Names) Len() int { return len(n.end) }

// Intern finds or adds a string.
func (n *Names) Intern(s []byte) Name {
	if len(s) == 0 {
		return 0
	}
	h := hashName(s)
	mask := uint64(len(n.slots) - 1)
	i := h & mask
	for ; n.slots[i] != 0; i = (i + 1) & mask {
		if id := n.slots[i]; n.hash[id] == h && bytes.Equal(n.Bytes(id), s) {
			return id
		}
	}
	id := Name(len(n.end))
	n.bytes = append(n.bytes, s...)
	n.end = append(n.end, uint32(len(n.bytes)))
	n.hash = append(n.hash, h)
	n.slots[i] = id
	if len(n.end)*2 > len(n.slots) {
		n.grow()
	}
	return id
}

func (n *Names) grow() {
	n.slots = make([]Name, 2*len(n.slots))
	mask := uint64(len(n.slots) - 1)
	for id := 1; id < len(n.hash); id++ {
		i := n.hash[id] & mask
		for n.slots[i] != 0 {
			i = (i + 1) & mask
		}
		n.slots[i] = Name(id)
	}
}

// Odd constants with many bits set, from the fractional parts of square roots: they only have to mix.
const (
	mix0 = 0x9e3779b97f4a7c15
	mix1 = 0xbb67ae8584caa73b
	mix2 = 0x3c6ef372fe94f82b
)

// fold multiplies to 128 bits and folds the halves: every bit of the result depends on every bit of x.
func fold(x, by uint64) uint64 {
	hi, lo := bits.Mul64(x, by)
	return hi ^ lo
}

// hashName hashes the bytes of a name, the same on every machine: the hashes of a base may be kept in a file.
func hashName(s []byte) uint64 {
	h := uint64(len(s)) * mix2
	for ; len(s) > 8; s = s[8:] {
		h = fold(h^binary.LittleEndian.Uint64(s), mix0) + mix1
	}
	var w uint64
	switch {
	case len(s) >= 4:
		w = uint64(binary.LittleEndian.Uint32(s))<<32 | uint64(binary.LittleEndian.Uint32(s[len(s)-4:]))
	case len(s) > 0:
		w = uint64(s[0])<<16 | uint64(s[len(s)/2])<<8 | uint64(s[len(s)-1])
	}
	return fold(fold(h^w, mix0)^mix1, mix2)
}
