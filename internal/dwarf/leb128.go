// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

// uleb decodes an unsigned LEB128 number (DWARF 5, section 7.6). n is its length in bytes, 0 if b
// is truncated. Bits beyond 64 are dropped.
func uleb(b []byte) (v uint64, n int) {
	var shift uint
	for i, c := range b {
		if shift < 64 {
			v |= uint64(c&0x7f) << shift
		}
		if c < 0x80 {
			return v, i + 1
		}
		shift += 7
	}
	return 0, 0
}

// sleb decodes a signed LEB128 number, like uleb.
func sleb(b []byte) (v int64, n int) {
	var shift uint
	for i, c := range b {
		if shift < 64 {
			v |= int64(c&0x7f) << shift
		}
		shift += 7
		if c < 0x80 {
			if shift < 64 && c&0x40 != 0 {
				v |= -1 << shift
			}
			return v, i + 1
		}
	}
	return 0, 0
}

// lebReader reads a sequence of numbers.
type lebReader struct {
	data      []byte
	pos       int
	truncated bool // by any number
}

func (r *lebReader) uleb() uint64 {
	if r.pos < len(r.data) && r.data[r.pos] < 0x80 {
		r.pos++
		return uint64(r.data[r.pos-1])
	}
	return r.longUleb()
}

func (r *lebReader) longUleb() uint64 {
	v, n := uleb(r.data[r.pos:])
	r.pos, r.truncated = r.pos+n, r.truncated || n == 0
	return v
}

func (r *lebReader) sleb() int64 {
	v, n := sleb(r.data[r.pos:])
	r.pos, r.truncated = r.pos+n, r.truncated || n == 0
	return v
}
