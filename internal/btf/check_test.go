// SPDX-License-Identifier: GPL-2.0-only

package btf

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// unitMaker is a unit with a string table of its own.
type unitMaker struct {
	Unit
	table []byte
}

func (u *unitMaker) name(s string) Name {
	at := len(u.table)
	u.table = append(append(u.table, s...), 0)
	u.Tables[0] = append(u.table[:len(u.table):len(u.table)], make([]byte, 16)...) // room to read whole words
	n, _ := u.NameAt(Place(at))
	return n
}

// marshalUnit writes a module of one unit, with a variable of its first type in some section, if that is given.
func marshalUnit(t *testing.T, u *unitMaker, section string) error {
	t.Helper()
	if _, ok := u.HashNames(); !ok {
		t.Fatal("a name without an end")
	}
	if err := u.Hash(); err != nil {
		t.Fatal(err)
	}
	base, err := NewBase("none", &Blob{})
	if err != nil {
		t.Fatal(err)
	}
	m := NewModule(base)
	refs, unit, err := m.AddUnit(&u.Unit)
	if err != nil {
		t.Fatal(err)
	}
	if section != "" {
		m.AddVar(Variable{Unit: unit, Section: m.Names.Intern([]byte(section)), Name: m.Names.Intern([]byte("v")), Type: refs[0], Size: 4})
	}
	_, err = m.Marshal(binary.LittleEndian, false)
	return err
}

// What no kernel would load is an error.
func TestCheck(t *testing.T) {
	const integer, pointer, fwd, aStruct = 1, 2, 3, 4 // refs of what all units begin with
	tests := []struct {
		name, want string // part of the error, none: it is fine
		add        func(u *unitMaker)
	}{
		{"all is well", "", func(u *unitMaker) {
			u.Members = append(u.Members, Member{u.name("a"), integer, 0}, Member{0, aStruct, 32}, Member{u.name("p"), pointer, 64})
			u.Params = append(u.Params, Param{u.name("x"), integer}, Param{})
			u.Enumerators = append(u.Enumerators, Enumerator{u.name("ONE"), 1})
			u.Types = append(u.Types, Type{Kind: KindStruct, Name: u.name("big.0"), Number: 16, First: 0, N: 3}, Type{Kind: KindFuncProto, To: integer, N: 2},
				Type{Kind: KindEnum, Name: u.name("e"), Number: 4, N: 1}, Type{Kind: KindArray, To: pointer, Index: integer, Extra: 4},
				Type{Kind: KindFuncProto})
		}},
		{"name of a struct", `STRUCT "no name": the name is no identifier`, func(u *unitMaker) {
			u.Types = append(u.Types, Type{Kind: KindStruct, Name: u.name("no name"), Number: 4})
		}},
		{"long name of a struct", "the name is no identifier", func(u *unitMaker) {
			u.Types = append(u.Types, Type{Kind: KindStruct, Name: u.name(strings.Repeat("x", 513)), Number: 4})
		}},
		{"name of a struct that is just not too long", "", func(u *unitMaker) {
			u.Types = append(u.Types, Type{Kind: KindStruct, Name: u.name(strings.Repeat("x", 512)), Number: 4})
		}},
		{"name of a declaration", `a declaration of "9": the name is no identifier`, func(u *unitMaker) {
			u.Types = append(u.Types, Type{Kind: KindFwd, Name: u.name("9")})
		}},
		{"name of a member", "the name of member 0 is no identifier", func(u *unitMaker) {
			u.Members = append(u.Members, Member{u.name("\xff"), integer, 0})
			u.Types = append(u.Types, Type{Kind: KindStruct, Name: u.name("big"), Number: 4, N: 1})
		}},
		{"no name of a value", "the name of value 0 is no identifier", func(u *unitMaker) {
			u.Enumerators = append(u.Enumerators, Enumerator{0, 1})
			u.Types = append(u.Types, Type{Kind: KindEnum, Name: u.name("e"), Number: 4, N: 1})
		}},
		{"member of void", "member 0 has a type without a size", func(u *unitMaker) {
			u.Members = append(u.Members, Member{u.name("a"), 0, 0})
			u.Types = append(u.Types, Type{Kind: KindStruct, Name: u.name("big"), Number: 4, N: 1})
		}},
		{"member of a declared struct, behind const", "member 0 has a type without a size", func(u *unitMaker) {
			u.Members = append(u.Members, Member{u.name("a"), 5, 0})
			u.Types = append(u.Types, Type{Kind: KindConst, To: fwd}, Type{Kind: KindStruct, Name: u.name("big"), Number: 4, N: 1})
		}},
		{"member behind the end", "member 0 at bit 32 does not fit", func(u *unitMaker) {
			u.Members = append(u.Members, Member{u.name("a"), integer, 32})
			u.Types = append(u.Types, Type{Kind: KindStruct, Name: u.name("big"), Number: 4, N: 1})
		}},
		{"member over another", "member 1 at bit 16 does not fit", func(u *unitMaker) {
			u.Members = append(u.Members, Member{u.name("a"), integer, 0}, Member{u.name("b"), integer, 16})
			u.Types = append(u.Types, Type{Kind: KindStruct, Name: u.name("big"), Number: 16, N: 2})
		}},
		{"member of a union", "member 0 at bit 8 does not fit", func(u *unitMaker) {
			u.Members = append(u.Members, Member{u.name("a"), integer, 8})
			u.Types = append(u.Types, Type{Kind: KindUnion, Name: u.name("big"), Number: 16, N: 1})
		}},
		{"array of void", "an element has a type without a size", func(u *unitMaker) {
			u.Types = append(u.Types, Type{Kind: KindArray, Index: integer, Extra: 4})
		}},
		{"parameter of void", "parameter 0 has a type that cannot be passed", func(u *unitMaker) {
			u.Params = append(u.Params, Param{u.name("x"), 0}, Param{})
			u.Types = append(u.Types, Type{Kind: KindFuncProto, N: 2})
		}},
		{"function that returns an array", "it returns what cannot be returned", func(u *unitMaker) {
			u.Types = append(u.Types, Type{Kind: KindArray, To: integer, Index: integer, Extra: 4}, Type{Kind: KindFuncProto, To: 5})
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			u := &unitMaker{table: []byte{0}}
			u.Reset()
			u.Types = append(u.Types, Type{Kind: KindInt, Name: u.name("long int"), Number: 4, Extra: 32}, Type{Kind: KindPtr, To: integer},
				Type{Kind: KindFwd, Name: u.name("declared")}, Type{Kind: KindStruct, Name: u.name("small"), Number: 1})
			test.add(u)
			err := marshalUnit(t, u, "")
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

// A DATASEC's name is that of a section, which the kernel has to be able to print.
func TestCheckSection(t *testing.T) {
	for section, want := range map[string]string{
		".data..percpu": "", ".data.a$b c": "", strings.Repeat("x", 512): "",
		".dat\x82": `section ".dat\x82" has variables, and a name that cannot be: damaged?`, strings.Repeat("x", 513): "has variables, and a name that cannot be",
	} {
		u := &unitMaker{table: []byte{0}}
		u.Reset()
		u.Types = append(u.Types, Type{Kind: KindInt, Name: u.name("int"), Number: 4, Extra: 32})
		if err := marshalUnit(t, u, section); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", section, err, want)
		}
	}
}

// What needs nothing of its base gets a small base with a type nevertheless: a kernel takes none without.
func TestDistilNothing(t *testing.T) {
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

// An INT without a name, which kernels take, cannot be found by it: it moves to the split.
func TestDistilWithoutNames(t *testing.T) {
	base := mustBase(t, blobOf(t, []uint32{0, info(KindInt, 0, false), 4, 32, 1, info(KindInt, 0, false), 8, 64}, "\x00long\x00"))
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

// Of variables that overlap the first one is written, at one place the first that was added.
func TestVariablesThatOverlap(t *testing.T) {
	m := Module{vars: []Variable{
		{SectionIndex: 2, Off: 0, Size: 8}, {SectionIndex: 1, Off: 8, Size: 4}, {SectionIndex: 1, Off: 8, Size: 8}, {SectionIndex: 1, Off: 0, Size: 8},
		{SectionIndex: 1, Off: 11, Size: 100}, {SectionIndex: 1, Off: 12, Size: 4}, {SectionIndex: 2, Off: 1<<32 - 4, Size: 8},
	}}
	if got, want := m.apart(), []int{3, 1, 5, 0}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Each of many structs has two definitions, and each unit one of two of them: no two units agree, and each says little.
func TestUnitsThatDisagree(t *testing.T) {
	const n = 8000
	var table []byte
	place := make([]Place, n)
	for i := range place {
		place[i] = Place(len(table))
		table = fmt.Appendf(table, "s%d\x00", i)
	}
	m := NewModule(mustBase(t, &Blob{}))
	u := Unit{Tables: [4][]byte{append(table, make([]byte, 16)...)}}
	for i := range n {
		u.Reset()
		for size, which := range []int{i, (i + 1) % n} {
			name, _ := u.NameAt(place[which])
			u.Types = append(u.Types, Type{Kind: KindStruct, Name: name, Number: uint32(4 * (size + 1))})
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
	if taken := after.TotalAlloc - before.TotalAlloc; taken > 100<<20 {
		t.Errorf("%d MiB taken for %d units", taken>>20, n)
	}
}

// A chain of structs that all have two definitions: a difference at its end goes through all of it, which would take n*n steps.
func TestChainOfDefinitions(t *testing.T) {
	const n = 20000
	var table []byte
	u := Unit{}
	place := make([]Place, n)
	for i := range place {
		place[i] = Place(len(table))
		table = fmt.Appendf(table, "s%d\x00", i)
	}
	u.Tables[0] = append(table, make([]byte, 16)...)
	u.Reset()
	for i := range n {
		for which := range 2 {
			name, _ := u.NameAt(place[i])
			s := Type{Kind: KindStruct, Name: name, Number: 8}
			if i == 0 {
				s.Number += uint32(which)
			} else {
				s.First, s.N = uint32(len(u.Members)), 1
				u.Members = append(u.Members, Member{Type: Ref(len(u.Types) - 1)}) // the same of those before
			}
			u.Types = append(u.Types, s)
		}
	}
	u.HashNames()
	if err := u.Hash(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := NewModule(mustBase(t, &Blob{})).AddUnit(&u); err == nil || !strings.Contains(err.Error(), "differ, and so on, more than 256 times") {
		t.Errorf("got %v", err)
	}
}
