// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import "testing"

// pointerUnit returns a unit with struct s of a size, which it only declares if size is 0, and a
// pointer to it.
func pointerUnit(t *testing.T, size uint32) *Unit {
	t.Helper()
	u := &unitBuilder{table: []byte{0}}
	u.Reset()
	s := Type{Kind: KindStruct, Name: u.name("s"), Size: size}
	if size == 0 {
		s.Kind = KindFwd
	}
	u.Types = append(u.Types, s, Type{Kind: KindPtr, To: 1})
	u.HashNames()
	if err := u.Hash(); err != nil {
		t.Fatal(err)
	}
	return &u.Unit
}

// resolvePointers resolves a module with these units, and returns what the pointer of each is: a
// negative id of the base, or the number of a copy.
func resolvePointers(t *testing.T, base *Base, sizes ...uint32) (r *resolution, pointers []int) {
	t.Helper()
	m := NewModule(base)
	var refs []Ref
	for _, size := range sizes {
		u := pointerUnit(t, size)
		if len(m.units) > 0 {
			u.Tables = m.tables
		}
		unitRefs, _, err := m.AddUnit(u)
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, unitRefs[1])
	}
	if err := base.Ready(); err != nil {
		t.Fatal(err)
	}
	r, err := m.resolve()
	if err != nil {
		t.Fatal(err)
	}
	for u, ref := range refs {
		id, inBase := r.target(r.viewOf[u], ref)
		if inBase {
			pointers = append(pointers, -int(id))
		} else {
			pointers = append(pointers, int(id))
		}
	}
	return r, pointers
}

// The base has struct s of 4 bytes (type 1), and a pointer to it (type 2).
func pointerBase(t *testing.T) *Base {
	return mustBase(t, blobOf(t,
		[]uint32{1, info(KindStruct, 0, false), 4, 0, info(KindPtr, 0, false), 1}, "\x00s\x00"))
}

func TestResolve(t *testing.T) {
	none := &Blob{}
	for _, tt := range []struct {
		name   string
		base   func(t *testing.T) *Base
		sizes  []uint32 // of struct s, by unit
		views  int
		same   [][2]int // units with the same pointer
		other  [][2]int // units with different pointers
		inBase []int    // units whose pointer is the base's
	}{
		{"equal units", func(t *testing.T) *Base { return mustBase(t, none) }, []uint32{4, 4}, 1,
			[][2]int{{0, 1}}, nil, nil},
		{"two definitions", func(t *testing.T) *Base { return mustBase(t, none) },
			[]uint32{4, 8, 4}, 2,
			[][2]int{{0, 2}}, [][2]int{{0, 1}}, nil},
		{"a declaration is the first definition",
			func(t *testing.T) *Base { return mustBase(t, none) },
			[]uint32{0, 4, 8}, 3, [][2]int{{0, 1}}, [][2]int{{1, 2}}, nil},
		{"the base's definition", pointerBase, []uint32{4, 0}, 1, [][2]int{{0, 1}}, nil,
			[]int{0, 1}},
		{"another definition than the base's", pointerBase, []uint32{8, 4}, 2, nil,
			[][2]int{{0, 1}}, []int{1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, pointers := resolvePointers(t, tt.base(t), tt.sizes...)
			if len(r.views) != tt.views {
				t.Errorf("%d views, want %d", len(r.views), tt.views)
			}
			for _, p := range tt.same {
				if pointers[p[0]] != pointers[p[1]] {
					t.Errorf("units %v have pointers %v, want the same", p, pointers)
				}
			}
			for _, p := range tt.other {
				if pointers[p[0]] == pointers[p[1]] {
					t.Errorf("units %v have pointers %v, want different ones", p, pointers)
				}
			}
			for _, u := range tt.inBase {
				if pointers[u] != -2 {
					t.Errorf("unit %d has pointer %d, want the base's", u, pointers[u])
				}
			}
		})
	}
}
