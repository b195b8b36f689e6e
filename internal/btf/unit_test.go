// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"fmt"
	"strings"
	"testing"
)

// unitBuilder is a unit with a string table of its own.
type unitBuilder struct {
	Unit
	table []byte
}

func (u *unitBuilder) name(s string) Name {
	at := len(u.table)
	u.table = append(append(u.table, s...), 0)
	// room to read whole words
	u.Tables[0] = append(u.table[:len(u.table):len(u.table)], make([]byte, 16)...)
	n, _ := u.NameAt(StringRef(at))
	return n
}

// A chain of structs that all have two definitions: a difference at its end propagates through all
// of them, which would take n*n steps.
func TestPinChain(t *testing.T) {
	const n = 20000
	var table []byte
	u := Unit{}
	refs := make([]StringRef, n)
	for i := range refs {
		refs[i] = StringRef(len(table))
		table = fmt.Appendf(table, "s%d\x00", i)
	}
	u.Tables[0] = append(table, make([]byte, 16)...)
	u.Reset()
	for i := range n {
		for def := range 2 {
			name, _ := u.NameAt(refs[i])
			s := Type{Kind: KindStruct, Name: name, Size: 8}
			if i == 0 {
				s.Size += uint32(def)
			} else {
				s.First, s.N = uint32(len(u.Members)), 1
				// the same one of the previous struct's
				u.Members = append(u.Members, Member{Type: Ref(len(u.Types) - 1)})
			}
			u.Types = append(u.Types, s)
		}
	}
	u.HashNames()
	if err := u.Hash(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := NewModule(mustBase(t, &Blob{})).AddUnit(&u); err == nil ||
		!strings.Contains(err.Error(), "differ through more than 256 other tags") {
		t.Errorf("got %v", err)
	}
}
