// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"
)

// Each of many structs has two definitions, and each unit has one definition of two of them: no two
// units share a view. Memory must not grow with the product of units and tags.
func TestManyViews(t *testing.T) {
	const n = 8000
	var table []byte
	refs := make([]StringRef, n)
	for i := range refs {
		refs[i] = StringRef(len(table))
		table = fmt.Appendf(table, "s%d\x00", i)
	}
	m := NewModule(mustBase(t, &Blob{}))
	u := Unit{Tables: [4][]byte{append(table, make([]byte, 16)...)}}
	for i := range n {
		u.Reset()
		for size, def := range []int{i, (i + 1) % n} {
			name, _ := u.NameAt(refs[def])
			u.Types = append(u.Types, Type{Kind: KindStruct, Name: name,
				Size: uint32(4 * (size + 1))})
		}
		u.HashNames()
		if err := u.Hash(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := m.AddUnit(&u); err != nil {
			t.Fatal(err)
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := m.Marshal(binary.LittleEndian, false); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if size := after.TotalAlloc - before.TotalAlloc; size > 100<<20 {
		t.Errorf("%d MiB allocated for %d units", size>>20, n)
	}
}
