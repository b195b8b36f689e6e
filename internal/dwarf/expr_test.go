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
		{"regx 130", []byte{opRegx, 0x82, 0x01}, none, none},
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
		if r, ok := register(entryValue(tt.expr, &Unit{AddrSize: 8, offSize: 4})); ok {
			entry = r
		}
		if plain != tt.plain || entry != tt.entry {
			t.Errorf("%s: register %d, on entry %d, want %d and %d",
				tt.name, plain, entry, tt.plain, tt.entry)
		}
	}
}

// valueRegister for values of one register, and of several; of the latter also later locations.
func TestValueRegister(t *testing.T) {
	const none, piece, bregs = NoRegister, opPiece, opBreg0
	u := &Unit{AddrSize: 8, offSize: 4}
	for _, tt := range []struct {
		name         string
		expr         []byte
		narrow, wide int
		later        int // wide, after other locations
	}{
		{"nothing", nil, none, none, none},
		{"reg5", []byte{opReg0 + 5}, 5, 5, none},
		{"regx 130", []byte{opRegx, 0x82, 0x01}, none, none, none},
		{"reg5, stack_value", []byte{opReg0 + 5, opStackValue}, 5, 5, none},
		{"breg5 0", []byte{bregs + 5, 0}, none, none, none},
		{"breg5 -8, stack_value", []byte{bregs + 5, 0x78, opStackValue}, 5, 5, none},
		{"breg5 200, const4u, and, stack_value",
			[]byte{bregs + 5, 0xc8, 0x01, 0x0c, 1, 2, 3, 4, 0x1a, opStackValue}, 5, none, none},
		{"breg5 0, stack_value, piece 4", []byte{bregs + 5, 0, opStackValue, piece, 4},
			5, none, none},
		{"fbreg -16", []byte{0x91, 0x70}, none, none, none},
		{"lit1, stack_value", []byte{0x31, opStackValue}, none, none, none},
		{"reg5, piece 8, reg4, piece 8",
			[]byte{opReg0 + 5, piece, 8, opReg0 + 4, piece, 8}, 5, 5, 5},
		{"piece 8, reg4, piece 8", []byte{piece, 8, opReg0 + 4, piece, 8}, none, 4, 4},
		{"fbreg 0, piece 8, reg1, bit_piece 64 0",
			[]byte{0x91, 0, piece, 8, opReg0 + 1, opBitPiece, 64, 0}, none, 1, 1},
		{"lit0, stack_value, piece 8, reg4, piece 8",
			[]byte{0x30, opStackValue, piece, 8, opReg0 + 4, piece, 8}, none, none, none},
		{"consts -1, stack_value, piece 8, reg4, piece 8",
			[]byte{opConsts, 0x7f, opStackValue, piece, 8, opReg0 + 4, piece, 8}, none, none, none},
		{"regx 256, piece 8, regx 257, piece 8",
			[]byte{opRegx, 0x80, 2, piece, 8, opRegx, 0x81, 2, piece, 8}, none, none, none},
		{"addr, deref", []byte{opAddr, 1, 2, 3, 4, 5, 6, 7, 8, 0x06}, none, none, none},
		{"implicit_value of a byte that is reg5", []byte{0x9e, 1, opReg0 + 5}, none, none, none},
		{"reg5, truncated piece", []byte{opReg0 + 5, piece}, none, none, none},
		{"truncated const8u", []byte{0x0e, 1, 2}, none, none, none},
		{"entry_value longer than the expression", []byte{opEntryValue, 9, opReg0 + 5},
			none, none, none},
		{"const_type of a byte that is reg5, convert", []byte{0xa4, 1, 1, opReg0 + 5, 0xa8, 1},
			none, none, none},
	} {
		for _, value := range []struct {
			name        string
			start, wide bool
			want        int
		}{
			{"narrow", true, false, tt.narrow},
			{"wide", true, true, tt.wide},
			{"wide, later", false, true, tt.later},
			{"narrow, later", false, false, none},
		} {
			got, ok := valueRegister(tt.expr, value.start, value.wide, u)
			if !ok {
				got = none
			}
			if got != value.want {
				t.Errorf("%s, %s: register %d, want %d", tt.name, value.name, got, value.want)
			}
		}
	}
}
