// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

import "github.com/kbtf/kbtf/internal/elfimage"

// VarAddr is the address of a variable.
type VarAddr struct {
	Section uint32 // index of the section; 0 if Addr is an address in a linked file
	Addr    uint64 // offset in the section, or address, in bytes
}

// VarAddr decodes the location of the DIE at the reader: DW_OP_addr or DW_OP_addrx, plus a constant
// (section 2.5.1.1). ok is false for a variable elsewhere: in a register, on the stack, optimized
// out, or without AttrLocation. A damaged relocation ends the walk: see Err.
func (r *Reader) VarAddr() (p VarAddr, ok bool) {
	if !r.Has(AttrLocation) || r.Class[AttrLocation] != ClassExpr {
		return p, false
	}
	block := block(r.Val[AttrLocation])
	expr := r.d.blockBytes(block)
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
		field, rest = block.off()+1, expr[1+r.u.AddrSize:]
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
	if p, r.err = r.d.varAddr(in, field, r.u.AddrSize); r.err != nil {
		r.pos = r.end
		return p, false
	}
	if len(rest) > 0 {
		v, n := uleb(rest[1:])
		if rest[0] != opPlusUconst || n == 0 || n != len(rest)-1 {
			return p, false
		}
		p.Addr += v
	}
	return p, true
}

func (d *Data) varAddr(in *elfimage.Relocated, field uint64, size int) (VarAddr, error) {
	s, addend, ok, err := in.Symbol(field)
	if ok {
		return VarAddr{s.Section, s.Value + uint64(addend)}, nil
	}
	return VarAddr{0, d.uint(in.Data[field:], size)}, err
}
