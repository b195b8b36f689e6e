// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"encoding/binary"
	"slices"
	"testing"
)

// A module that refers to no type of its base gets a small base with one type, because kernels
// refuse an empty base.
func TestDistilEmpty(t *testing.T) {
	base := mustBase(t, sampleBlob(t))
	split, err := marshal(nil, nil, binary.LittleEndian, false)
	if err != nil {
		t.Fatal(err)
	}
	_, small, err := Distil(base, split)
	if err != nil {
		t.Fatal(err)
	}
	blob, err := ParseBlob(small)
	if err != nil {
		t.Fatal(err)
	}
	if got := mustBase(t, blob); got.NumTypes() != 1 || infoKind(got.info(1)) != KindInt {
		t.Errorf("%d types", got.NumTypes())
	}
}

// An INT without a name cannot be looked up in a kernel, so it moves to the split BTF.
func TestDistilWithoutNames(t *testing.T) {
	base := mustBase(t, blobOf(t, []uint32{0, info(KindInt, 0, false), 4, 32, 1,
		info(KindInt, 0, false), 8, 64}, "\x00long\x00"))
	split := blobOf(t, []uint32{0, info(KindPtr, 0, false), 1}, "")
	raw, err := marshal(split.Types, nil, binary.LittleEndian, false)
	if err != nil {
		t.Fatal(err)
	}
	own, small, err := Distil(base, raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []struct {
		raw  []byte
		want []Kind
	}{{small, []Kind{KindInt}}, {own, []Kind{KindPtr, KindInt}}} {
		blob, err := ParseBlob(part.raw)
		if err != nil {
			t.Fatal(err)
		}
		var got []Kind
		for pos := 0; pos < len(blob.Types); {
			got = append(got, infoKind(le32(blob.Types[pos+4:])))
			pos, _ = typeEnd(blob.Types, pos)
		}
		if !slices.Equal(got, part.want) {
			t.Errorf("got %v, want %v", got, part.want)
		}
	}
}
