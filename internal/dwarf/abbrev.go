// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

import (
	"errors"
	"fmt"
)

// abbrev is an abbreviation, compiled once into the operations that read a DIE.
type abbrev struct {
	tag      Tag
	children bool
	wanted   bool // the reader stops at this DIE
	skipTree bool // the reader skips its children: see SkipTree
	ops      []op
	leaf     leafLayout
}

// op reads or skips attributes.
type op struct {
	form uint16
	attr Attr  // numAttrs: not wanted
	arg  int64 // opSkip: bytes; formImplicitCon: the value
}

// abbrevTable is the abbreviation table of a unit. Codes are dense in practice: byCode[code]. A
// reader compiles all tables into the same memory, because each unit of a module has its own.
type abbrevTable struct {
	key    tableKey
	byCode []abbrev
	sparse map[uint64]*abbrev
	ops    []op // of all abbreviations, concatenated
}

// tableKey identifies a compiled table.
type tableKey struct {
	d                 *Data
	off               uint64 // in .debug_abbrev
	addrSize, offSize int    // bytes
	version           uint16
}

// maxCodeGap is how far a code may exceed the number of bytes read so far and still index a slice.
// Compilers number from 1, and each abbreviation takes some bytes; larger codes go to a map.
const maxCodeGap = 1 << 10

func (t *abbrevTable) find(code uint64) *abbrev {
	if code < uint64(len(t.byCode)) {
		if a := &t.byCode[code]; a.tag != 0 {
			return a
		}
	}
	return t.sparse[code]
}

// maxTableReads limits the bytes of tables that are read, in multiples of the file's DWARF. Tables
// of a damaged file may overlap; those that compilers and linkers write are read about once.
const maxTableReads = 100

var errOverlap = errors.New(".debug_abbrev: the tables of many units overlap: damaged DWARF?")

// compile reads the table of a unit (DWARF 5, section 7.5.3), unless t already holds it.
func (t *abbrevTable) compile(d *Data, u *Unit) error {
	key := tableKey{d, u.abbrevOff, u.AddrSize, u.offSize, u.Version}
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
	truncated := func() error {
		return fmt.Errorf(".debug_abbrev: truncated table at offset %#x", in.pos)
	}
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
		a.skipTree = a.children && want.attrs == SkipTree
		a.wanted = want.stop && want.attrs != SkipTree
		attrs := AttrSet(0)
		if a.skipTree || a.wanted {
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
			if attrs&(1<<slot) == 0 { // never set for numAttrs
				slot = numAttrs
				if size, ok := fixedSize(form, key.addrSize, key.offSize, key.version); ok {
					if k := len(t.ops); k > first && t.ops[k-1].form == opSkip {
						t.ops[k-1].arg += int64(size)
					} else if size > 0 {
						t.ops = append(t.ops, op{form: opSkip, attr: numAttrs, arg: int64(size)})
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
			a.leaf = newLeafLayout(a.ops)
		}
		if _, isSparse := t.sparse[code]; !isSparse && code < uint64(in.pos)-key.off+maxCodeGap {
			for code >= uint64(len(t.byCode)) {
				t.byCode = append(t.byCode, abbrev{})
			}
			t.byCode[code] = a
		} else {
			if t.sparse == nil {
				t.sparse = map[uint64]*abbrev{}
			}
			odd := a // avoids allocating a in each iteration
			t.sparse[code] = &odd
		}
	}
}
