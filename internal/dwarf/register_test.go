// SPDX-License-Identifier: GPL-2.0-only

package dwarf

import "testing"

// Which expressions say that a parameter arrives in a register, and in which. rdi is 5 on x86-64.
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
		{"GNU_entry_value(reg5), stack_value", []byte{opGNUEntryVal, 1, opReg0 + 5, opStackValue}, none, 5},
		{"entry_value(reg5), plus_uconst 20, stack_value", []byte{opEntryValue, 1, opReg0 + 5, opPlusUconst, 20, opStackValue}, none, none},
		{"entry_value(breg5 0)", []byte{opEntryValue, 2, 0x75, 0}, none, none},
		{"entry_value cut off", []byte{opEntryValue, 2, opReg0 + 5}, none, none},
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
			t.Errorf("%s: register %d, on entry %d, want %d and %d", tt.name, plain, entry, tt.plain, tt.entry)
		}
	}
}
