// SPDX-License-Identifier: GPL-2.0-only

package dwarf

import "github.com/kbtf/kbtf/internal/elfimage"

// DW_OP_* (section 7.7.1) that say where a parameter or a variable is.
const (
	opAddr         = 0x03
	opConstu       = 0x10
	opPlusUconst   = 0x23
	opReg0         = 0x50
	opRegx         = 0x90
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

// ParameterRegister tells in which register a parameter arrives: that of the location that holds first, if it is a plain
// register, else one that any location names by DW_OP_entry_value. The DIE at the reader must have AttrLocation.
func (r *Reader) ParameterRegister() int {
	v := r.Val[AttrLocation]
	reg := NoRegister
	first := true
	visit := func(expr []byte) bool {
		if first {
			if n, ok := register(expr); ok {
				reg = n
				return false
			}
		}
		first = false
		if n, ok := entryRegister(expr); ok {
			reg = n
			return false
		}
		return true
	}
	switch r.Class[AttrLocation] {
	case ClassExpr:
		visit(r.d.Bytes(Block(v)))
	case ClassSecOffset:
		if r.u.Version >= 5 {
			r.d.eachLoclist(r.u, v, visit)
		} else {
			r.d.eachLoc(r.u, v, visit)
		}
	case ClassLoclistx:
		// The offsets table of the unit's lists (section 7.29) gives offsets from its own start.
		tab := r.d.loclists.Data
		if at, ok := tableEntry(tab, r.u.loclistsBase, v, r.u.OffSize); ok {
			r.d.eachLoclist(r.u, r.u.loclistsBase+r.d.uint(tab[at:], r.u.OffSize), visit)
		}
	}
	return reg
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
