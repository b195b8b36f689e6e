// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"encoding/binary"
	"strings"
	"testing"
)

// marshalUnit writes a module with one unit. section, if not empty, gets a variable of the unit's
// first type.
func marshalUnit(t *testing.T, u *unitBuilder, section string) error {
	t.Helper()
	if _, ok := u.HashNames(); !ok {
		t.Fatal("name without NUL")
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
		m.AddVar(Variable{Unit: unit, Section: m.Names.Intern([]byte(section)),
			Name: m.Names.Intern([]byte("v")), Type: refs[0], Size: 4})
	}
	_, err = m.Marshal(binary.LittleEndian, false)
	return err
}

// Types that a kernel would refuse are errors.
func TestCheck(t *testing.T) {
	const integer, pointer, fwd, aStruct = 1, 2, 3, 4 // refs of the types that all units start with
	tests := []struct {
		name, want string // want is a substring of the error; empty: no error
		add        func(u *unitBuilder)
	}{
		{"valid types", "", func(u *unitBuilder) {
			u.Members = append(u.Members, Member{u.name("a"), integer, 0}, Member{0, aStruct, 32},
				Member{u.name("p"), pointer, 64})
			u.Params = append(u.Params, Param{u.name("x"), integer}, Param{})
			u.Enumerators = append(u.Enumerators, Enumerator{u.name("ONE"), 1})
			u.Types = append(u.Types, Type{Kind: KindStruct, Name: u.name("big.0"), Size: 16,
				First: 0, N: 3}, Type{Kind: KindFuncProto, To: integer, N: 2},
				Type{Kind: KindEnum, Name: u.name("e"), Size: 4, N: 1},
				Type{Kind: KindArray, To: pointer, Index: integer, Extra: 4},
				Type{Kind: KindFuncProto})
		}},
		{"name of a struct", `STRUCT "no name": name is not an identifier`, func(u *unitBuilder) {
			u.Types = append(u.Types, Type{Kind: KindStruct, Name: u.name("no name"), Size: 4})
		}},
		{"long name of a struct", "name is not an identifier", func(u *unitBuilder) {
			u.Types = append(u.Types, Type{Kind: KindStruct, Name: u.name(strings.Repeat("x", 513)),
				Size: 4})
		}},
		{"longest name of a struct", "", func(u *unitBuilder) {
			u.Types = append(u.Types, Type{Kind: KindStruct, Name: u.name(strings.Repeat("x", 512)),
				Size: 4})
		}},
		{"name of a declaration", `declaration of "9": name is not an identifier`,
			func(u *unitBuilder) {
				u.Types = append(u.Types, Type{Kind: KindFwd, Name: u.name("9")})
			}},
		{"name of a member", "name of member 0 is not an identifier", func(u *unitBuilder) {
			u.Members = append(u.Members, Member{u.name("\xff"), integer, 0})
			u.Types = append(u.Types, Type{Kind: KindStruct, Name: u.name("big"), Size: 4, N: 1})
		}},
		{"enumerator without a name", "name of enumerator 0 is not an identifier",
			func(u *unitBuilder) {
				u.Enumerators = append(u.Enumerators, Enumerator{0, 1})
				u.Types = append(u.Types, Type{Kind: KindEnum, Name: u.name("e"), Size: 4, N: 1})
			}},
		{"member of void", "type of member 0 has no size", func(u *unitBuilder) {
			u.Members = append(u.Members, Member{u.name("a"), 0, 0})
			u.Types = append(u.Types, Type{Kind: KindStruct, Name: u.name("big"), Size: 4, N: 1})
		}},
		{"const member of a declared struct", "type of member 0 has no size", func(u *unitBuilder) {
			u.Members = append(u.Members, Member{u.name("a"), 5, 0})
			u.Types = append(u.Types, Type{Kind: KindConst, To: fwd},
				Type{Kind: KindStruct, Name: u.name("big"), Size: 4, N: 1})
		}},
		{"member past the end", "member 0 at bit 32 does not fit", func(u *unitBuilder) {
			u.Members = append(u.Members, Member{u.name("a"), integer, 32})
			u.Types = append(u.Types, Type{Kind: KindStruct, Name: u.name("big"), Size: 4, N: 1})
		}},
		{"overlapping members", "member 1 at bit 16 does not fit", func(u *unitBuilder) {
			u.Members = append(u.Members, Member{u.name("a"), integer, 0},
				Member{u.name("b"), integer, 16})
			u.Types = append(u.Types, Type{Kind: KindStruct, Name: u.name("big"), Size: 16, N: 2})
		}},
		{"union member at an offset", "member 0 at bit 8 does not fit", func(u *unitBuilder) {
			u.Members = append(u.Members, Member{u.name("a"), integer, 8})
			u.Types = append(u.Types, Type{Kind: KindUnion, Name: u.name("big"), Size: 16, N: 1})
		}},
		{"array of void", "element type has no size", func(u *unitBuilder) {
			u.Types = append(u.Types, Type{Kind: KindArray, Index: integer, Extra: 4})
		}},
		{"parameter of void", "type of parameter 0 cannot be passed", func(u *unitBuilder) {
			u.Params = append(u.Params, Param{u.name("x"), 0}, Param{})
			u.Types = append(u.Types, Type{Kind: KindFuncProto, N: 2})
		}},
		{"function that returns an array", "return type is not a value", func(u *unitBuilder) {
			u.Types = append(u.Types, Type{Kind: KindArray, To: integer, Index: integer, Extra: 4},
				Type{Kind: KindFuncProto, To: 5})
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			u := &unitBuilder{table: []byte{0}}
			u.Reset()
			u.Types = append(u.Types, Type{Kind: KindInt, Name: u.name("long int"), Size: 4,
				Extra: 32}, Type{Kind: KindPtr, To: integer},
				Type{Kind: KindFwd, Name: u.name("declared")},
				Type{Kind: KindStruct, Name: u.name("small"), Size: 1})
			test.add(u)
			err := marshalUnit(t, u, "")
			if test.want == "" && err != nil || test.want != "" &&
				(err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

// The name of a DATASEC is that of a section, in printable characters.
func TestCheckSectionName(t *testing.T) {
	for section, want := range map[string]string{
		".data..percpu":          "",
		".data.a$b c":            "",
		strings.Repeat("x", 512): "",
		".dat\x82": `section ".dat\x82": name is not valid for a ` +
			`DATASEC: damaged file?`,
		strings.Repeat("x", 513): "name is not valid for a DATASEC",
	} {
		u := &unitBuilder{table: []byte{0}}
		u.Reset()
		u.Types = append(u.Types, Type{Kind: KindInt, Name: u.name("int"), Size: 4, Extra: 32})
		if err := marshalUnit(t, u, section); want == "" && err != nil || want != "" &&
			(err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", section, err, want)
		}
	}
}
