// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

// DW_OP_* (section 7.7.1) in the locations of parameters and variables.
const (
	opAddr         = 0x03
	opConstu       = 0x10
	opPlusUconst   = 0x23
	opReg0         = 0x50
	opBreg0        = 0x70
	opRegx         = 0x90
	opPiece        = 0x93
	opBitPiece     = 0x9d
	opStackValue   = 0x9f
	opAddrx        = 0xa1
	opEntryValue   = 0xa3
	opGNUEntryVal  = 0xf3
	opGNUAddrIndex = 0xfb
)

// maxRegister is above all DWARF register numbers.
const maxRegister = 1 << 16

// register decodes a single DW_OP_regN or DW_OP_regx.
func register(expr []byte) (reg int, ok bool) {
	switch {
	case len(expr) == 1 && expr[0] >= opReg0 && expr[0] < opReg0+32:
		return int(expr[0] - opReg0), true
	case len(expr) > 1 && expr[0] == opRegx:
		v, n := uleb(expr[1:])
		return int(v), n == len(expr)-1 && v < maxRegister
	}
	return 0, false
}

// entryRegister decodes an expression that consists of DW_OP_entry_value(DW_OP_regN), the value of
// the register on entry (section 2.5.1.7). A DW_OP_stack_value may follow.
func entryRegister(expr []byte) (reg int, ok bool) {
	if len(expr) < 2 || expr[0] != opEntryValue && expr[0] != opGNUEntryVal {
		return 0, false
	}
	size, n := uleb(expr[1:])
	if n == 0 || size > uint64(len(expr)-1-n) {
		return 0, false
	}
	value, rest := expr[1+n:1+n+int(size)], expr[1+n+int(size):]
	if len(rest) > 1 || len(rest) == 1 && rest[0] != opStackValue {
		return 0, false // the parameter is computed from the register
	}
	return register(value)
}

// firstRegister returns the register that holds a parameter, or the first piece of it.
func firstRegister(expr []byte, wide bool, u *Unit) (reg int, ok bool) {
	first, last := 0, 0 // start of the second operation, and of the last one
	inRegister, pieces := NoRegister, false
	for at := 0; at < len(expr); {
		n, ok := opLength(expr[at:], u)
		if !ok {
			return 0, false
		}
		op := expr[at : at+n]
		if r, ok := register(op); ok && inRegister == NoRegister {
			inRegister = r
		}
		pieces = pieces || op[0] == opPiece || op[0] == opBitPiece
		if at == 0 {
			first = n
		}
		last, at = at, at+n
	}
	switch {
	case last == 0:
		return register(expr)
	case wide && !(last == first && expr[last] == opStackValue):
		return inRegister, pieces && inRegister != NoRegister
	}
	if reg, ok := register(expr[:first]); ok {
		return reg, true
	}
	if op := expr[0]; expr[last] == opStackValue && op >= opBreg0 && op < opBreg0+32 {
		return int(op - opBreg0), true
	}
	return 0, false
}

// opLength returns the length in bytes of the first operation of a non-empty expression (section
// 7.7.1, and GNU extensions).
func opLength(expr []byte, u *Unit) (n int, ok bool) {
	n = 1
	leb := func() bool { // signed or not: both end with the first byte below 0x80
		for ; n < len(expr); n++ {
			if expr[n] < 0x80 {
				n++
				return true
			}
		}
		return false
	}
	block := func() bool {
		if n > len(expr) {
			return false
		}
		size, k := uleb(expr[n:])
		if k == 0 || size > uint64(len(expr)-n-k) {
			return false
		}
		n += k + int(size)
		return true
	}
	ok = true
	switch op := expr[0]; op {
	case opAddr:
		n += u.AddrSize
	case 0x08, 0x09, 0x15, 0x94, 0x95: // const1u, const1s, pick, deref_size, xderef_size
		n++
	case 0x0a, 0x0b, 0x28, 0x2f, 0x98: // const2u, const2s, bra, skip, call2
		n += 2
	case 0x0c, 0x0d, 0x99, 0xfa: // const4u, const4s, call4, GNU_parameter_ref
		n += 4
	case 0x0e, 0x0f: // const8u, const8s
		n += 8
	case 0x9a, 0xfd: // call_ref, GNU_variable_value
		n += u.offSize
	case opConstu, 0x11, opPlusUconst, opRegx, 0x91, opPiece, opAddrx, 0xa2, 0xa8, 0xa9, 0xf7, 0xf9,
		opGNUAddrIndex, 0xfc:
		// constu, consts, plus_uconst, regx, fbreg, piece, addrx, constx, convert, reinterpret, and
		// GNU variants of these
		ok = leb()
	case 0x92, opBitPiece, 0xa5, 0xf5: // bregx, bit_piece, regval_type
		ok = leb()
		ok = ok && leb()
	case 0x9e, opEntryValue, opGNUEntryVal: // implicit_value, entry_value
		ok = block()
	case 0xa0, 0xf2: // implicit_pointer
		n += u.offSize
		ok = leb()
	case 0xa4, 0xf4: // const_type: type, size in one byte, bytes
		ok = leb() && n < len(expr)
		if ok {
			n += 1 + int(expr[n])
		}
	case 0xa6, 0xa7, 0xf6: // deref_type, xderef_type
		n++
		ok = leb()
	default:
		if op >= opBreg0 && op < opBreg0+32 {
			ok = leb()
		}
	}
	return n, ok && n <= len(expr)
}
