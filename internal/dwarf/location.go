// SPDX-License-Identifier: GPL-2.0-only

package dwarf

import "github.com/kbtf/kbtf/internal/elfimage"

// DW_OP_* (section 7.7.1) that say where a parameter or a variable is.
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

// Register numbers of DWARF are below this; the rest cannot be a register.
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

// entryRegister decodes an expression that is nothing but DW_OP_entry_value(DW_OP_regN): the value that the register had on entry
// (section 2.5.1.7). A DW_OP_stack_value may follow.
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

// NoRegister says that a parameter's register is not known.
const NoRegister = -1

// Location is a DW_AT_location as it stands in its DIE; it is decoded when somebody asks.
type Location struct {
	class Class
	val   uint64
}

// Location gives the DIE's location. The DIE at the reader must have AttrLocation.
func (r *Reader) Location() Location { return Location{r.Class[AttrLocation], r.Val[AttrLocation]} }

// ParameterRegister tells in which register a parameter arrives: that of the location that holds first, if it is a plain
// register, else one that any location names by DW_OP_entry_value.
func (d *Data) ParameterRegister(u *Unit, l Location) int { return d.parameterRegister(u, l, register) }

// ParameterRegisters is ParameterRegister for those who look closer: a value that is computed from a register, and nothing else, came
// in that register, and so did one whose first piece is there. wide: the parameter is larger than a register, so that only its
// pieces tell.
func (d *Data) ParameterRegisters(u *Unit, l Location, wide bool) int {
	return d.parameterRegister(u, l, func(expr []byte) (int, bool) { return firstRegister(expr, wide, u) })
}

// parameterRegister looks for a register in the location that holds first, and in all for a value on entry.
func (d *Data) parameterRegister(u *Unit, l Location, inFirst func(expr []byte) (reg int, ok bool)) int {
	reg, first := NoRegister, true
	d.eachExpr(u, l, func(expr []byte) bool {
		n, ok := entryRegister(expr)
		if !ok && first {
			n, ok = inFirst(expr)
		}
		first = false
		if ok {
			reg = n
		}
		return !ok
	})
	return reg
}

// firstRegister finds the register in which a parameter's value, or the first piece of it, is by an expression.
func firstRegister(expr []byte, wide bool, u *Unit) (reg int, ok bool) {
	first, last := 0, 0 // where the second operation begins, and the last one
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

// opLength gives the length in bytes of the first operation of an expression, which is not empty (section 7.7.1, and GNU's extensions).
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
		n += u.OffSize
	case opConstu, 0x11, opPlusUconst, opRegx, 0x91, opPiece, opAddrx, 0xa2, 0xa8, 0xa9, 0xf7, 0xf9, opGNUAddrIndex, 0xfc:
		// constu, consts, plus_uconst, regx, fbreg, piece, addrx, constx, convert, reinterpret, GNU's of these
		ok = leb()
	case 0x92, opBitPiece, 0xa5, 0xf5: // bregx, bit_piece, regval_type
		ok = leb()
		ok = ok && leb()
	case 0x9e, opEntryValue, opGNUEntryVal: // implicit_value, entry_value
		ok = block()
	case 0xa0, 0xf2: // implicit_pointer
		n += u.OffSize
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

// Lists may overlap, and so may the expressions in them: in a damaged file each of many parameters may have one that is nearly as long as
// the section. This is far above what compilers write for one parameter.
const (
	maxLocations  = 1 << 12
	maxExpression = 1 << 10 // bytes
)

// eachExpr visits the expressions of a location, or the first ones of a list of them, until visit returns false.
func (d *Data) eachExpr(u *Unit, l Location, visitOne func(expr []byte) bool) {
	seen := 0
	visit := func(expr []byte) bool {
		seen++
		return len(expr) <= maxExpression && visitOne(expr) && seen < maxLocations
	}
	switch l.class {
	case ClassExpr:
		visit(d.Bytes(Block(l.val)))
	case ClassSecOffset:
		if u.Version >= 5 {
			d.eachLoclist(u, l.val, visit)
		} else {
			d.eachLoc(u, l.val, visit)
		}
	case ClassLoclistx:
		// The offsets table of the unit's lists (section 7.29) gives offsets from its own start.
		tab := d.loclists.Data
		if at, ok := tableEntry(tab, u.loclistsBase, l.val, u.OffSize); ok {
			d.eachLoclist(u, u.loclistsBase+d.uint(tab[at:], u.OffSize), visit)
		}
	}
}

// eachLoclist visits the expressions of a list in .debug_loclists (section 7.7.3) until visit returns false.
func (d *Data) eachLoclist(u *Unit, off uint64, visit func(expr []byte) bool) {
	b := d.loclists.Data
	if off >= uint64(len(b)) {
		return
	}
	b = b[off:]
	skipUlebs := func(count int) bool {
		for range count {
			_, n := uleb(b)
			if n == 0 {
				return false
			}
			b = b[n:]
		}
		return true
	}
	skip := func(n int) bool {
		if n > len(b) {
			return false
		}
		b = b[n:]
		return true
	}
	for len(b) > 0 {
		kind := b[0]
		b = b[1:]
		ok, hasExpr := true, true
		switch kind {
		case 0: // DW_LLE_end_of_list
			return
		case 1: // DW_LLE_base_addressx
			ok, hasExpr = skipUlebs(1), false
		case 2, 3, 4: // DW_LLE_startx_endx, startx_length, offset_pair
			ok = skipUlebs(2)
		case 5: // DW_LLE_default_location
		case 6: // DW_LLE_base_address
			ok, hasExpr = skip(u.AddrSize), false
		case 7: // DW_LLE_start_end
			ok = skip(2 * u.AddrSize)
		case 8: // DW_LLE_start_length
			ok = skip(u.AddrSize) && skipUlebs(1)
		case 9: // DW_LLE_GNU_view_pair
			ok, hasExpr = skipUlebs(2), false
		default:
			return
		}
		if !ok {
			return
		}
		if !hasExpr {
			continue
		}
		n, k := uleb(b)
		if k == 0 || n > uint64(len(b)-k) {
			return
		}
		if !visit(b[k : k+int(n)]) {
			return
		}
		b = b[k+int(n):]
	}
}

// eachLoc visits the expressions of a list in .debug_loc (DWARF 4, section 2.6.2) until visit returns false.
func (d *Data) eachLoc(u *Unit, off uint64, visit func(expr []byte) bool) {
	b := d.loc.Data
	size := uint64(u.AddrSize)
	cursor := d.loc.Cursor(off)
	for off <= uint64(len(b)) && 2*size <= uint64(len(b))-off {
		raw := d.uint(b[off:], u.AddrSize)
		begin, end := cursor.Value(off, raw), d.uint(b[off+size:], u.AddrSize)
		_, _, relocated := d.loc.Symbol(off)
		if begin == 0 && end == 0 && !relocated {
			return
		}
		off += 2 * size
		if raw == ^uint64(0)>>(64-8*size) { // a base address follows
			continue
		}
		if uint64(len(b))-off < 2 {
			return
		}
		n := uint64(d.u16(b[off:]))
		off += 2
		if n > uint64(len(b))-off || !visit(b[off:off+n]) {
			return
		}
		off += n
	}
}

// Place is where a variable lies.
type Place struct {
	Section uint32 // index of the section; 0 if Addr is an address of a linked file
	Addr    uint64 // offset in the section, or address, in bytes
}

// VariablePlace decodes DW_OP_addr and DW_OP_addrx, with an added constant (section 2.5.1.1). ok is false for a variable
// elsewhere: in a register, on the stack, optimised away. The DIE at the reader must have AttrLocation.
func (r *Reader) VariablePlace() (p Place, ok bool) {
	if !r.Has(AttrLocation) || r.Class[AttrLocation] != ClassExpr {
		return p, false
	}
	block := Block(r.Val[AttrLocation])
	expr := r.d.Bytes(block)
	if len(expr) == 0 {
		return p, false
	}
	var rest []byte
	var field uint64
	in := r.d.info
	switch expr[0] {
	case opAddr:
		if len(expr) < 1+r.u.AddrSize {
			return p, false
		}
		field, rest = block.Off()+1, expr[1+r.u.AddrSize:]
	case opAddrx, opGNUAddrIndex:
		index, n := uleb(expr[1:])
		in = r.d.addr
		if field, ok = tableEntry(in.Data, r.u.addrBase, index, r.u.AddrSize); n == 0 || !ok {
			return p, false
		}
		rest = expr[1+n:]
	default:
		return p, false
	}
	p = r.d.place(in, field, r.u.AddrSize)
	if len(rest) > 0 {
		v, n := uleb(rest[1:])
		if rest[0] != opPlusUconst || n == 0 || n != len(rest)-1 {
			return p, false
		}
		p.Addr += v
	}
	return p, true
}

func (d *Data) place(in *elfimage.Relocated, field uint64, size int) Place {
	if s, addend, ok := in.Symbol(field); ok {
		return Place{s.Section, s.Value + uint64(addend)}
	}
	return Place{0, d.uint(in.Data[field:], size)}
}
