// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// marshalUnit writes a module with one unit. section, if not empty, gets a variable of the unit's
// first type.
func marshalUnit(t *testing.T, u *unitBuilder, section string) (raw []byte, notes []string, err error) {
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
	raw, err = m.Marshal(binary.LittleEndian, false)
	return raw, m.Notes, err
}

// What a kernel would refuse is left out of types, with a note. The rest is an error.
func TestRepair(t *testing.T) {
	const integer, pointer, fwd, aStruct = 1, 2, 3, 4 // refs of the types that all units start with
	aStructOf := func(u *unitBuilder, size uint32, flag bool, members ...Member) {
		first := uint32(len(u.Members))
		u.Members = append(u.Members, members...)
		u.Types = append(u.Types, Type{Kind: KindStruct, Name: u.name("big"), Size: size, KindFlag: flag,
			First: first, N: uint32(len(members))})
	}
	tests := []struct {
		name string
		note string // the only one; empty: none
		err  string
		add  func(u *unitBuilder)
		want string // the last struct in C, or the prototype
	}{
		{"valid types", "", "", func(u *unitBuilder) {
			u.Params = append(u.Params, Param{u.name("x"), integer}, Param{})
			u.Enumerators = append(u.Enumerators, Enumerator{u.name("ONE"), 1})
			u.Types = append(u.Types, Type{Kind: KindFuncProto, To: integer, N: 2},
				Type{Kind: KindEnum, Name: u.name("e"), Size: 4, N: 1},
				Type{Kind: KindArray, To: pointer, Index: integer, Extra: 4},
				Type{Kind: KindFuncProto})
			aStructOf(u, 16, false, Member{u.name("a"), integer, 0}, Member{0, aStruct, 32},
				Member{u.name("p"), pointer, 64})
		}, "big { a@0 @32 p@64 }"},
		{"name of a struct", `name "no$name" is not an identifier: written as "no_name"`, "",
			func(u *unitBuilder) {
				u.Types = append(u.Types, Type{Kind: KindStruct, Name: u.name("no$name"), Size: 4})
			}, "no_name { }"},
		{"long name of a struct", `name "` + strings.Repeat("x", 513) + `" is not an identifier: written as "` +
			strings.Repeat("x", 512) + `"`, "", func(u *unitBuilder) {
			u.Types = append(u.Types, Type{Kind: KindStruct, Name: u.name(strings.Repeat("x", 513)),
				Size: 4})
		}, strings.Repeat("x", 512) + " { }"},
		{"longest name of a struct", "", "", func(u *unitBuilder) {
			u.Types = append(u.Types, Type{Kind: KindStruct, Name: u.name(strings.Repeat("x", 512)),
				Size: 4})
		}, strings.Repeat("x", 512) + " { }"},
		{"name of a declaration", `name "9" is not an identifier: written as "_"`, "",
			func(u *unitBuilder) {
				u.Types = append(u.Types, Type{Kind: KindFwd, Name: u.name("9")})
			}, "small { }"},
		{"name of a member", "name \"\u00e9x\" is not an identifier: written as \"__x\"", "",
			func(u *unitBuilder) { aStructOf(u, 4, false, Member{u.name("\u00e9x"), integer, 0}) },
			"big { __x@0 }"},
		{"enumerator without a name", "", `ENUM "e": enumerator 0 has no name: damaged DWARF?`,
			func(u *unitBuilder) {
				u.Enumerators = append(u.Enumerators, Enumerator{0, 1})
				u.Types = append(u.Types, Type{Kind: KindEnum, Name: u.name("e"), Size: 4, N: 1})
			}, ""},
		{"member of void", "STRUCT big: member 0 at bit 0 left out: its type has no size", "",
			func(u *unitBuilder) {
				aStructOf(u, 4, false, Member{u.name("a"), 0, 0}, Member{u.name("b"), integer, 0})
			}, "big { b@0 }"},
		{"const member of a declared struct", "STRUCT big: member 0 at bit 0 left out: its type has no size",
			"", func(u *unitBuilder) {
				u.Types = append(u.Types, Type{Kind: KindConst, To: fwd})
				aStructOf(u, 4, false, Member{u.name("a"), 5, 0})
			}, "big { }"},
		{"member past the end", "STRUCT big: member 1 at bit 32 left out: it ends after the struct", "",
			func(u *unitBuilder) {
				aStructOf(u, 4, false, Member{u.name("a"), integer, 0}, Member{u.name("b"), integer, 32})
			}, "big { a@0 }"},
		{"overlapping members", "", "", func(u *unitBuilder) {
			aStructOf(u, 16, false, Member{u.name("a"), integer, 0}, Member{u.name("b"), integer, 16})
		}, "big { a@0 b@16 }"},
		{"members in the wrong order",
			"STRUCT big: member 1 at bit 0 left out: it begins before the previous member", "",
			func(u *unitBuilder) {
				aStructOf(u, 16, false, Member{u.name("a"), integer, 32}, Member{u.name("b"), integer, 0},
					Member{u.name("c"), integer, 64})
			}, "big { a@32 c@64 }"},
		{"bit field that is too long",
			"STRUCT big: member 0 at bit 0 left out: a bit field of 33 bits, more than its type can have", "",
			func(u *unitBuilder) {
				aStructOf(u, 8, true, Member{u.name("a"), integer, 33 << 24},
					Member{u.name("b"), integer, 3<<24 | 33})
			}, "big { b@33 }"},
		{"bit field of an enum",
			"STRUCT big: member 1 at bit 32 left out: a bit field of 33 bits, more than its type can have", "",
			func(u *unitBuilder) {
				u.Enumerators = append(u.Enumerators, Enumerator{u.name("ONE"), 1})
				u.Types = append(u.Types, Type{Kind: KindEnum64, Name: u.name("e"), Size: 8, N: 1})
				aStructOf(u, 16, true, Member{u.name("a"), 5, 32 << 24}, Member{u.name("b"), 5, 33<<24 | 32})
			}, "big { a@0 }"},
		{"pointer that does not begin at a byte",
			"STRUCT big: member 0 at bit 3 left out: it does not begin at a byte", "",
			func(u *unitBuilder) { aStructOf(u, 16, false, Member{u.name("a"), pointer, 3}) }, "big { }"},
		{"tags of members", "STRUCT big: member 1 at bit 0 left out: it begins before the previous member", "",
			func(u *unitBuilder) {
				aStructOf(u, 16, false, Member{u.name("a"), integer, 32}, Member{u.name("b"), integer, 0},
					Member{u.name("c"), integer, 64})
				for i := range uint32(3) {
					u.Types = append(u.Types, Type{Kind: KindDeclTag, Name: u.name("tag"), To: 5, Extra: i})
				}
			}, "big { a@32 c@64 } tag 0 tag -1 tag 1"},
		{"union member at an offset",
			"UNION big: member 0 at bit 8 left out: it begins before the previous member", "",
			func(u *unitBuilder) {
				u.Members = append(u.Members, Member{u.name("a"), integer, 8})
				u.Types = append(u.Types, Type{Kind: KindUnion, Name: u.name("big"), Size: 16, N: 1})
			}, "big { }"},
		{"array of void", "", "ARRAY: element type has no size: damaged DWARF?", func(u *unitBuilder) {
			u.Types = append(u.Types, Type{Kind: KindArray, Index: integer, Extra: 4})
		}, ""},
		{"array of more than 4 GiB", "ARRAY: size of 1073741824 elements of 4 bytes left out: more than 4 GiB",
			"", func(u *unitBuilder) {
				u.Types = append(u.Types, Type{Kind: KindArray, To: integer, Index: integer, Extra: 1 << 30})
			}, "small { } [0]"},
		{"parameter of void", "FUNC_PROTO: parameters left out: the type of parameter 0 has no size", "",
			func(u *unitBuilder) {
				u.Params = append(u.Params, Param{u.name("x"), 0}, Param{})
				u.Types = append(u.Types, Type{Kind: KindFuncProto, To: integer, N: 2})
			}, "small { } 1()"},
		{"parameter of a declared struct", "FUNC_PROTO: parameters left out: the type of parameter 1 has no size",
			"", func(u *unitBuilder) {
				u.Params = append(u.Params, Param{u.name("x"), integer}, Param{u.name("y"), fwd})
				u.Types = append(u.Types, Type{Kind: KindFuncProto, N: 2})
			}, "small { } 0()"},
		{"function that returns an array", "", "", func(u *unitBuilder) {
			u.Types = append(u.Types, Type{Kind: KindArray, To: integer, Index: integer, Extra: 4},
				Type{Kind: KindFuncProto, To: 5})
		}, "small { } [4] 4()"},
		{"function that returns a typedef of void", "", "", func(u *unitBuilder) {
			u.Types = append(u.Types, Type{Kind: KindTypedef, Name: u.name("nothing")},
				Type{Kind: KindFuncProto, To: 5})
		}, "small { } 0()"},
		{"function that returns a declared struct", "FUNC_PROTO: return type left out: it has no size", "",
			func(u *unitBuilder) { u.Types = append(u.Types, Type{Kind: KindFuncProto, To: fwd}) },
			"small { } 0()"},
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
			raw, notes, err := marshalUnit(t, u, "")
			if test.err != "" {
				if err == nil || err.Error() != test.err {
					t.Errorf("%v, want %q", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if note := strings.Join(notes, "; "); note != test.note {
				t.Errorf("note %q, want %q", note, test.note)
			}
			if got := lastTypes(t, raw); !strings.HasSuffix(got, test.want) {
				t.Errorf("%q, want %q at the end", got, test.want)
			}
		})
	}
}

// lastTypes describes the structs, arrays, prototypes and declaration tags of BTF.
func lastTypes(t *testing.T, raw []byte) string {
	t.Helper()
	blob, err := ParseBlob(raw)
	if err != nil {
		t.Fatal(err)
	}
	name := func(off uint32) string {
		s, _, _ := strings.Cut(string(blob.Strings[off:]), "\x00")
		return s
	}
	var list []string
	for types := blob.Types; len(types) > 0; {
		end, ok := typeEnd(types, 0)
		if !ok {
			t.Fatal("malformed type")
		}
		r := types[:end]
		types = types[end:]
		kind, vlen := infoKind(le32(r[4:])), int(le32(r[4:])&0xffff)
		switch kind {
		case KindStruct, KindUnion:
			s := name(le32(r)) + " {"
			for i := range vlen {
				m := r[typeSize+12*i:]
				s += fmt.Sprintf(" %s@%d", name(le32(m)), le32(m[8:])&0xffffff)
			}
			list = append(list, s+" }")
		case KindArray:
			list = append(list, fmt.Sprintf("[%d]", le32(r[typeSize+8:])))
		case KindFuncProto:
			s := fmt.Sprintf("%d(", le32(r[8:]))
			for i := range vlen {
				s += name(le32(r[typeSize+8*i:]))
			}
			list = append(list, s+")")
		case KindDeclTag:
			list = append(list, fmt.Sprintf("%s %d", name(le32(r)), int32(le32(r[typeSize:]))))
		}
	}
	return strings.Join(list, " ")
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
		if _, _, err := marshalUnit(t, u, section); want == "" && err != nil || want != "" &&
			(err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", section, err, want)
		}
	}
}
