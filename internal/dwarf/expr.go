// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

// DW_OP_* (section 7.7.1) in the locations of parameters and variables.
const (
	opAddr         = 0x03
	opConstu       = 0x10
	opConsts       = 0x11
	opPlusUconst   = 0x23
	opLit0         = 0x30
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

// register decodes a single DW_OP_regN. Compilers use DW_OP_regx only for registers from 32 on,
// which hold floating-point numbers and vectors, but no integers and pointers.
func register(expr []byte) (reg int, ok bool) {
	if len(expr) != 1 || expr[0] < opReg0 || expr[0] >= opReg0+32 {
		return 0, false
	}
	return int(expr[0] - opReg0), true
}

// entryValue returns the only operation of a DW_OP_entry_value, a value on entry to the function
// (section 2.5.1.7), if the expression consists of it. A DW_OP_stack_value may follow. Otherwise it
// returns nil.
func entryValue(expr []byte, u *Unit) (op []byte) {
	if len(expr) < 2 || expr[0] != opEntryValue && expr[0] != opGNUEntryVal {
		return nil
	}
	size, n := uleb(expr[1:])
	if n == 0 || size == 0 || size > uint64(len(expr)-1-n) {
		return nil
	}
	op, rest := expr[1+n:1+n+int(size)], expr[1+n+int(size):]
	if len(rest) > 1 || len(rest) == 1 && rest[0] != opStackValue {
		return nil // the parameter is computed from the value
	}
	if length, ok := opLength(op, u); !ok || length != len(op) {
		return nil
	}
	return op
}

// valueRegister returns the register that a location uses for a parameter. At the start of the
// function, it is the one that the parameter is in, or computed from. Later, the compiler may have
// moved it: only the pieces of a wide parameter count. Pieces that start with a constant do not.
func valueRegister(expr []byte, start, wide bool, u *Unit) (reg int, ok bool) {
	if len(expr) == 0 || !start && !wide {
		return 0, false
	}
	second, last := 0, 0 // where the second operation starts, and the last one
	piece, isValue := NoRegister, false
	for at := 0; at < len(expr); {
		n, ok := opLength(expr[at:], u)
		if !ok {
			return 0, false
		}
		if r, ok := register(expr[at : at+n]); ok && piece == NoRegister {
			piece = r
		}
		isValue = isValue || expr[at] == opStackValue
		if at == 0 {
			second = n
		}
		last, at = at, at+n
	}
	switch op := expr[0]; {
	case wide && last > 0 && !(last == second && isValue):
		return piece, piece != NoRegister && !isConstant(op)
	case !start:
		return 0, false
	case isValue && op >= opBreg0 && op < opBreg0+32:
		return int(op - opBreg0), true
	}
	return register(expr[:second])
}

// isConstant reports whether an operation pushes a constant. Compilers use only these for values.
func isConstant(op byte) bool {
	return op >= opLit0 && op < opReg0 || op == opConstu || op == opConsts
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
	case opConstu, opConsts, opPlusUconst, opRegx, 0x91, opPiece, opAddrx, 0xa2, 0xa8, 0xa9, 0xf7,
		0xf9, opGNUAddrIndex, 0xfc:
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
