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
	n := &Names{end: make([]uint32, 1, 1<<12), hash: append(make([]uint64, 0, 1<<12), hashName(nil))}
	n.reset()
	return n
}

// reset drops all strings but the empty one.
func (n *Names) reset() {
	n.bytes, n.end, n.hash = n.bytes[:0], n.end[:1], n.hash[:1]
	n.slots = rezeroed(n.slots, 1<<13)
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
func (n *Names) Intern(s []byte) Name { return n.intern(s, hashName(s)) }

func (n *Names) intern(s []byte, h uint64) Name {
	id, i := n.find(s, h)
	if id != 0 || len(s) == 0 {
		return id
	}
	id = Name(len(n.end))
	n.bytes = append(n.bytes, s...)
	n.end = append(n.end, uint32(len(n.bytes)))
	n.hash = append(n.hash, h)
	n.slots[i] = id
	if len(n.end)*2 > len(n.slots) {
		n.grow()
	}
	return id
}

// Find gives the number of a string, 0 if it is empty or not there.
func (n *Names) Find(s []byte) Name {
	id, _ := n.find(s, hashName(s))
	return id
}

// find gives the number of a string, or 0 and the slot that is free for it.
func (n *Names) find(s []byte, h uint64) (id Name, slot uint64) {
	mask := uint64(len(n.slots) - 1)
	for slot = h & mask; n.slots[slot] != 0; slot = (slot + 1) & mask {
		if id := n.slots[slot]; n.hash[id] == h && bytes.Equal(n.Bytes(id), s) {
			return id, slot
		}
	}
	return 0, slot
}

func (n *Names) grow() {
	n.slots = rezeroed(n.slots, 2*len(n.slots))
	mask := uint64(len(n.slots) - 1)
	for id := 1; id < len(n.hash); id++ {
		i := n.hash[id] & mask
		for n.slots[i] != 0 {
			i = (i + 1) & mask
		}
		n.slots[i] = Name(id)
	}
}

// unitNames are the strings of one unit. Most of what a unit says has been said by other units: a string is only hashed, and
// interned when a type that is new to the module needs it. A string may have several numbers: few are used twice by one unit
// (18 % in i915.ko), too few to look them up.
type unitNames struct {
	list      []unitName
	low, high uint64
	sum       byte
}

type unitName struct {
	hash   uint64
	place  Place
	length uint32 // bytes; 0 until it is hashed
	global Name   // in the module's Names, 0 if not interned yet
}

// Place says where a string stands: the number of a table (2 bits, the upper ones) and the offset in it.
type Place uint64

const placeBits = 62

// at gives the table that a string stands in, and the offset there.
func (u *Unit) at(p Place) (tab []byte, off uint64) {
	return u.Tables[p>>placeBits], uint64(p) & (1<<placeBits - 1)
}

func (n *unitNames) reset() {
	n.list = append(n.list[:0], unitName{hash: hashName(nil)})
	n.low, n.high = 0, 0
}

// NameAt gives a number to the NUL-terminated string at place, 0 if it is empty; ok is false if the place does not exist.
func (u *Unit) NameAt(place Place) (id Name, ok bool) {
	tab, off := u.at(place)
	if off >= uint64(len(tab)) || off >= 1<<32 {
		return 0, false
	}
	if u.OwnStrings && place>>placeBits == 0 && (off < u.names.low || off >= u.names.high) {
		u.touch(tab, off)
	}
	if tab[off] == 0 {
		return 0, true
	}
	u.names.list = append(u.names.list, unitName{place: place})
	return Name(len(u.names.list) - 1), true
}

// touch reads the lines of memory between the strings that were met and one that is new. The compiler wrote the strings of a unit one
// after the other, but in another order than DIEs refer to them: memory is much faster to read from end to end.
func (u *Unit) touch(tab []byte, off uint64) {
	const line, far = 64, 128 << 10 // bytes; what is farther away belongs to other units
	n := &u.names
	switch {
	case n.high == 0:
		n.low, n.high = off, off
	case off < n.low && n.low-off < far:
		for at := n.low; at > off; at -= min(line, at-off) {
			n.sum += tab[at]
		}
		n.low = off
	case off >= n.high && off-n.high < far:
		for at := n.high; at < off; at += line {
			n.sum += tab[at]
		}
		n.high = off + line
	}
}

// HashNames finds the ends of all names and hashes them: before Hash. All at once is faster than one by one, as none has to wait for the
// memory of the one before. It returns the place of the first string that has no end, if ok is false.
func (u *Unit) HashNames() (unended Place, ok bool) {
	list := u.names.list
	for i := 1; i < len(list); i++ {
		if x := &list[i]; !u.hashName(x) {
			return x.place, false
		}
	}
	return 0, true
}

func (u *Unit) hashName(x *unitName) (ok bool) {
	tab, off := u.at(x.place)
	x.hash, x.length, ok = hashString(tab, uint32(off))
	return ok
}

// FindName gives the number that a string of the unit has in a table, 0 if it is not there.
func (u *Unit) FindName(in *Names, n Name) Name {
	if n == 0 {
		return 0
	}
	x := &u.names.list[n]
	if x.length == 0 && !u.hashName(x) {
		return 0
	}
	id, _ := in.find(u.Text(n), x.hash)
	return id
}

// Text gives the bytes of a string, nil if it has no end.
func (u *Unit) Text(n Name) []byte {
	if n == 0 {
		return nil
	}
	x := &u.names.list[n]
	tab, off := u.at(x.place)
	if x.length > 0 {
		return tab[off : off+uint64(x.length)]
	}
	if end := bytes.IndexByte(tab[off:], 0); end >= 0 {
		return tab[off : off+uint64(end)]
	}
	return nil
}

// Intern gives the module's number of a unit's string.
func (m *Module) Intern(u *Unit, n Name) Name {
	if n == 0 {
		return 0
	}
	x := &u.names.list[n]
	if x.global == 0 || x.global&later != 0 {
		x.global = m.Names.intern(u.Text(n), x.hash)
	}
	return x.global
}

// later marks the name of a part that is not interned until it is written: most types turn out to be the base's. The rest of it is an
// index into Module.places.
const later = Name(1) << 31

// internLater gives a name for a part of a type.
func (m *Module) internLater(u *Unit, n Name) Name {
	if n == 0 {
		return 0
	}
	x := &u.names.list[n]
	if x.global == 0 {
		x.global = later | Name(len(m.places))
		m.places = append(m.places, x.place)
	}
	return x.global
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

// hashName hashes the bytes of a name, the same on every machine: the hashes of a base may be kept in a file. It takes 16 bytes at a
// time; the last ones, fewer, are filled up with zeros.
func hashName(s []byte) uint64 {
	h, n := uint64(mix2), len(s)
	for ; len(s) >= 16; s = s[16:] {
		h = fold2(binary.LittleEndian.Uint64(s)^h, binary.LittleEndian.Uint64(s[8:])^mix0)
	}
	var last [16]byte
	copy(last[:], s)
	h = fold2(binary.LittleEndian.Uint64(last[:])^h, binary.LittleEndian.Uint64(last[8:])^mix0)
	return fold(h^uint64(n), mix1)
}

// fold2 is fold of two numbers that both vary.
func fold2(x, y uint64) uint64 {
	hi, lo := bits.Mul64(x, y)
	return hi ^ lo
}

// maxString is how long a string may be, in bytes. Strings may overlap: many long ones fit into few bytes, and would take forever to be
// hashed, and a lot of memory. What is longer than maxName is refused with its name when it is to be written.
const maxString = 2 * maxName

// hashString is hashCString of a string that is not too long.
func hashString(tab []byte, off uint32) (h uint64, n uint32, ok bool) {
	return hashCString(tab[:min(uint64(len(tab)), uint64(off)+maxString)], off)
}

// hashCString is hashName of the NUL-terminated string at off, found and hashed in one go. n is the string's length; ok is false if no
// NUL follows. Nearly all names are shorter than 16 bytes: for those it does not branch, as lengths cannot be predicted.
func hashCString(tab []byte, off uint32) (h uint64, n uint32, ok bool) {
	h = mix2
	for at := uint64(off); at+16 <= uint64(len(tab)); at += 16 {
		w0, w1 := binary.LittleEndian.Uint64(tab[at:]), binary.LittleEndian.Uint64(tab[at+8:])
		zero0, zero1 := zeroByte(w0), zeroByte(w1)
		if zero0|zero1 == 0 {
			h = fold2(w0^h, w1^mix0)
			continue
		}
		n0, n1 := uint32(bits.TrailingZeros64(zero0)/8), uint32(bits.TrailingZeros64(zero1)/8) // 8 if there is none
		second := uint64(int64(zero0|-zero0)>>63) ^ ^uint64(0)                                 // all ones if it ends in w1
		w0 &= zero0 ^ (zero0 - 1)
		w1 &= (zero1 ^ (zero1 - 1)) & second
		n = uint32(at) - off + n0 + n1&uint32(second)
		h = fold2(w0^h, w1^mix0)
		return fold(h^uint64(n), mix1), n, true
	}
	if off >= uint32(len(tab)) {
		return 0, 0, false
	}
	k := bytes.IndexByte(tab[off:], 0)
	if k < 0 {
		return 0, 0, false
	}
	return hashName(tab[off : off+uint32(k)]), uint32(k), true
}

// zeroByte is 0 if no byte of w is 0; else its lowest bit that is set is the highest of the first such byte.
func zeroByte(w uint64) uint64 { return (w - 0x0101010101010101) &^ w & 0x8080808080808080 }
