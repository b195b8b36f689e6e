// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Types without a name come first, and types of one name keep their order; references follow, those
// to the base stay.
func TestSortByName(t *testing.T) {
	base := blobOf(t, []uint32{1, info(KindInt, 0, false), 4, 32}, "\x00int\x00")
	split := blobOf(t, []uint32{
		7, info(KindStruct, 1, false), 8, 5, 4, 0, // 2: struct b { b *; }
		7, info(KindTypedef, 0, false), 2, // 3: typedef struct b b
		0, info(KindPtr, 0, false), 3, // 4
		5, info(KindTypedef, 0, false), 1, // 5: typedef int a
		1, info(KindTypedef, 0, false), 4, // 6: a name of the base
	}, "a\x00b\x00")
	raw, err := split.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	sorted, err := SortByName(raw, base, 2)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseBlob(sorted)
	if err != nil {
		t.Fatal(err)
	}
	want := blobOf(t, []uint32{
		0, info(KindPtr, 0, false), 5, // 2
		5, info(KindTypedef, 0, false), 1, // 3
		7, info(KindStruct, 1, false), 8, 5, 2, 0, // 4
		7, info(KindTypedef, 0, false), 4, // 5
		1, info(KindTypedef, 0, false), 2, // 6
	}, "a\x00b\x00")
	if diff := cmp.Diff(want.Types, got.Types); diff != "" || string(got.Strings) != "a\x00b\x00" {
		t.Errorf("-want +got\n%s", diff)
	}
	if again, err := SortByName(sorted, base, 2); err != nil || string(again) != string(sorted) {
		t.Errorf("sorted again: %v", err)
	}
}

func TestSortByNameErrors(t *testing.T) {
	for _, tt := range []struct {
		types []uint32
		want  string
	}{
		{[]uint32{0, info(KindPtr, 0, false), 2}, "BTF type 1: reference to type 2, which does not exist"},
		{[]uint32{0, 31 << 24, 0}, "malformed BTF type at offset 0"},
	} {
		raw, err := blobOf(t, tt.types, "\x00").Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := SortByName(raw, &Blob{}, 1); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want %s", err, tt.want)
		}
	}
}

// A base whose types are sorted is recognised.
func TestSortedBase(t *testing.T) {
	for want, types := range map[bool][]uint32{
		true:  {0, info(KindPtr, 0, false), 2, 1, info(KindInt, 0, false), 4, 32},
		false: {1, info(KindInt, 0, false), 4, 32, 0, info(KindPtr, 0, false), 1},
	} {
		if got := mustBase(t, blobOf(t, types, "\x00int\x00")).Dialect.Sorted; got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
}
