// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

import "testing"

// Which expressions name the register of a parameter. rdi is 5 on x86-64.
func TestRegisters(t *testing.T) {
	const none = NoRegister
	for _, tt := range []struct {
		name         string
		expr         []byte
		plain, entry int
	}{
		{"reg5", []byte{opReg0 + 5}, 5, none},
		{"reg31", []byte{opReg0 + 31}, 31, none},
		{"regx 130", []byte{opRegx, 0x82, 0x01}, 130, none},
		{"reg5, piece", []byte{opReg0 + 5, 0x93, 8}, none, none},
		{"breg5 0", []byte{0x75, 0}, none, none},
		{"fbreg -16", []byte{0x91, 0x70}, none, none},
		{"lit1, stack_value", []byte{0x31, opStackValue}, none, none},
		{"entry_value(reg5)", []byte{opEntryValue, 1, opReg0 + 5}, none, 5},
		{"GNU_entry_value(reg5), stack_value", []byte{opGNUEntryVal, 1, opReg0 + 5, opStackValue},
			none, 5},
		{"entry_value(reg5), plus_uconst 20, stack_value",
			[]byte{opEntryValue, 1, opReg0 + 5, opPlusUconst, 20, opStackValue}, none, none},
		{"entry_value(breg5 0)", []byte{opEntryValue, 2, 0x75, 0}, none, none},
		{"truncated entry_value", []byte{opEntryValue, 2, opReg0 + 5}, none, none},
		{"nothing", nil, none, none},
	} {
		plain, entry := none, none
		if r, ok := register(tt.expr); ok {
			plain = r
		}
		if r, ok := entryRegister(tt.expr); ok {
			entry = r
		}
		if plain != tt.plain || entry != tt.entry {
			t.Errorf("%s: register %d, on entry %d, want %d and %d",
				tt.name, plain, entry, tt.plain, tt.entry)
		}
	}
}

// firstRegister for values of one register, and of several.
func TestFirstRegisterOfValue(t *testing.T) {
	const none, piece, bregs = NoRegister, opPiece, opBreg0
	u := &Unit{AddrSize: 8, offSize: 4}
	for _, tt := range []struct {
		name         string
		expr         []byte
		narrow, wide int
	}{
		{"nothing", nil, none, none},
		{"reg5", []byte{opReg0 + 5}, 5, 5},
		{"regx 130", []byte{opRegx, 0x82, 0x01}, 130, 130},
		{"reg5, stack_value", []byte{opReg0 + 5, opStackValue}, 5, 5},
		{"breg5 0", []byte{bregs + 5, 0}, none, none},
		{"breg5 -8, stack_value", []byte{bregs + 5, 0x78, opStackValue}, 5, 5},
		{"breg5 200, const4u, and, stack_value",
			[]byte{bregs + 5, 0xc8, 0x01, 0x0c, 1, 2, 3, 4, 0x1a, opStackValue}, 5, none},
		{"fbreg -16", []byte{0x91, 0x70}, none, none},
		{"lit1, stack_value", []byte{0x31, opStackValue}, none, none},
		{"reg5, piece 8, reg4, piece 8", []byte{opReg0 + 5, piece, 8, opReg0 + 4, piece, 8}, 5, 5},
		{"piece 8, reg4, piece 8", []byte{piece, 8, opReg0 + 4, piece, 8}, none, 4},
		{"fbreg 0, piece 8, reg1, bit_piece 64 0",
			[]byte{0x91, 0, piece, 8, opReg0 + 1, opBitPiece, 64, 0}, none, 1},
		{"addr, deref", []byte{opAddr, 1, 2, 3, 4, 5, 6, 7, 8, 0x06}, none, none},
		{"implicit_value of a byte that is reg5", []byte{0x9e, 1, opReg0 + 5}, none, none},
		{"reg5, truncated piece", []byte{opReg0 + 5, piece}, none, none},
		{"truncated const8u", []byte{0x0e, 1, 2}, none, none},
		{"entry_value longer than the expression", []byte{opEntryValue, 9, opReg0 + 5}, none, none},
		{"const_type of a byte that is reg5, convert", []byte{0xa4, 1, 1, opReg0 + 5, 0xa8, 1},
			none, none},
	} {
		for _, wide := range []bool{false, true} {
			want := tt.narrow
			if wide {
				want = tt.wide
			}
			got, ok := firstRegister(tt.expr, wide, u)
			if !ok {
				got = none
			}
			if got != want {
				t.Errorf("%s, wide %v: register %d, want %d", tt.name, wide, got, want)
			}
		}
	}
}
