// SPDX-License-Identifier: GPL-2.0-only

package dwarf

import (
	"errors"
	"fmt"
)

// DW_FORM_* (DWARF 5, table 7.6, and GNU's extensions).
const (
	formAddr         = 0x01
	formBlock2       = 0x03
	formBlock4       = 0x04
	formData2        = 0x05
	formData4        = 0x06
	formData8        = 0x07
	formString       = 0x08
	formBlock        = 0x09
	formBlock1       = 0x0a
	formData1        = 0x0b
	formFlag         = 0x0c
	formSdata        = 0x0d
	formStrp         = 0x0e
	formUdata        = 0x0f
	formRefAddr      = 0x10
	formRef1         = 0x11
	formRef2         = 0x12
	formRef4         = 0x13
	formRef8         = 0x14
	formRefUdata     = 0x15
	formIndirect     = 0x16
	formSecOffset    = 0x17
	formExprloc      = 0x18
	formFlagPresent  = 0x19
	formStrx         = 0x1a
	formAddrx        = 0x1b
	formRefSup4      = 0x1c
	formStrpSup      = 0x1d
	formData16       = 0x1e
	formLineStrp     = 0x1f
	formRefSig8      = 0x20
	formImplicitCon  = 0x21
	formLoclistx     = 0x22
	formRnglistx     = 0x23
	formRefSup8      = 0x24
	formStrx1        = 0x25
	formStrx2        = 0x26
	formStrx3        = 0x27
	formStrx4        = 0x28
	formAddrx1       = 0x29
	formAddrx2       = 0x2a
	formAddrx3       = 0x2b
	formAddrx4       = 0x2c
	formGNUAddrIndex = 0x1f01
	formGNUStrIndex  = 0x1f02
	formGNURefAlt    = 0x1f20
	formGNUStrpAlt   = 0x1f21

	// opSkip stands for a run of attributes that nobody wants and that have fixed sizes: one addition skips them all.
	opSkip = 0xffff
)

// An abbreviation is compiled once into what reading one DIE takes.
type abbrev struct {
	tag      Tag
	children bool
	wanted   bool // the reader stops at this DIE
	pass     bool // over its children: see PassOver
	ops      []op
	part     partLayout
}

// op reads or skips attributes.
type op struct {
	form uint16
	attr Attr  // NumAttrs: not wanted
	arg  int64 // opSkip: bytes; formImplicitCon: the value
}

// abbrevTable is one unit's abbreviations. Codes are dense in practice: byCode[code]. A reader compiles one after the other into the
// same memory: in a module, each unit has a table of its own.
type abbrevTable struct {
	key    tableKey
	byCode []abbrev
	sparse map[uint64]*abbrev
	ops    []op // of all abbreviations, one after the other
}

// tableKey is what a compiled table depends on.
type tableKey struct {
	d                 *Data
	off               uint64 // in .debug_abbrev
	addrSize, offSize int    // bytes
	version           uint16
}

// sparseGap is how far a code may lie beyond the number of bytes read so far to index a slice. Producers number from 1, and each
// abbreviation takes some bytes; anything larger is odd enough for a map.
const sparseGap = 1 << 10

func (t *abbrevTable) find(code uint64) *abbrev {
	if code < uint64(len(t.byCode)) {
		if a := &t.byCode[code]; a.tag != 0 {
			return a
		}
	}
	return t.sparse[code]
}

// maxTableReads is how many times as many bytes of tables as a file's DWARF has are read in all. Units may share tables, and tables may
// overlap, so that a damaged file has much more of them than bytes; what compilers and linkers write is read about once.
const maxTableReads = 100

var errOverlap = errors.New(".debug_abbrev: the tables of many units overlap: damaged DWARF?")

// compile reads the table of a unit, unless it is at hand (DWARF 5, section 7.5.3).
func (t *abbrevTable) compile(d *Data, u *Unit) error {
	key := tableKey{d, u.abbrevOff, u.AddrSize, u.OffSize, u.Version}
	if t.key == key {
		return nil
	}
	*t = abbrevTable{byCode: t.byCode[:0], ops: t.ops[:0]}
	err := t.read(d, key)
	if err == nil && d.tablesRead.Load() > maxTableReads*uint64(len(d.abbrev)+len(d.info.Data)) {
		err = errOverlap
	}
	if err != nil {
		return fmt.Errorf(".debug_info: unit at offset %#x: %w", u.Off, err)
	}
	t.key = key
	return nil
}

func (t *abbrevTable) read(d *Data, key tableKey) error {
	data := d.abbrev
	if key.off >= uint64(len(data)) {
		return fmt.Errorf(".debug_abbrev: table at offset %#x of %#x bytes", key.off, len(data))
	}
	in := lebReader{data: data, pos: int(key.off)}
	truncated := func() error { return fmt.Errorf(".debug_abbrev: truncated table at offset %#x", in.pos) }
	for {
		code := in.uleb()
		if in.truncated {
			return truncated()
		}
		if code == 0 {
			d.tablesRead.Add(uint64(in.pos) - key.off)
			return nil
		}
		tag := in.uleb()
		if in.truncated || in.pos >= len(data) {
			return truncated()
		}
		want := d.wanted.of(tag)
		a := abbrev{tag: Tag(tag), children: data[in.pos] != 0}
		a.pass = a.children && want.attrs == PassOver
		a.wanted = want.stop && want.attrs != PassOver
		attrs := AttrSet(0)
		if a.pass || a.wanted {
			attrs = want.attrs
		}
		first := len(t.ops)
		in.pos++
		for {
			name, form := in.uleb(), in.uleb()
			implicit := int64(0)
			if form == formImplicitCon {
				implicit = in.sleb()
			}
			if in.truncated {
				return truncated()
			}
			if name == 0 && form == 0 {
				break
			}
			slot := attrOf(name)
			if attrs&(1<<slot) == 0 { // never set for NumAttrs
				slot = NumAttrs
				if size, ok := fixedSize(form, key.addrSize, key.offSize, key.version); ok {
					if k := len(t.ops); k > first && t.ops[k-1].form == opSkip {
						t.ops[k-1].arg += int64(size)
					} else if size > 0 {
						t.ops = append(t.ops, op{form: opSkip, attr: NumAttrs, arg: int64(size)})
					}
					continue
				}
			}
			if form > 0xfffe {
				return fmt.Errorf(".debug_abbrev: unknown form %#x at offset %#x", form, in.pos)
			}
			t.ops = append(t.ops, op{form: uint16(form), attr: slot, arg: implicit})
		}
		a.ops = t.ops[first:len(t.ops):len(t.ops)]
		if a.wanted && !a.children && key.offSize == 4 {
			a.part = layOut(a.ops)
		}
		if _, isSparse := t.sparse[code]; !isSparse && code < uint64(in.pos)-key.off+sparseGap {
			for code >= uint64(len(t.byCode)) {
				t.byCode = append(t.byCode, abbrev{})
			}
			t.byCode[code] = a
		} else {
			if t.sparse == nil {
				t.sparse = map[uint64]*abbrev{}
			}
			odd := a // a itself would be allocated each time
			t.sparse[code] = &odd
		}
	}
}

// fixedSize is the number of bytes that a form takes in .debug_info, if that does not depend on the value.
func fixedSize(form uint64, addrSize, offSize int, version uint16) (int, bool) {
	switch form {
	case formFlagPresent, formImplicitCon:
		return 0, true
	case formData1, formFlag, formRef1, formStrx1, formAddrx1:
		return 1, true
	case formData2, formRef2, formStrx2, formAddrx2:
		return 2, true
	case formStrx3, formAddrx3:
		return 3, true
	case formData4, formRef4, formStrx4, formAddrx4, formRefSup4:
		return 4, true
	case formData8, formRef8, formRefSig8, formRefSup8:
		return 8, true
	case formData16:
		return 16, true
	case formAddr:
		return addrSize, true
	case formStrp, formLineStrp, formSecOffset, formStrpSup, formGNURefAlt, formGNUStrpAlt:
		return offSize, true
	case formRefAddr:
		if version <= 2 { // DWARF 2 took the size of an address
			return addrSize, true
		}
		return offSize, true
	}
	return 0, false
}
