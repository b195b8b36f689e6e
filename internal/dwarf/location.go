// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

// NoRegister stands for an unknown register.
const NoRegister = -1

// Location is an undecoded DW_AT_location.
type Location struct {
	class Class
	val   uint64
}

// Location returns the location of the DIE at the reader, which must have AttrLocation.
func (r *Reader) Location() Location { return Location{r.Class[AttrLocation], r.Val[AttrLocation]} }

// ParameterRegister returns the DWARF number of the register in which a parameter is passed, or
// NoRegister: the first register that the location at the start of the function, or a
// DW_OP_entry_value in any location, names. wide means that the parameter is larger than a
// register; then the first register of its pieces counts, in any location.
func (d *Data) ParameterRegister(u *Unit, l Location, wide bool) int {
	reg, start := NoRegister, true
	d.eachExpr(u, l, func(expr []byte) bool {
		n, ok := register(entryValue(expr, u))
		if !ok {
			n, ok = valueRegister(expr, start, wide, u)
		}
		start = false
		if ok {
			reg = n
		}
		return !ok
	})
	return reg
}

// InOtherRegister reports whether a parameter is passed in a register other than reg: the location
// at the start of the function, or a DW_OP_entry_value in any location, names a register, and none
// of them names reg. A DW_OP_entry_value of another operation also counts as another register: GCC
// describes a value in a pair of registers with DW_OP_regval_type.
func (d *Data) InOtherRegister(u *Unit, l Location, reg int) bool {
	other, start := false, true
	d.eachExpr(u, l, func(expr []byte) bool {
		op := entryValue(expr, u)
		onEntry := op != nil
		if start && !onEntry {
			op = expr
		}
		start = false
		n, ok := register(op)
		if ok && n == reg {
			other = false
			return false
		}
		other = other || ok || onEntry
		return true
	})
	return other
}

// In a damaged file lists and expressions may overlap, so that each of many parameters could have a
// location as long as the section. These limits are far above what compilers emit for a parameter.
const (
	maxLocations  = 1 << 12
	maxExpression = 1 << 10 // bytes
)

// eachExpr visits the expressions of a location, or of its list, until visitOne returns false.
func (d *Data) eachExpr(u *Unit, l Location, visitOne func(expr []byte) bool) {
	seen := 0
	visit := func(expr []byte) bool {
		seen++
		return len(expr) <= maxExpression && visitOne(expr) && seen < maxLocations
	}
	switch l.class {
	case ClassExpr:
		visit(d.blockBytes(block(l.val)))
	case ClassSecOffset:
		if u.Version >= 5 {
			d.eachLoclist(u, l.val, visit)
		} else {
			d.eachLoc(u, l.val, visit)
		}
	case ClassLoclistx:
		// The offset table of the unit's lists (section 7.29) is relative to its own start.
		tab := d.loclists.Data
		if at, ok := tableEntry(tab, u.loclistsBase, l.val, u.offSize); ok {
			d.eachLoclist(u, u.loclistsBase+d.uint(tab[at:], u.offSize), visit)
		}
	}
}

// eachLoclist visits the expressions of a list in .debug_loclists (section 7.7.3) until visit
// returns false.
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

// eachLoc visits the expressions of a list in .debug_loc (DWARF 4, section 2.6.2) until visit
// returns false.
func (d *Data) eachLoc(u *Unit, off uint64, visit func(expr []byte) bool) {
	b := d.loc.Data
	size := uint64(u.AddrSize)
	cursor := d.loc.Cursor(off)
	for off <= uint64(len(b)) && 2*size <= uint64(len(b))-off {
		raw := d.uint(b[off:], u.AddrSize)
		begin, end := cursor.Value(off, raw), d.uint(b[off+size:], u.AddrSize)
		_, _, relocated, err := d.loc.Symbol(off)
		if begin == 0 && end == 0 && !relocated && err == nil {
			return
		}
		off += 2 * size
		if raw == ^uint64(0)>>(64-8*size) { // base address selection entry
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
