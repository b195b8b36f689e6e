// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfverify

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbtf/kbtf/internal/btfraw"
)

var orders = []binary.ByteOrder{binary.LittleEndian, binary.BigEndian}

// A formTest is BTF that stands alone, and what kernels say of it.
type formTest struct {
	name   string
	kernel string // "": all of them
	types  func(w *writer)
	damage func(w *writer, raw []byte) []byte
	want   []string
}

// put changes a word of the header.
func put(at int, v uint32) func(w *writer, raw []byte) []byte {
	return func(w *writer, raw []byte) []byte {
		w.Order.PutUint32(raw[at:], v)
		return raw
	}
}

// anInt32 is the type that other types refer to as 1: 16 bytes from offset 24 on, with strings of
// 5.
func anInt32(w *writer) { w.Int("int", 4) }

// withInt writes an INT as type 1, and then others.
func withInt(types func(w *writer)) func(w *writer) {
	return func(w *writer) {
		anInt32(w)
		types(w)
	}
}

// one is withInt for one type, many for one that has members, values, parameters or variables.
func one(kind btfraw.Kind, name string, info, sizeOrType uint32, words ...uint32) func(w *writer) {
	return withInt(func(w *writer) { w.Add(kind, name, info, sizeOrType, words...) })
}

func many(kind btfraw.Kind, name string, info, sizeOrType uint32, fields ...field) func(w *writer) {
	return withInt(func(w *writer) { w.list(kind, name, info, sizeOrType, fields...) })
}

// prototype writes types from 2 on, and then a FUNC_PROTO with a parameter, and a FUNC.
func prototype(ret, param uint32, types func(w *writer)) func(w *writer) {
	return withInt(func(w *writer) {
		types(w)
		w.list(btfraw.FuncProto, "", 0, ret, f("x", param))
		w.ref(btfraw.Func, "run", w.Next-1)
	})
}

// bitField writes a type 2, and a struct with a bit field of it.
func bitField(bits uint32, types func(w *writer)) func(w *writer) {
	return withInt(func(w *writer) {
		types(w)
		w.list(btfraw.Struct, "s", flag, 16, f("x", 2, bits<<24))
	})
}

var formTests = []formTest{
	// Header and sections.
	{name: "fine", types: anInt32},
	{name: "empty", types: anInt32, damage: func(*writer, []byte) []byte { return nil },
		want: []string{"offset 0x0: 0 bytes, a header has 24"}},
	{name: "half a header", types: anInt32, damage: func(_ *writer, raw []byte) []byte { return raw[:20] },
		want: []string{"offset 0x0: 20 bytes, a header has 24"}},
	{name: "magic", types: anInt32,
		damage: func(_ *writer, raw []byte) []byte { raw[0], raw[1] = 'B', 'T'; return raw },
		want:   []string{"offset 0x0: not BTF: 0x4254 where the magic 0xeb9f belongs"}},
	{name: "version", types: anInt32, damage: func(_ *writer, raw []byte) []byte { raw[2] = 2; return raw },
		want: []string{"offset 0x2: version 2, only 1 is known"}},
	{name: "flags", types: anInt32, damage: func(_ *writer, raw []byte) []byte { raw[3] = 4; return raw },
		want: []string{"offset 0x3: flags 0x4, none is known"}},
	{name: "header too short", types: anInt32, damage: put(4, 20),
		want: []string{"offset 0x4: header of 20 bytes: at least 24, in a section of 45"}},
	{name: "header too long", types: anInt32, damage: put(4, 46),
		want: []string{"offset 0x4: header of 46 bytes: at least 24, in a section of 45"}},
	{name: "longer header of zeros", types: anInt32, damage: longerHeader(32, 0, 0)},
	{name: "longer header", types: anInt32, damage: longerHeader(40, 32, 1),
		want: []string{"offset 0x20: header of 40 bytes: 7.2 knows 32, and the others are not 0"}},
	{name: "layout, for 6.12", kernel: "6.12", types: anInt32, damage: withLayout,
		want: []string{"offset 0x18: header of 32 bytes: 6.12 knows 24, and the others are not 0"}},
	{name: "layout", kernel: "7.2", types: anInt32, damage: withLayout},
	{name: "layout behind the strings", kernel: "7.2", types: anInt32, damage: layoutLast,
		want: []string{"offset 0x18: layout after the strings, which must be last"}},
	{name: "types not aligned", types: anInt32, damage: func(w *writer, raw []byte) []byte {
		w.Order.PutUint32(raw[8:], 2)
		w.Order.PutUint32(raw[16:], 18)
		return append(raw[:24:24], append([]byte{0, 0}, raw[24:]...)...)
	}, want: []string{"offset 0x8: types at 2: a gap from 0 on"}},
	{name: "types behind the strings", types: anInt32, damage: func(w *writer, raw []byte) []byte {
		w.Order.PutUint32(raw[8:], 5)
		w.Order.PutUint32(raw[16:], 0)
		return append(append(raw[:24:24], raw[40:]...), raw[24:40]...)
	}, want: []string{
		"offset 0x8: types after the strings, which must be last",
		"offset 0x8: types begin at 5, not a multiple of 4",
	}},
	{name: "gap", types: anInt32, damage: func(w *writer, raw []byte) []byte {
		w.Order.PutUint32(raw[16:], 20)
		return append(raw[:40:40], append(make([]byte, 4), raw[40:]...)...)
	}, want: []string{"offset 0x10: strings at 20: a gap from 16 on"}},
	{name: "overlap", types: anInt32, damage: put(16, 12),
		want: []string{"offset 0x10: strings at 12: overlap with the part that ends at 16"}},
	{name: "bytes at the end", types: anInt32, damage: func(_ *writer, raw []byte) []byte { return append(raw, 0, 0) },
		want: []string{"offset 0x10: 2 bytes follow the last part"}},
	{name: "types beyond the end", types: anInt32, damage: put(12, 1<<32-4),
		want: []string{"offset 0x8: types at 0, 4294967292 bytes: the section ends at 21"}},
	{name: "truncated", types: anInt32, damage: func(_ *writer, raw []byte) []byte { return raw[:len(raw)-1] },
		want: []string{"offset 0x10: strings at 16, 5 bytes: the section ends at 20"}},
	{name: "strings without NUL", types: anInt32,
		damage: func(_ *writer, raw []byte) []byte { raw[len(raw)-1] = 'x'; return raw },
		want:   []string{"offset 0x2c: the last string has no NUL"}},
	{name: "strings without the empty one", types: anInt32,
		damage: func(_ *writer, raw []byte) []byte { raw[40] = 'x'; return raw },
		want:   []string{"offset 0x28: the first string is not empty: split BTF without its base?"}},
	{name: "no strings", types: anInt32, damage: func(w *writer, raw []byte) []byte {
		w.Order.PutUint32(raw[20:], 0)
		return raw[:40]
	}, want: []string{"offset 0x28: the first string is not empty: split BTF without its base?"}},
	{name: "too many strings", types: func(w *writer) {
		anInt32(w)
		w.Str(strings.Repeat("x", maxNameOffset))
	}, want: []string{"offset 0x28: strings of 16777221 bytes with the base's: names may not lie beyond 0xffffff"}},
	{name: "no types", types: func(*writer) {}, want: []string{"offset 0x8: no types"}},

	// Records.
	{name: "part of a record", types: withInt(func(w *writer) { w.Words(0, 0) }),
		want: []string{"offset 0x28: type 2 is cut off: 8 bytes of 12"}},
	{name: "members are missing", types: one(btfraw.Struct, "s", 2, 8, 0, 1, 0),
		want: []string{"offset 0x28: type 2, STRUCT, is cut off: 24 bytes of 36"}},
	{name: "kind 0", types: one(btfraw.Void, "", 0, 0),
		want: []string{"offset 0x28: type 2: there is no kind 0"}},
	{name: "kind 20", types: one(20, "x", 0, 0), want: []string{"offset 0x28: type 2: there is no kind 20"}},
	{name: "kind 32, for 6.1", kernel: "6.1", types: one(32, "x", 0, 0),
		want: []string{"offset 0x28: type 2: info 0x20000000: 6.1 does not support bits 0x20000000"}},
	{name: "vlen of 24 bits, for 6.12", kernel: "6.12", types: manyValues(1 << 16),
		want: []string{"offset 0x28: type 2: info 0x6010000: 6.12 does not support bits 0x10000"}},
	{name: "vlen of 24 bits", kernel: "7.2", types: manyValues(1 << 16)},
	{name: "vlen of 16 bits", types: manyValues(1<<16 - 1)},

	// What a kind's record has in common.
	{name: "vlen", types: one(btfraw.Ptr, "", 1, 1), want: []string{"[2] PTR: vlen 1, must be 0"}},
	{name: "flag", types: one(btfraw.Const, "", flag, 1), want: []string{"[2] CONST: kind_flag is set"}},
	{name: "flag of a FUNC_PROTO", types: one(btfraw.FuncProto, "", flag, 0),
		want: []string{"[2] FUNC_PROTO: kind_flag is set"}},
	{name: "flag of a TYPE_TAG, for 6.12", kernel: "6.12", types: one(btfraw.TypeTag, "t", flag, 1),
		want: []string{"[2] TYPE_TAG t: kind_flag is set: 6.12 does not support it for tags"}},
	{name: "flag of a DECL_TAG, for 6.1", kernel: "6.1", types: withInt(func(w *writer) {
		w.ref(btfraw.Typedef, "t", 1)
		w.Add(btfraw.DeclTag, "d", flag, 2, 0xffffffff)
	}), want: []string{"[3] DECL_TAG d: kind_flag is set: 6.1 does not support it for tags"}},
	{name: "flag of a TYPE_TAG", kernel: "7.2", types: one(btfraw.TypeTag, "t", flag, 1)},
	{name: "flags of ENUM, FWD, STRUCT", types: withInt(func(w *writer) {
		w.list(btfraw.Enum, "e", flag, 4, f("A", 1))
		w.list(btfraw.Enum64, "f", flag, 8, f("B", 1, 1))
		w.Add(btfraw.Fwd, "u", flag, 0)
		w.list(btfraw.Struct, "s", flag, 4, f("x", 1, 3<<24))
	})},
	{name: "size of a FWD", types: one(btfraw.Fwd, "s", 0, 1),
		want: []string{"[2] FWD s: 1 in size/type, must be 0"}},
	{name: "size of an ARRAY", types: one(btfraw.Array, "", 0, 4, 1, 1, 1),
		want: []string{"[2] ARRAY: 4 in size/type, must be 0"}},
	{name: "linkage of a FUNC", types: withInt(func(w *writer) {
		w.Add(btfraw.FuncProto, "", 0, 0)
		w.Add(btfraw.Func, "f", 1, 2)
		w.Add(btfraw.Func, "g", 2, 2)
	}), want: []string{"[4] FUNC g: linkage 2, must be 0 (static) or 1 (global)"}},
	{name: "linkage of a VAR", types: withInt(func(w *writer) {
		w.Add(btfraw.Var, "v", 0, 1, 1)
		w.Add(btfraw.Var, "w", 0, 1, 2)
	}), want: []string{"[3] VAR w: linkage 2, must be 0 (static) or 1 (global)"}},

	// Names.
	{name: "name beyond the end", types: withInt(func(w *writer) {
		w.Words(0x100, uint32(btfraw.Fwd)<<24, 0)
	}), want: []string{"[2] FWD: name at 0x100: strings end at 0x5"}},
	{name: "name of a PTR", types: one(btfraw.Ptr, "p", 0, 1),
		want: []string{`[2] PTR p: name "p", must have none`}},
	{name: "name of an ARRAY", types: one(btfraw.Array, "a", 0, 0, 1, 1, 1),
		want: []string{`[2] ARRAY a: name "a", must have none`}},
	{name: "name of a FUNC_PROTO", types: one(btfraw.FuncProto, "f", 0, 0),
		want: []string{`[2] FUNC_PROTO f: name "f", must have none`}},
	{name: "TYPEDEF without a name", types: one(btfraw.Typedef, "", 0, 1),
		want: []string{"[2] TYPEDEF: no name"}},
	{name: "FWD without a name", types: one(btfraw.Fwd, "", 0, 0), want: []string{"[2] FWD: no name"}},
	{name: "VAR without a name", types: one(btfraw.Var, "", 0, 1, 0), want: []string{"[2] VAR: no name"}},
	{name: "TYPE_TAG without a name", types: one(btfraw.TypeTag, "", 0, 1),
		want: []string{"[2] TYPE_TAG: no name"}},
	{name: "value without a name", types: many(btfraw.Enum, "e", 0, 4, f("", 1)),
		want: []string{"[2] ENUM e: value 0: no name"}},
	{name: "value of 64 bits without a name", types: many(btfraw.Enum64, "e", 0, 8, f("A", 1, 0), f("", 2, 0)),
		want: []string{"[2] ENUM64 e: value 1: no name"}},
	{name: "no identifier", types: one(btfraw.Typedef, "a-b", 0, 1),
		want: []string{`[2] TYPEDEF a-b: name "a-b" is no identifier`}},
	{name: "digit first", types: one(btfraw.Fwd, "1a", 0, 0),
		want: []string{`[2] FWD 1a: name "1a" is no identifier`}},
	{name: "dots", types: one(btfraw.Typedef, "asan.module_ctor", 0, 1)},
	{name: "member is no identifier", types: many(btfraw.Struct, "s", 0, 4, f("a b", 1, 0)),
		want: []string{`[2] STRUCT s: member 0: name "a b" is no identifier`}},
	{name: "INT of any name", types: func(w *writer) { w.Int("long unsigned int", 8); w.Int("", 4) }},
	{name: "tag of any text", types: one(btfraw.TypeTag, "a b-c", 0, 1)},
	{name: "longest name", types: one(btfraw.Typedef, strings.Repeat("x", 512), 0, 1)},
	{name: "name too long", types: one(btfraw.Typedef, strings.Repeat("x", 513), 0, 1),
		want: []string{"[2] TYPEDEF " + strings.Repeat("x", 513) + ": name of more than 512 bytes"}},
	{name: "section", types: datasec(".data..percpu")},
	{name: "section of any name, for 6.1", kernel: "6.1", types: datasec(".data:x"),
		want: []string{`[3] DATASEC .data:x: name ".data:x" is no identifier`}},
	{name: "section of any name", types: datasec(".data:x y?"), kernel: "6.12"},
	{name: "section that cannot be printed", types: datasec("\t"),
		want: []string{"[3] DATASEC \t: name \"\\t\" cannot be printed"}},

	// Numbers.
	{name: "encoding", types: func(w *writer) { w.Add(btfraw.Int, "i", 0, 4, 3<<24|32) },
		want: []string{"[1] INT i: encoding 3, must be 0, 1 (signed), 2 (char) or 4 (bool)"}},
	{name: "unknown bits of an INT", types: func(w *writer) { w.Add(btfraw.Int, "i", 0, 4, 1<<28|32) },
		want: []string{"[1] INT i: encoding 0x10000020 has unknown bits"}},
	{name: "more bits than bytes", types: func(w *writer) { w.Add(btfraw.Int, "i", 0, 4, 8<<16|32) },
		want: []string{"[1] INT i: 32 bits at 8 in 4 bytes"}},
	{name: "more than 128 bits", types: func(w *writer) { w.Add(btfraw.Int, "i", 0, 32, 129) },
		want: []string{"[1] INT i: 129 bits at 0: more than 128"}},
	{name: "FLOAT", types: one(btfraw.Float, "f", 0, 3),
		want: []string{"[2] FLOAT f: size 3, must be 2, 4, 8, 12 or 16"}},
	{name: "ENUM", types: many(btfraw.Enum, "e", 0, 3, f("A", 1)),
		want: []string{"[2] ENUM e: size 3, must be 1, 2, 4 or 8"}},
	{name: "ENUM without a size", types: many(btfraw.Enum, "e", 0, 0),
		want: []string{"[2] ENUM e: size 0, must be 1, 2, 4 or 8"}},
	{name: "ENUM64", types: many(btfraw.Enum64, "e", 0, 16, f("A", 1, 0)),
		want: []string{"[2] ENUM64 e: size 16, must be 1, 2, 4 or 8"}},
	{name: "bit offset in a union", types: many(btfraw.Union, "u", 0, 8, f("a", 1, 0), f("b", 1, 32)),
		want: []string{`[2] UNION u: member 1 "b": bit offset 32 in a union`}},
	{name: "bit offset goes back", types: many(btfraw.Struct, "s", 0, 8, f("a", 1, 32), f("", 1, 0)),
		want: []string{"[2] STRUCT s: member 1: bit offset 0, and the one before has 32"}},
	{name: "member begins beyond the struct", types: many(btfraw.Struct, "s", 0, 8, f("a", 1, 65)),
		want: []string{`[2] STRUCT s: member 0 "a": bit offset 65 in a struct of 8 bytes`}},
	{name: "flexible array", types: withInt(func(w *writer) {
		w.Add(btfraw.Array, "", 0, 0, 1, 1, 0)
		w.list(btfraw.Struct, "s", 0, 4, f("n", 1, 0), f("list", 2, 32))
	})},
	{name: "component", types: withInt(func(w *writer) {
		w.ref(btfraw.Typedef, "t", 1)
		w.Add(btfraw.DeclTag, "d", 0, 2, 0xfffffffe)
	}), want: []string{"[3] DECL_TAG d: component -2, must be -1 or a number"}},
	{name: "DATASEC without a size", types: one(btfraw.Datasec, "d", 0, 0),
		want: []string{"[2] DATASEC d: size 0"}},
	{name: "DATASEC without variables", types: one(btfraw.Datasec, "d", 0, 4)},
	{name: "variable without a size", types: variablesOf(8, f("", 2, 0, 0)),
		want: []string{"[3] DATASEC d: variable 0: size 0"}},
	{name: "variables overlap", types: variablesOf(8, f("", 2, 0, 4), f("", 2, 2, 4)),
		want: []string{"[3] DATASEC d: variable 1 at 2: the one before ends at 4"}},
	{name: "variable beyond the section", types: variablesOf(8, f("", 2, 6, 4)),
		want: []string{"[3] DATASEC d: variable 0 at 6, 4 bytes, in a section of 8"}},

	// Types that compilers emit now and then.
	{name: "array as parameter and return type", types: prototype(2, 2, func(w *writer) {
		w.Add(btfraw.Array, "", 0, 0, 1, 1, 4)
	})},
	{name: "typedef of an array as parameter and return type", types: prototype(3, 3, func(w *writer) {
		w.Add(btfraw.Array, "", 0, 0, 1, 1, 4)
		w.ref(btfraw.Typedef, "v4", 2)
	})},
	{name: "declared struct as parameter", types: prototype(1, 2, func(w *writer) { w.ref(btfraw.Fwd, "s", 0) }),
		want: []string{"[3] FUNC_PROTO: parameter 0: [2] FWD s where a type of parameters belongs"}},
	{name: "declared struct as return type", types: prototype(2, 1, func(w *writer) { w.ref(btfraw.Fwd, "s", 0) }),
		want: []string{"[3] FUNC_PROTO: return: [2] FWD s where a type that functions return belongs"}},
	{name: "typedef of void as return type", types: prototype(2, 1, func(w *writer) { w.ref(btfraw.Typedef, "v", 0) }),
		want: []string{"[3] FUNC_PROTO: return: [2] TYPEDEF v where a type that functions return belongs"}},
	{name: "const void as return type", types: prototype(2, 1, func(w *writer) { w.ref(btfraw.Const, "", 0) }),
		want: []string{"[3] FUNC_PROTO: return: [2] CONST where a type that functions return belongs"}},
	{name: "void as return type", types: prototype(0, 1, func(w *writer) { w.ref(btfraw.Const, "", 0) })},
	{name: "FUNC with a parameter without a name", types: withInt(func(w *writer) {
		w.list(btfraw.FuncProto, "", 0, 1, f("", 1))
		w.ref(btfraw.Func, "run", 2)
	}), want: []string{"[3] FUNC run: parameter 0 of [2] FUNC_PROTO has no name"}},
	{name: "bit field of 32 bits of an ENUM", types: bitField(32, func(w *writer) {
		w.list(btfraw.Enum, "e", 0, 8, f("A", 1))
	})},
	{name: "bit field of 33 bits of an ENUM", types: bitField(33, func(w *writer) {
		w.list(btfraw.Enum, "e", 0, 8, f("A", 1))
	}), want: []string{`[3] STRUCT s: member 0 "x": bit field of 33 bits, its type can have 32`}},
	{name: "bit field of 33 bits of an ENUM64", types: bitField(33, func(w *writer) {
		w.list(btfraw.Enum64, "e", 0, 8, f("A", 1, 0))
	}), want: []string{`[3] STRUCT s: member 0 "x": bit field of 33 bits, its type can have 32`}},
	{name: "bit field of 100 bits of an INT", types: bitField(100, func(w *writer) { w.Int("__int128", 16) })},
	{name: "bit field of 33 bits of an INT of 4 bytes", types: bitField(33, func(w *writer) { w.Int("unsigned", 4) }),
		want: []string{`[3] STRUCT s: member 0 "x": bit field of 33 bits, its type can have 32`}},
	{name: "bit field of a pointer", types: bitField(5, func(w *writer) { w.ref(btfraw.Ptr, "", 1) }),
		want: []string{`[3] STRUCT s: member 0 "x": bit field of 5 bits, its type can have 0`}},
	{name: "bit field of a FLOAT", types: bitField(5, func(w *writer) { w.Add(btfraw.Float, "f", 0, 4) }),
		want: []string{`[3] STRUCT s: member 0 "x": bit field of 5 bits, its type can have 0`}},
	{name: "members that overlap", types: many(btfraw.Struct, "s", 0, 8, f("a", 1, 0), f("b", 1, 16), f("c", 1, 16))},
	{name: "struct that does not begin at a byte", types: withInt(func(w *writer) {
		w.list(btfraw.Struct, "in", 0, 4, f("x", 1, 0))
		w.list(btfraw.Struct, "s", 0, 8, f("x", 2, 3))
	}), want: []string{`[3] STRUCT s: member 0 "x": bit offset 3 is not that of a byte`}},
	{name: "INT that does not begin at a byte", types: many(btfraw.Struct, "s", 0, 8, f("x", 1, 3))},
	{name: "array of more than 4 GiB", types: one(btfraw.Array, "", 0, 0, 1, 1, 1<<30),
		want: []string{"[2] ARRAY: 1073741824 elements of [1] INT int: more than 4 GiB"}},
	{name: "STRUCT without members", types: one(btfraw.Struct, "s", 0, 1<<32-1)},
	{name: "name with a dollar sign", types: one(btfraw.Struct, "a$b", 0, 4),
		want: []string{`[2] STRUCT a$b: name "a$b" is no identifier`}},
	{name: "name with a dot", types: one(btfraw.Struct, "a.b", 0, 4)},
	{name: "name of 512 bytes", types: one(btfraw.Struct, strings.Repeat("x", 512), 0, 4)},

	// Chains of modifiers.
	{name: "chain of 32", types: chainOf(32)},
	{name: "chain of 33", types: chainOf(33),
		want: []string{"[1] CONST: more than 32 modifiers in a row, or a ring of them"}},
	{name: "ring of modifiers", types: func(w *writer) { w.ref(btfraw.Const, "", 2); w.ref(btfraw.Volatile, "", 1) },
		want: []string{
			"[1] CONST: more than 32 modifiers in a row, or a ring of them",
			"[2] VOLATILE: more than 32 modifiers in a row, or a ring of them",
		}},
	{name: "tags first", types: withInt(func(w *writer) {
		w.ref(btfraw.Const, "", 1)
		w.ref(btfraw.TypeTag, "user", 2)
		w.ref(btfraw.TypeTag, "rcu", 3)
	})},
	{name: "tag behind a modifier, for 6.12", kernel: "6.12", types: tagBehind(btfraw.Const),
		want: []string{"[3] CONST: CONST before TYPE_TAG user: 6.12 requires tags first"}},
	{name: "tag behind a TYPEDEF, for 6.1", kernel: "6.1", types: withInt(func(w *writer) {
		w.ref(btfraw.TypeTag, "user", 1)
		w.ref(btfraw.Typedef, "t", 2)
		w.ref(btfraw.TypeTag, "rcu", 3)
	}), want: []string{
		"[3] TYPEDEF t: TYPEDEF before TYPE_TAG user: 6.1 requires tags first",
		"[4] TYPE_TAG rcu: TYPEDEF before TYPE_TAG user: 6.1 requires tags first",
	}},
	{name: "tag behind a modifier", kernel: "7.2", types: tagBehind(btfraw.Volatile)},
}

// longerHeader makes a header of n bytes, with v as the word at an offset.
func longerHeader(n, at int, v uint32) func(w *writer, raw []byte) []byte {
	return func(w *writer, raw []byte) []byte {
		out := append(append(raw[:24:24], make([]byte, n-24)...), raw[24:]...)
		w.Order.PutUint32(out[4:], uint32(n))
		if v != 0 {
			w.Order.PutUint32(out[at:], v)
		}
		return out
	}
}

// withLayout puts 8 bytes of layout between types and strings.
func withLayout(w *writer, raw []byte) []byte {
	out := longerHeader(32, 28, 8)(w, raw)
	w.Order.PutUint32(out[24:], 16)
	w.Order.PutUint32(out[16:], 24)
	return append(append(out[:48:48], make([]byte, 8)...), out[48:]...)
}

func layoutLast(w *writer, raw []byte) []byte {
	out := longerHeader(32, 28, 8)(w, raw)
	w.Order.PutUint32(out[24:], 21)
	return append(out, make([]byte, 8)...)
}

// manyValues writes an enum with n values of one name.
func manyValues(n int) func(w *writer) {
	return withInt(func(w *writer) {
		name := w.Str("A")
		w.Add(btfraw.Enum, "", uint32(n), 4)
		for range n {
			w.Words(name, 1)
		}
	})
}

// datasec writes a VAR and a section of this name for it.
func datasec(name string) func(w *writer) {
	return withInt(func(w *writer) {
		w.Add(btfraw.Var, "v", 0, 1, 1)
		w.list(btfraw.Datasec, name, 0, 4, f("", 2, 0, 4))
	})
}

func variablesOf(size uint32, variables ...field) func(w *writer) {
	return withInt(func(w *writer) {
		w.Add(btfraw.Var, "v", 0, 1, 1)
		w.list(btfraw.Datasec, "d", 0, size, variables...)
	})
}

// chainOf writes n CONSTs in a row, each of the next type.
func chainOf(n int) func(w *writer) {
	return func(w *writer) {
		for range n {
			w.ref(btfraw.Const, "", w.Next+1)
		}
		anInt32(w)
	}
}

func tagBehind(kind btfraw.Kind) func(w *writer) {
	return withInt(func(w *writer) {
		w.ref(btfraw.TypeTag, "user", 1)
		w.ref(kind, "", 2)
	})
}

func (test *formTest) bytes(order binary.ByteOrder) []byte {
	w := newWriter(order)
	test.types(w)
	raw := w.Bytes(24)
	if test.damage != nil {
		raw = test.damage(w, raw)
	}
	return raw
}

// TestForm checks what kernels refuse.
func TestForm(t *testing.T) {
	for _, test := range formTests {
		for _, order := range orders {
			t.Run(fmt.Sprint(test.name, "/", order), func(t *testing.T) {
				got := verify(t, test.bytes(order), nil, test.kernel)
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("problems (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// The base of split BTF in tests: an INT, a FUNC with its FUNC_PROTO, a struct of 8 bytes, one that
// is only declared, and a TYPEDEF.
const (
	baseInt = iota + 1
	baseProto
	baseFunc
	basePair
	baseFwd
	baseTypedef
	firstSplit // id of a split's first type
)

func writeBase(w *writer) {
	w.Int("int", 4)
	w.list(btfraw.FuncProto, "", 0, baseInt, f("a", baseInt))
	w.Add(btfraw.Func, "run", 0, baseProto)
	w.list(btfraw.Struct, "pair", 0, 8, f("first", baseInt, 0), f("second", baseInt, 32))
	w.ref(btfraw.Fwd, "opaque", 0)
	w.ref(btfraw.Typedef, "pair_t", basePair)
}

// TestSense checks split BTF for what no kernel notices.
func TestSense(t *testing.T) {
	tests := []struct {
		name  string
		types func(w *writer)
		want  []string
	}{
		{"nothing", func(w *writer) {}, nil},
		{"fine", func(w *writer) {
			w.ref(btfraw.Ptr, "", basePair)
			w.list(btfraw.Struct, "s", 0, 16, f("p", firstSplit, 0), f("t", baseTypedef, 64))
			w.Add(btfraw.Var, "v", 0, firstSplit+1, 1)
			w.list(btfraw.Datasec, ".data", 0, 16, f("", firstSplit+2, 0, 16))
			w.list(btfraw.FuncProto, "", 0, 0, f("a", baseTypedef), f("", 0))
			w.Add(btfraw.Func, "f", 0, firstSplit+4)
			w.Add(btfraw.DeclTag, "kfunc", 0, firstSplit+5, 0xffffffff)
			w.Add(btfraw.DeclTag, "arg", 0, firstSplit+5, 1)
			w.Add(btfraw.DeclTag, "field", 0, basePair, 1)
		}, nil},

		// References.
		{"beyond base and split", func(w *writer) { w.ref(btfraw.Ptr, "", firstSplit+1) },
			[]string{"[7] PTR: type 8: the last one is 7"}},
		{"member beyond base and split", func(w *writer) { w.list(btfraw.Struct, "s", 0, 4, f("x", 99, 0)) },
			[]string{`[7] STRUCT s: member 0 "x": type 99: the last one is 7`}},
		{"PTR to a FUNC", func(w *writer) { w.ref(btfraw.Ptr, "", baseFunc) },
			[]string{"[7] PTR: [3] FUNC run where a type belongs"}},
		{"TYPEDEF of a VAR", func(w *writer) {
			w.Add(btfraw.Var, "v", 0, baseInt, 1)
			w.ref(btfraw.Typedef, "t", firstSplit)
		}, []string{"[8] TYPEDEF t: [7] VAR v where a type belongs"}},
		{"CONST of a DATASEC", func(w *writer) {
			w.list(btfraw.Datasec, "d", 0, 4)
			w.ref(btfraw.Const, "", firstSplit)
		}, []string{"[8] CONST: [7] DATASEC d where a type belongs"}},
		{"FUNC of an INT", func(w *writer) { w.Add(btfraw.Func, "f", 0, baseInt) },
			[]string{"[7] FUNC f: [1] INT int where a FUNC_PROTO belongs"}},
		{"FUNC of void", func(w *writer) { w.Add(btfraw.Func, "f", 0, 0) },
			[]string{"[7] FUNC f: void where a FUNC_PROTO belongs"}},
		{"VAR of a FUNC_PROTO", func(w *writer) { w.Add(btfraw.Var, "v", 0, baseProto, 1) },
			[]string{"[7] VAR v: [2] FUNC_PROTO where a type with a size belongs"}},
		{"VAR of void", func(w *writer) { w.Add(btfraw.Var, "v", 0, 0, 1) },
			[]string{"[7] VAR v: void where a type with a size belongs"}},
		{"DATASEC of an INT", func(w *writer) { w.list(btfraw.Datasec, "d", 0, 4, f("", baseInt, 0, 4)) },
			[]string{"[7] DATASEC d: variable 0: [1] INT int where a VAR belongs"}},
		{"DECL_TAG of an INT", func(w *writer) { w.Add(btfraw.DeclTag, "d", 0, baseInt, 0xffffffff) },
			[]string{"[7] DECL_TAG d: [1] INT int where a STRUCT, UNION, FUNC, VAR or TYPEDEF belongs"}},
		{"DECL_TAG of a third member", func(w *writer) { w.Add(btfraw.DeclTag, "d", 0, basePair, 2) },
			[]string{"[7] DECL_TAG d: component 2 of [4] STRUCT pair, which has 2"}},
		{"DECL_TAG of a second parameter", func(w *writer) { w.Add(btfraw.DeclTag, "d", 0, baseFunc, 1) },
			[]string{"[7] DECL_TAG d: component 1 of [3] FUNC run, which has 1"}},
		{"DECL_TAG of a parameter of a FUNC that refers to nothing", func(w *writer) {
			w.Add(btfraw.DeclTag, "d", 0, firstSplit+1, 0)
			w.Add(btfraw.Func, "f", 0, 1<<20)
		}, []string{"[7] DECL_TAG d: component 0 of [8] FUNC f, which has none",
			"[8] FUNC f: type 1048576: the last one is 8"}},
		{"DECL_TAG of a part of a TYPEDEF", func(w *writer) { w.Add(btfraw.DeclTag, "d", 0, baseTypedef, 0) },
			[]string{"[7] DECL_TAG d: component 0 of [6] TYPEDEF pair_t, which has none"}},
		{"ARRAY of void", func(w *writer) { w.Add(btfraw.Array, "", 0, 0, 0, baseInt, 1) },
			[]string{"[7] ARRAY: element: void where a type with a size belongs"}},
		{"ARRAY of a FWD", func(w *writer) { w.Add(btfraw.Array, "", 0, 0, baseFwd, baseInt, 1) },
			[]string{"[7] ARRAY: element: [5] FWD opaque where a type with a size belongs"}},
		{"ARRAY with a STRUCT as index", func(w *writer) { w.Add(btfraw.Array, "", 0, 0, baseInt, basePair, 1) },
			[]string{"[7] ARRAY: index: [4] STRUCT pair where an INT belongs"}},
		{"member of void", func(w *writer) { w.list(btfraw.Struct, "s", 0, 4, f("x", 0, 0)) },
			[]string{`[7] STRUCT s: member 0 "x": void where a type with a size belongs`}},
		{"member of a FWD, behind modifiers", func(w *writer) {
			w.ref(btfraw.Const, "", baseFwd)
			w.list(btfraw.Struct, "s", 0, 4, f("x", firstSplit, 0))
		}, []string{`[8] STRUCT s: member 0 "x": [7] CONST where a type with a size belongs`}},
		{"parameter of void", func(w *writer) { w.list(btfraw.FuncProto, "", 0, 0, f("", 0), f("a", baseInt)) },
			[]string{"[7] FUNC_PROTO: parameter 0: void where a type of parameters belongs"}},
		{"variable arguments with a name", func(w *writer) { w.list(btfraw.FuncProto, "", 0, 0, f("a", 0)) },
			[]string{"[7] FUNC_PROTO: parameter 0: void where a type of parameters belongs"}},
		{"parameter of a FUNC", func(w *writer) { w.list(btfraw.FuncProto, "", 0, 0, f("a", baseFunc)) },
			[]string{"[7] FUNC_PROTO: parameter 0: [3] FUNC run where a type of parameters belongs"}},
		{"FUNC_PROTO returns a FUNC_PROTO", func(w *writer) { w.list(btfraw.FuncProto, "", 0, baseProto) },
			[]string{"[7] FUNC_PROTO: return: [2] FUNC_PROTO where a type that functions return belongs"}},

		// Names.
		{"name inside of a string of the base", func(w *writer) { w.Words(2, uint32(btfraw.Fwd)<<24, 0) },
			[]string{`[7] FWD nt: name at 0x2 begins inside "int": encoded against another base?`}},
		{"name inside of an own string", func(w *writer) { w.ref(btfraw.Fwd, "@own", 0) },
			[]string{`[7] FWD own: name at 0x2c begins inside "@own": encoded against another base?`}},
		{"member's name inside of a string", func(w *writer) {
			w.list(btfraw.Struct, "s", 0, 4, f("@x", baseInt, 0))
		}, []string{`[7] STRUCT s: member 0: name at 0x2c begins inside "@x": encoded against another base?`}},
		{"strings that begin with an empty one", func(w *writer) {
			w.Strings = []byte{0}
			w.ref(btfraw.Fwd, "s", 0)
		}, []string{"offset 0x24: the first string is empty: encoded without a base?"}},

		{"three types of five", func(w *writer) {
			w.ref(btfraw.Ptr, "", baseInt)
			w.ref(btfraw.Ptr, "", baseTypedef)
			w.ref(btfraw.Ptr, "", baseFunc)
			w.ref(btfraw.Const, "", baseFunc)
			w.ref(btfraw.Volatile, "", baseFunc)
		}, []string{
			"offset 0x18: 3 of 5 types are invalid: encoded against another base?",
			"[9] PTR: [3] FUNC run where a type belongs",
			"[10] CONST: [3] FUNC run where a type belongs",
			"[11] VOLATILE: [3] FUNC run where a type belongs",
		}},

		// Layout.
		{"member that is too long", func(w *writer) { w.list(btfraw.Struct, "s", 0, 4, f("p", basePair, 0)) },
			[]string{`[7] STRUCT s: member 0 "p": ends at bit 64 of a struct of 4 bytes`}},
		{"members that overlap", func(w *writer) {
			w.list(btfraw.Struct, "s", 0, 16, f("p", baseTypedef, 0), f("q", baseInt, 32))
		}, nil},
		{"union that is too short", func(w *writer) {
			w.list(btfraw.Union, "u", 0, 4, f("i", baseInt, 0), f("p", basePair, 0))
		},
			[]string{`[7] UNION u: member 1 "p": ends at bit 64 of a struct of 4 bytes`}},
		{"array that is too long", func(w *writer) {
			w.Add(btfraw.Array, "", 0, 0, baseInt, baseInt, 1<<31)
			w.list(btfraw.Struct, "s", 0, 64, f("a", firstSplit, 0))
		}, []string{"[7] ARRAY: 2147483648 elements of [1] INT int: more than 4 GiB",
			`[8] STRUCT s: member 0 "a": ends at bit 68719476736 of a struct of 64 bytes`}},
		{"bit fields", func(w *writer) {
			w.list(btfraw.Struct, "s", flag, 4, f("a", baseInt, 3<<24), f("b", baseInt, 29<<24|3))
			w.list(btfraw.Struct, "t", flag, 4, f("a", baseInt, 4<<24), f("b", baseInt, 30<<24|3))
			w.Add(btfraw.Int, "old", 0, 4, 3)
			w.list(btfraw.Struct, "u", 0, 4, f("a", firstSplit+2, 0), f("b", firstSplit+2, 3))
		}, []string{`[8] STRUCT t: member 1 "b": ends at bit 33 of a struct of 4 bytes`}},
		{"variable that is too long", func(w *writer) {
			w.Add(btfraw.Var, "v", 0, basePair, 1)
			w.list(btfraw.Datasec, "d", 0, 8, f("", firstSplit, 0, 4))
		}, []string{"[8] DATASEC d: variable 0: [7] VAR v needs 8 bytes, has 4"}},

		// Rings.
		{"list", func(w *writer) {
			w.ref(btfraw.Ptr, "", firstSplit+1)
			w.list(btfraw.Struct, "list", 0, 8, f("next", firstSplit, 0))
		}, nil},
		{"struct in itself", func(w *writer) {
			w.ref(btfraw.Const, "", firstSplit+1)
			w.list(btfraw.Struct, "s", 0, 8, f("s", firstSplit, 0))
		}, []string{"[7] CONST: contains itself"}},
		{"arrays of each other", func(w *writer) {
			w.Add(btfraw.Array, "", 0, 0, firstSplit+1, baseInt, 1)
			w.Add(btfraw.Array, "", 0, 0, firstSplit, baseInt, 1)
		}, []string{"[7] ARRAY: contains itself", "[7] ARRAY: refers to itself, and no struct or union is in between"}},
		{"PTR to itself", func(w *writer) { w.ref(btfraw.Ptr, "", firstSplit) },
			[]string{"[7] PTR: refers to itself, and no struct or union is in between"}},
		{"function that takes itself", func(w *writer) {
			w.ref(btfraw.Ptr, "", firstSplit+1)
			w.list(btfraw.FuncProto, "", 0, 0, f("f", firstSplit))
		}, []string{"[7] PTR: refers to itself, and no struct or union is in between"}},

		// What kernels do not count well.
		{"chain of 33 that they know each link of", func(w *writer) {
			w.ref(btfraw.Const, "", baseInt)
			for range 32 {
				w.ref(btfraw.Const, "", w.Next-1)
			}
		}, []string{"[39] CONST: more than 32 modifiers in a row, or a ring of them"}},
		{"too many types", func(w *writer) {
			for w.Next <= maxID+1 {
				w.ref(btfraw.Ptr, "", 0)
			}
		}, []string{"offset 0xbfffc4: more types than the 1048575 that base and split may have together"}},
	}
	for _, test := range tests {
		for _, order := range orders {
			t.Run(fmt.Sprint(test.name, "/", order), func(t *testing.T) {
				whole := newWriter(order)
				writeBase(whole)
				base, problems := Verify(whole.Bytes(24), nil, &Kernels[0])
				if len(problems) > 0 {
					t.Fatal(problems)
				}
				split := whole.split()
				test.types(split)
				got := verify(t, split.Bytes(24), base, "")
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("problems (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestOtherByteOrder(t *testing.T) {
	base, _ := Verify(formTests[0].bytes(binary.LittleEndian), nil, &Kernels[0])
	got := verify(t, newWriter(binary.BigEndian).split().Bytes(24), base, "")
	if diff := cmp.Diff([]string{"offset 0x0: not the byte order of the base"}, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// TestDistilled checks .BTF.base sections, against a base and on their own.
func TestDistilled(t *testing.T) {
	tests := []struct {
		name   string
		kernel string
		types  func(w *writer)
		want   []string // with a base
		alone  []string // without
	}{
		{name: "fine", types: func(w *writer) {
			w.Int("int", 4)
			w.Add(btfraw.Struct, "pair", 0, 8)
			w.ref(btfraw.Fwd, "opaque", 0)
			w.ref(btfraw.Fwd, "pair", 0)
		}},
		{name: "for 6.1", kernel: "6.1", types: anInt32,
			want:  []string{"offset 0x0: 6.1 does not read it, and takes .BTF for split against vmlinux"},
			alone: []string{"offset 0x0: 6.1 does not read it, and takes .BTF for split against vmlinux"}},
		{name: "malformed", types: func(w *writer) { w.Add(btfraw.Float, "f", 0, 3) },
			want:  []string{"[1] FLOAT f: size 3, must be 2, 4, 8, 12 or 16"},
			alone: []string{"[1] FLOAT f: size 3, must be 2, 4, 8, 12 or 16"}},
		{name: "not in the base", types: func(w *writer) {
			w.Int("int", 4)
			w.Int("long", 8)
			w.ref(btfraw.Fwd, "none", 0)
		}, want: []string{
			"[2] INT long: the base has none of this name and 8 bytes",
			"[3] FWD none: the base has none of this name",
		}},
		{name: "another size or kind", types: func(w *writer) {
			w.Add(btfraw.Struct, "pair", 0, 16)
			w.Add(btfraw.Union, "pair", 0, 8)
			w.Add(btfraw.Fwd, "pair", flag, 0)
		}, want: []string{
			"[1] STRUCT pair: the base has none of this name and 16 bytes",
			"[2] UNION pair: the base has none of this name and 8 bytes",
			"[3] FWD pair: the base has none of this name",
		}},
		{name: "PTR", types: func(w *writer) { w.ref(btfraw.Ptr, "", 0) },
			want: []string{"[1] PTR: PTR in a distilled base"}, alone: []string{"[1] PTR: PTR in a distilled base"}},
		{name: "no name", types: func(w *writer) { w.Add(btfraw.Struct, "", 0, 8) },
			want: []string{"[1] STRUCT: no name to find it by"}, alone: []string{"[1] STRUCT: no name to find it by"}},
	}
	for _, test := range tests {
		for _, order := range orders {
			t.Run(fmt.Sprint(test.name, "/", order), func(t *testing.T) {
				whole, small := newWriter(order), newWriter(order)
				writeBase(whole)
				test.types(small)
				kernel, err := KernelOf(test.kernel)
				if err != nil {
					t.Fatal(err)
				}
				base, _ := Verify(whole.Bytes(24), nil, kernel)
				_, got := VerifyDistilled(small.Bytes(24), base, kernel)
				if diff := cmp.Diff(test.want, texts(got)); diff != "" {
					t.Errorf("problems with a base (-want +got):\n%s", diff)
				}
				_, got = VerifyDistilled(small.Bytes(24), nil, kernel)
				if diff := cmp.Diff(test.alone, texts(got)); diff != "" {
					t.Errorf("problems without a base (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func verify(t *testing.T, raw []byte, base *BTF, version string) []string {
	t.Helper()
	kernel, err := KernelOf(version)
	if err != nil {
		t.Fatal(err)
	}
	btf, problems := Verify(raw, base, kernel)
	if (btf == nil) != (len(problems) > 0) {
		t.Errorf("BTF %v with %d problems", btf, len(problems))
	}
	return texts(problems)
}

func texts(problems []Problem) (list []string) {
	for _, p := range problems {
		list = append(list, p.String())
	}
	return list
}

// Types whose names are the ends of one long string: as a whole they are n*n/2 bytes long.
func TestLongNames(t *testing.T) {
	const n = 200000
	le := binary.LittleEndian
	var types []byte
	for i := range uint32(n) {
		types = le.AppendUint32(types, 1+i)
		types = le.AppendUint32(types, uint32(btfraw.Fwd)<<24)
		types = le.AppendUint32(types, 0)
	}
	text := append([]byte{0}, bytes.Repeat([]byte("a"), 8*n)...)
	text = append(text, 0)
	raw := []byte{0x9f, 0xeb, 1, 0}
	for _, v := range []int{24, 0, len(types), len(types), len(text)} {
		raw = le.AppendUint32(raw, uint32(v))
	}
	_, problems := Verify(append(append(raw, types...), text...), nil, &Kernels[0])
	if len(problems) != n {
		t.Fatalf("%d problems, not %d", len(problems), n)
	}
	if last := problems[n-1]; len(last.String()) > 3*maxNameLength {
		t.Errorf("%d bytes of text", len(last.String()))
	}
}
