// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// Name is the number of a string in Names, or in a Unit. 0 is the empty string.
type Name uint32

// Names interns the strings of a module: equal strings have equal numbers.
type Names struct {
	bytes []byte   // all strings, concatenated
	end   []uint32 // end[n]: end of string n in bytes, and start of string n+1
	hash  []uint64
	slots []Name // open addressing; 0 is free
}

// NewNames returns a table with the empty string only.
func NewNames() *Names {
	n := &Names{
		end:  make([]uint32, 1, 1<<12),
		hash: append(make([]uint64, 0, 1<<12), hashName(nil)),
	}
	n.reset()
	return n
}

// reset drops all strings except the empty one.
func (n *Names) reset() {
	n.bytes, n.end, n.hash = n.bytes[:0], n.end[:1], n.hash[:1]
	n.slots = reuseZeroed(n.slots, 1<<13)
}

// Bytes returns a string. It is valid until the module is reset.
func (n *Names) Bytes(id Name) []byte {
	if id == 0 {
		return nil
	}
	return n.bytes[n.end[id-1]:n.end[id]]
}

// String returns a string.
func (n *Names) String(id Name) string { return string(n.Bytes(id)) }

// Len returns the number of strings, including the empty one.
func (n *Names) Len() int { return len(n.end) }

// Intern returns the number of a string, which is added if it is new.
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

// Find returns the number of a string, or 0 if it is empty or unknown.
func (n *Names) Find(s []byte) Name {
	id, _ := n.find(s, hashName(s))
	return id
}

// find returns the number of a string, or 0 and the free slot for it.
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
	n.slots = reuseZeroed(n.slots, 2*len(n.slots))
	mask := uint64(len(n.slots) - 1)
	for id := 1; id < len(n.hash); id++ {
		i := n.hash[id] & mask
		for n.slots[i] != 0 {
			i = (i + 1) & mask
		}
		n.slots[i] = Name(id)
	}
}

// unitNames are the strings of a unit. Most of them occur in earlier units: strings are only
// hashed, and interned when a type that is new to the module needs them. Equal strings may have
// several numbers: too few occur twice in a unit (18 % in i915.ko) for a lookup to pay off.
type unitNames struct {
	list      []unitName
	low, high uint64
	sink      byte
}

type unitName struct {
	hash   uint64
	ref    StringRef
	length uint32 // bytes; 0 until it is hashed
	global Name   // number in the module's Names, or deferred; 0 if there is none yet
}

// StringRef is the location of a string: the number of a table (upper 2 bits) and an offset in
// bytes.
type StringRef uint64

const refOffBits = 62

// stringAt returns the table that a string is in, and its offset.
func (u *Unit) stringAt(ref StringRef) (tab []byte, off uint64) {
	return u.Tables[ref>>refOffBits], uint64(ref) & (1<<refOffBits - 1)
}

func (n *unitNames) reset() {
	n.list = append(n.list[:0], unitName{hash: hashName(nil)})
	n.low, n.high = 0, 0
}

// NameAt returns a number for the NUL-terminated string at ref, 0 if it is empty; ok is false if
// ref is outside its table.
func (u *Unit) NameAt(ref StringRef) (id Name, ok bool) {
	tab, off := u.stringAt(ref)
	if off >= uint64(len(tab)) || off >= 1<<32 {
		return 0, false
	}
	if u.StringsPerUnit && ref>>refOffBits == 0 && (off < u.names.low || off >= u.names.high) {
		u.prefetch(tab, off)
	}
	if tab[off] == 0 {
		return 0, true
	}
	u.names.list = append(u.names.list, unitName{ref: ref})
	return Name(len(u.names.list) - 1), true
}

// prefetch reads the cache lines between the strings seen so far and a new one. Compilers write the
// strings of a unit next to each other, but in another order than the DIEs refer to them; memory is
// much faster when it is read sequentially.
func (u *Unit) prefetch(tab []byte, off uint64) {
	const line, far = 64, 128 << 10 // bytes; strings farther away belong to other units
	n := &u.names
	switch {
	case n.high == 0:
		n.low, n.high = off, off
	case off < n.low && n.low-off < far:
		for at := n.low; at > off; at -= min(line, at-off) {
			n.sink += tab[at]
		}
		n.low = off
	case off >= n.high && off-n.high < far:
		for at := n.high; at < off; at += line {
			n.sink += tab[at]
		}
		n.high = off + line
	}
}

// HashNames finds the ends of all names and hashes them. It must be called before Hash. A batch is
// faster than hashing names one by one, because the loads do not wait for each other. If a string
// has no end, ok is false and unended is the first such string.
func (u *Unit) HashNames() (unended StringRef, ok bool) {
	list := u.names.list
	for i := 1; i < len(list); i++ {
		if x := &list[i]; !u.hashName(x) {
			return x.ref, false
		}
	}
	return 0, true
}

func (u *Unit) hashName(x *unitName) (ok bool) {
	tab, off := u.stringAt(x.ref)
	x.hash, x.length, ok = hashString(tab, uint32(off))
	return ok
}

// FindName returns the number of a unit's string in another table, or 0 if that does not contain it.
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

// Text returns the bytes of a string, nil if it has no end.
func (u *Unit) Text(n Name) []byte {
	if n == 0 {
		return nil
	}
	x := &u.names.list[n]
	tab, off := u.stringAt(x.ref)
	if x.length > 0 {
		return tab[off : off+uint64(x.length)]
	}
	if end := bytes.IndexByte(tab[off:], 0); end >= 0 {
		return tab[off : off+uint64(end)]
	}
	return nil
}

// Intern returns the module's number of a unit's string.
func (m *Module) Intern(u *Unit, n Name) Name {
	if n == 0 {
		return 0
	}
	x := &u.names.list[n]
	if x.global == 0 || x.global&deferred != 0 {
		x.global = m.Names.intern(u.Text(n), x.hash)
	}
	return x.global
}

// deferred marks the name of a member, enumerator or parameter that is interned only when it is
// written: most types turn out to be in the base. The other bits are an index into
// Module.deferredNames.
const deferred = Name(1) << 31

// deferName returns the name of a member, enumerator or parameter, deferred unless it is interned.
func (m *Module) deferName(u *Unit, n Name) Name {
	if n == 0 {
		return 0
	}
	x := &u.names.list[n]
	if x.global == 0 {
		x.global = deferred | Name(len(m.deferredNames))
		m.deferredNames = append(m.deferredNames, x.ref)
	}
	return x.global
}

// Arbitrary odd constants with many bits set, from the fractional parts of square roots.
const (
	mix0 = 0x9e3779b97f4a7c15
	mix1 = 0xbb67ae8584caa73b
	mix2 = 0x3c6ef372fe94f82b
)

// fold multiplies to 128 bits and folds the halves: every bit of the result depends on every bit of
// x.
func fold(x, by uint64) uint64 {
	hi, lo := bits.Mul64(x, by)
	return hi ^ lo
}

// hashName hashes the bytes of a name, 16 at a time; the rest is padded with zeros. The result is
// the same on all machines, since base files store hashes.
func hashName(s []byte) uint64 {
	h, n := uint64(mix2), len(s)
	for ; len(s) >= 16; s = s[16:] {
		h = foldPair(binary.LittleEndian.Uint64(s)^h, binary.LittleEndian.Uint64(s[8:])^mix0)
	}
	var last [16]byte
	copy(last[:], s)
	h = foldPair(binary.LittleEndian.Uint64(last[:])^h, binary.LittleEndian.Uint64(last[8:])^mix0)
	return fold(h^uint64(n), mix1)
}

// foldPair is fold of two numbers that both vary.
func foldPair(x, y uint64) uint64 {
	hi, lo := bits.Mul64(x, y)
	return hi ^ lo
}

// maxString limits the length of a string in bytes. Strings may overlap, so that a small damaged
// file could have many long ones, which take very long to hash. Names between maxName and maxString
// are refused when they are written, with a better message.
const maxString = 2 * maxName

// hashString is hashCString for a string of limited length.
func hashString(tab []byte, off uint32) (h uint64, n uint32, ok bool) {
	return hashCString(tab[:min(uint64(len(tab)), uint64(off)+maxString)], off)
}

// hashCString is hashName of the NUL-terminated string at off, in one pass. n is the string's
// length; ok is false if there is no NUL. Most names are shorter than 16 bytes. Those are hashed
// without branches, because lengths are unpredictable.
func hashCString(tab []byte, off uint32) (h uint64, n uint32, ok bool) {
	h = mix2
	for at := uint64(off); at+16 <= uint64(len(tab)); at += 16 {
		w0, w1 := binary.LittleEndian.Uint64(tab[at:]), binary.LittleEndian.Uint64(tab[at+8:])
		zero0, zero1 := zeroByte(w0), zeroByte(w1)
		if zero0|zero1 == 0 {
			h = foldPair(w0^h, w1^mix0)
			continue
		}
		// index of the first zero byte, 8 if there is none
		n0, n1 := uint32(bits.TrailingZeros64(zero0)/8), uint32(bits.TrailingZeros64(zero1)/8)
		// mask: all ones if the string ends in w1
		second := uint64(int64(zero0|-zero0)>>63) ^ ^uint64(0)
		w0 &= zero0 ^ (zero0 - 1)
		w1 &= (zero1 ^ (zero1 - 1)) & second
		n = uint32(at) - off + n0 + n1&uint32(second)
		h = foldPair(w0^h, w1^mix0)
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

// zeroByte returns 0 if no byte of w is 0; else the lowest bit set is the highest bit of the first
// such byte.
func zeroByte(w uint64) uint64 { return (w - 0x0101010101010101) &^ w & 0x8080808080808080 }
