// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"encoding/binary"
	"slices"
	"testing"
)

func TestParseBlobErrors(t *testing.T) {
	good, err := marshal(nil, []byte{0}, binary.LittleEndian, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		change func(b []byte) []byte
		want   string
	}{
		{"shorter than a header", func(b []byte) []byte { return b[:23] },
			"BTF of 23 bytes is shorter than its header"},
		{"no magic", func(b []byte) []byte { b[0] = 0; return b }, "no BTF magic (found 0xeb00)"},
		{"version", func(b []byte) []byte { b[2] = 2; return b },
			"BTF version 2, only version 1 is supported"},
		{"header length", func(b []byte) []byte { b[4] = 99; return b },
			"BTF header length 99 of 25 bytes"},
		{"truncated strings", func(b []byte) []byte { return b[:24] },
			"truncated BTF: strings at offset 0, 1 bytes, in a body of 0"},
		{"strings without NUL", func(b []byte) []byte { b[24] = 'x'; return b },
			"malformed BTF: string section does not end with NUL"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := ParseBlob(tt.change(slices.Clone(good))); err == nil ||
				err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// BTF in either byte order parses to the same types.
func TestBigEndianBlob(t *testing.T) {
	little := sampleBlob(t)
	raw, err := marshal(little.Types, little.Strings, binary.BigEndian, false)
	if err != nil {
		t.Fatal(err)
	}
	if raw[0] != 0xeb || raw[1] != 0x9f {
		t.Errorf("magic % x", raw[:2])
	}
	big, err := ParseBlob(raw)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(big.Types, little.Types) || big.Order != binary.ByteOrder(binary.BigEndian) {
		t.Error("types differ after a round trip")
	}
}
