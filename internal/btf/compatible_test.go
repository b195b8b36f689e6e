// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import "testing"

func TestCompatible(t *testing.T) {
	u := &unitBuilder{table: []byte{0}}
	u.Reset()
	add := func(t Type) Ref {
		u.Types = append(u.Types, t)
		return Ref(len(u.Types))
	}
	proto := func(params ...Param) Ref {
		first := uint32(len(u.Params))
		u.Params = append(u.Params, params...)
		return add(Type{Kind: KindFuncProto, First: first, N: uint32(len(params))})
	}
	integer := add(Type{Kind: KindInt, Name: u.name("int"), Size: 4, Extra: 32})
	long := add(Type{Kind: KindInt, Name: u.name("long"), Size: 8, Extra: 64})
	constant := add(Type{Kind: KindConst, To: integer})
	volatile := add(Type{Kind: KindVolatile, To: integer})
	s, other := add(Type{Kind: KindFwd, Name: u.name("s")}),
		add(Type{Kind: KindFwd, Name: u.name("t")})
	three := add(Type{Kind: KindArray, To: integer, Index: integer, Extra: 3})
	four := add(Type{Kind: KindArray, To: integer, Index: integer, Extra: 4})
	a, b := u.name("a"), u.name("b")

	tests := []struct {
		name string
		x, y Ref
		want bool
	}{
		{"equal", integer, integer, true},
		{"void and int", 0, integer, false},
		{"const on one side", integer, constant, true},
		{"volatile on one side", integer, volatile, false},
		{"different integers", integer, long, false},
		{"different tags", s, other, false},
		{"different lengths", three, four, false},
		{"names of parameters", proto(Param{a, integer}), proto(Param{b, integer}), true},
		{"const parameter", proto(Param{a, integer}), proto(Param{a, constant}), true},
		{"types of parameters", proto(Param{a, integer}), proto(Param{a, long}), false},
		{"numbers of parameters", proto(Param{a, integer}), proto(), false},
	}
	u.HashNames()
	if err := u.Hash(); err != nil {
		t.Fatal(err)
	}
	m := NewModule(mustBase(t, &Blob{}))
	refs, _, err := m.AddUnit(&u.Unit)
	if err != nil {
		t.Fatal(err)
	}
	ref := func(r Ref) Ref {
		if r == 0 {
			return 0
		}
		return refs[r-1]
	}
	for _, tt := range tests {
		x, y := ref(tt.x), ref(tt.y)
		if got := m.Compatible(x, y); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
		if got := m.Compatible(y, x); got != tt.want {
			t.Errorf("%s, swapped: %v, want %v", tt.name, got, tt.want)
		}
	}
}
