// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

import (
	"encoding/binary"
	"math"
	"testing"
)

func TestULEB(t *testing.T) {
	for _, test := range []struct {
		bytes string
		want  uint64
		n     int
	}{
		// DWARF 5, table 7.7.
		{"\x02", 2, 1},
		{"\x7f", 127, 1},
		{"\x80\x01", 128, 2},
		{"\x81\x01", 129, 2},
		{"\xb9\x64", 12857, 2},
		{"\x00", 0, 1},
		{"\x80\x80\x00", 0, 3}, // padded, as assemblers leave it for the linker to fill in
		{"\x05\xff", 5, 1},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", math.MaxUint64, 10},
		// more than 64 bits
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", math.MaxUint64, 12},
		{"", 0, 0},
		{"\x80", 0, 0},
		{"\xff\xff\xff", 0, 0},
	} {
		if v, n := uleb([]byte(test.bytes)); v != test.want || n != test.n {
			t.Errorf("uleb(% x) = %#x, %d, want %#x, %d", test.bytes, v, n, test.want, test.n)
		}
	}
	for shift := range 64 {
		for _, want := range []uint64{1 << shift, 1<<shift - 1, 1<<shift | 1} {
			if v, n := uleb(binary.AppendUvarint(nil, want)); v != want ||
				n != len(binary.AppendUvarint(nil, want)) {
				t.Errorf("uleb of %#x is %#x, %d bytes", want, v, n)
			}
		}
	}
}

func TestSLEB(t *testing.T) {
	for _, test := range []struct {
		bytes string
		want  int64
		n     int
	}{
		// DWARF 5, table 7.8.
		{"\x02", 2, 1},
		{"\x7e", -2, 1},
		{"\xff\x00", 127, 2},
		{"\x81\x7f", -127, 2},
		{"\x80\x01", 128, 2},
		{"\x80\x7f", -128, 2},
		{"\x81\x01", 129, 2},
		{"\xff\x7e", -129, 2},
		{"\x7f", -1, 1},
		{"\xff\xff\x7f", -1, 3},
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00", math.MaxInt64, 10},
		{"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7f", math.MinInt64, 10},
		{"\x80\x80\x80\x80\x80\x80\x80\x80\x80\xff\x7f", math.MinInt64, 11}, // more than 64 bits
		{"", 0, 0},
		{"\xff", 0, 0},
	} {
		if v, n := sleb([]byte(test.bytes)); v != test.want || n != test.n {
			t.Errorf("sleb(% x) = %d, %d, want %d, %d", test.bytes, v, n, test.want, test.n)
		}
	}
}
