// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfimage

import (
	"cmp"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"

	"github.com/kbtf/kbtf/internal/fault"
)

// Relocated is a section together with its relocations.
//
// A module's debugging sections have a relocation for each string and address, often more bytes
// than the section itself. Where possible (ELF64, little endian, RELA, sorted by offset: modules of
// amd64, arm64 and ppc64le) they are not applied: Data is the section in the file, and a Cursor
// that moves along with the reader returns the values. Otherwise Data is a copy with all
// relocations applied, and cursors return their argument.
//
// Debugging sections also have relocations of types that are not known here, in fields that are
// never read (DW_OP_GNU_push_tls_address, for example). Reading a field with such a relocation is
// an error, which the cursor keeps.
type Relocated struct {
	Data []byte

	img  *Image
	syms *Symbols
	name string // of the section
	rela []byte // Elf64_Rela, little endian, sorted by offset; nil if there are none
	// Those of rela that a cursor has to follow: all if none is applied to Data, otherwise those of
	// unknown types.
	pending []byte
	abs     absTypes
}

const relaSize = 24 // of an Elf64_Rela, in bytes

// absTypes are a machine's relocation types for "symbol plus addend" in 4 and 8 bytes.
type absTypes struct{ abs32, abs32s, abs64 uint32 }

var absoluteTypes = map[elf.Machine]absTypes{
	elf.EM_X86_64: {uint32(elf.R_X86_64_32), uint32(elf.R_X86_64_32S), uint32(elf.R_X86_64_64)},
	elf.EM_AARCH64: {uint32(elf.R_AARCH64_ABS32), uint32(elf.R_AARCH64_ABS32),
		uint32(elf.R_AARCH64_ABS64)},
	elf.EM_PPC64: {uint32(elf.R_PPC64_ADDR32), uint32(elf.R_PPC64_ADDR32),
		uint32(elf.R_PPC64_ADDR64)},
	elf.EM_S390:      {uint32(elf.R_390_32), uint32(elf.R_390_32), uint32(elf.R_390_64)},
	elf.EM_RISCV:     {uint32(elf.R_RISCV_32), uint32(elf.R_RISCV_32), uint32(elf.R_RISCV_64)},
	elf.EM_LOONGARCH: {uint32(elf.R_LARCH_32), uint32(elf.R_LARCH_32), uint32(elf.R_LARCH_64)},
	elf.EM_386:       {uint32(elf.R_386_32), uint32(elf.R_386_32), noType},
	elf.EM_ARM:       {uint32(elf.R_ARM_ABS32), uint32(elf.R_ARM_ABS32), noType},
	elf.EM_PPC:       {uint32(elf.R_PPC_ADDR32), uint32(elf.R_PPC_ADDR32), noType},
	elf.EM_MIPS:      {uint32(elf.R_MIPS_32), uint32(elf.R_MIPS_32), uint32(elf.R_MIPS_64)},
}

const noType = ^uint32(0)

// Relocate opens sections for reading through their relocations. Several are concatenated in order;
// the result for none is empty.
func (img *Image) Relocate(sections ...*Section) (*Relocated, error) {
	switch len(sections) {
	case 0:
		return &Relocated{img: img}, nil
	case 1:
		return img.relocate(sections[0], true)
	}
	all := &Relocated{img: img}
	for _, s := range sections {
		part, err := img.relocate(s, false)
		if err != nil {
			return nil, err
		}
		for _, rela := range [][]byte{part.rela, part.pending} {
			for at := 0; at < len(rela); at += relaSize {
				off := binary.LittleEndian.Uint64(rela[at:])
				binary.LittleEndian.PutUint64(rela[at:], off+uint64(len(all.Data)))
			}
		}
		all.Data, all.rela = append(all.Data, part.Data...), append(all.rela, part.rela...)
		all.pending = append(all.pending, part.pending...)
		all.syms, all.name, all.abs = cmp.Or(part.syms, all.syms), s.Name, part.abs
	}
	return all, nil
}

// relocate opens a section. With inPlace, relocations need not be applied.
func (img *Image) relocate(s *Section, inPlace bool) (*Relocated, error) {
	data, err := img.Inflate(s)
	if err != nil {
		return nil, err
	}
	r := &Relocated{Data: data, img: img, name: s.Name}
	if img.Type != elf.ET_REL {
		return r, nil
	}
	var known bool
	if r.abs, known = absoluteTypes[img.Machine]; !known {
		return nil, fmt.Errorf("%s: relocations of machine %v are not known", img.Path, img.Machine)
	}
	for i := range img.Sections {
		rs := &img.Sections[i]
		if rs.Type != elf.SHT_RELA && rs.Type != elf.SHT_REL || int(rs.Info) != s.Index {
			continue
		}
		raw, err := img.Inflate(rs)
		if err != nil {
			return nil, err
		}
		if uint64(rs.Link) >= uint64(len(img.Sections)) {
			return nil, fmt.Errorf("%s: section %s: symbol table %d does not exist",
				img.Path, rs.Name, rs.Link)
		}
		if r.syms, err = img.Symbols(&img.Sections[rs.Link]); err != nil {
			return nil, err
		}
		lazy := inPlace && rs.Type == elf.SHT_RELA &&
			img.Class == elf.ELFCLASS64 && !img.BigEndian()
		switch img.Machine {
		case elf.EM_RISCV, elf.EM_LOONGARCH: // several relocations add up to a value
			lazy = false
		case elf.EM_MIPS: // different form of r_info
			lazy = false
		}
		if lazy && sortedRela(raw) {
			r.rela = raw[:len(raw)/relaSize*relaSize]
			r.pending = r.rela
			return r, nil
		}
		return r, r.apply(rs, raw)
	}
	return r, nil
}

// largeRela is the size in bytes from which a second thread pays off for sortedRela.
const largeRela = 1 << 20

// sortedRela reports whether relocations are sorted by offset, as assemblers and linkers write
// them.
func sortedRela(raw []byte) bool {
	if len(raw) < largeRela {
		return sortedRun(raw)
	}
	middle := len(raw) / 2 / relaSize * relaSize
	// Both check the entry in the middle.
	first := fault.Go(func() bool { return sortedRun(raw[:middle+relaSize]) })
	return sortedRun(raw[middle:]) && first()
}

func sortedRun(raw []byte) bool {
	var last uint64
	for ; len(raw) >= relaSize; raw = raw[relaSize:] {
		off := binary.LittleEndian.Uint64(raw)
		if off < last {
			return false
		}
		last = off
	}
	return true
}

// apply replaces Data by a copy with relocations applied, and keeps these for Symbol, sorted and in
// one format.
func (r *Relocated) apply(rs *Section, raw []byte) error {
	img, o := r.img, r.img.Order
	r.Data = slices.Clone(r.Data)
	l := img.layout()
	size, addends := l.rel, rs.Type == elf.SHT_RELA
	if addends {
		size = l.rela
	}
	type entry struct {
		off, info uint64
		addend    int64
		applied   bool
	}
	var list []entry
	for ; uint64(len(raw)) >= size; raw = raw[size:] {
		var e entry
		if img.Class == elf.ELFCLASS64 {
			e.off, e.info = o.Uint64(raw), o.Uint64(raw[8:])
			if img.Machine == elf.EM_MIPS {
				// r_sym is a word, the types are bytes in big-endian order (MIPS ELF64 ABI, section
				// 2.9).
				e.info = uint64(o.Uint32(raw[8:]))<<32 | uint64(binary.BigEndian.Uint32(raw[12:]))
			}
			if addends {
				e.addend = int64(o.Uint64(raw[16:]))
			}
		} else {
			info := o.Uint32(raw[4:])
			e.off, e.info = uint64(o.Uint32(raw)), uint64(info>>8)<<32|uint64(info&0xff)
			if addends {
				e.addend = int64(int32(o.Uint32(raw[8:])))
			}
		}
		var err error
		e.applied, err = r.applyOne(e.off, uint32(e.info), uint32(e.info>>32), &e.addend, addends)
		if err != nil {
			return fmt.Errorf("%s: section %s: offset %#x: %w", img.Path, rs.Name, e.off, err)
		}
		list = append(list, e)
	}
	slices.SortStableFunc(list, func(a, b entry) int { return cmp.Compare(a.off, b.off) })
	r.rela = make([]byte, 0, len(list)*relaSize)
	for _, e := range list {
		r.rela = binary.LittleEndian.AppendUint64(r.rela, e.off)
		r.rela = binary.LittleEndian.AppendUint64(r.rela, e.info)
		r.rela = binary.LittleEndian.AppendUint64(r.rela, uint64(e.addend))
		if !e.applied {
			r.pending = append(r.pending, r.rela[len(r.rela)-relaSize:]...)
		}
	}
	return nil
}

// applyOne relocates Data at off, unless the type is not known. It sets *addend if the addend is in
// the section (SHT_REL).
func (r *Relocated) applyOne(off uint64, typ, sym uint32, addend *int64,
	addends bool) (applied bool, err error) {
	width, op := 0, byte('=')
	switch typ {
	case r.abs.abs32, r.abs.abs32s:
		width = 4
	case r.abs.abs64:
		width = 8
	default:
		if width, op = addSub(r.img.Machine, typ); width == 0 {
			return typ == noRelocation, nil
		}
	}
	if off > uint64(len(r.Data)) || uint64(width) > uint64(len(r.Data))-off {
		return false, fmt.Errorf("relocation outside the section of %d bytes", len(r.Data))
	}
	if uint64(sym) >= uint64(r.syms.Len()) {
		return false, fmt.Errorf("relocation against symbol %d of %d", sym, r.syms.Len())
	}
	o, field := r.img.Order, r.Data[off:]
	get := func() uint64 {
		switch width {
		case 1:
			return uint64(field[0])
		case 2:
			return uint64(o.Uint16(field))
		case 4:
			return uint64(o.Uint32(field))
		}
		return o.Uint64(field)
	}
	if !addends {
		*addend = int64(get())
	}
	s := r.syms.At(int(sym))
	v := s.Value + uint64(*addend)
	switch op {
	case '+':
		v = get() + v
	case '-':
		v = get() - v
	}
	switch width {
	case 1:
		field[0] = byte(v)
	case 2:
		o.PutUint16(field, uint16(v))
	case 4:
		o.PutUint32(field, uint32(v))
	default:
		o.PutUint64(field, v)
	}
	return true, nil
}

// noRelocation is R_<machine>_NONE, which is 0 on all machines: a linker with --emit-relocs or
// objcopy may leave it.
const noRelocation = 0

// addSub returns how a relocation adds to or subtracts from a field. RISC-V and LoongArch express
// differences that way, because their linkers move code. width is in bytes, 0 for other types.
func addSub(m elf.Machine, typ uint32) (width int, op byte) {
	switch m {
	case elf.EM_RISCV:
		switch elf.R_RISCV(typ) {
		case elf.R_RISCV_ADD8:
			return 1, '+'
		case elf.R_RISCV_ADD16:
			return 2, '+'
		case elf.R_RISCV_ADD32:
			return 4, '+'
		case elf.R_RISCV_ADD64:
			return 8, '+'
		case elf.R_RISCV_SUB8:
			return 1, '-'
		case elf.R_RISCV_SUB16:
			return 2, '-'
		case elf.R_RISCV_SUB32:
			return 4, '-'
		case elf.R_RISCV_SUB64:
			return 8, '-'
		case elf.R_RISCV_SET8:
			return 1, '='
		case elf.R_RISCV_SET16:
			return 2, '='
		case elf.R_RISCV_SET32:
			return 4, '='
		}
	case elf.EM_LOONGARCH:
		switch elf.R_LARCH(typ) {
		case elf.R_LARCH_ADD8:
			return 1, '+'
		case elf.R_LARCH_ADD16:
			return 2, '+'
		case elf.R_LARCH_ADD32:
			return 4, '+'
		case elf.R_LARCH_ADD64:
			return 8, '+'
		case elf.R_LARCH_SUB8:
			return 1, '-'
		case elf.R_LARCH_SUB16:
			return 2, '-'
		case elf.R_LARCH_SUB32:
			return 4, '-'
		case elf.R_LARCH_SUB64:
			return 8, '-'
		}
	}
	return 0, 0
}

// Cursor returns relocated values to a reader that moves forward through the section. It is a
// value: copy it to look ahead.
type Cursor struct {
	r   *Relocated
	pos int // in r.rela: first entry that is not before the last offset
	// r_offset of the entry at pos; all ones at the end, so that "no relocation here" takes one
	// comparison
	at uint64

	sym      uint32 // the last symbol, which is nearly always the next one too, and its value
	symValue uint64

	err error
}

// Err returns the first error of Value.
func (c *Cursor) Err() error { return c.err }

// Cursor returns a cursor at byte off of the section.
func (r *Relocated) Cursor(off uint64) Cursor {
	c := Cursor{r: r, at: ^uint64(0)}
	if len(r.pending) > 0 {
		c.pos = search(r.pending, off)
		c.load()
	}
	return c
}

func (c *Cursor) load() {
	if c.pos < len(c.r.pending) {
		c.at = binary.LittleEndian.Uint64(c.r.pending[c.pos:])
	} else {
		c.at = ^uint64(0)
	}
}

// Value returns the value of the field at byte off; v is the value in the file. Offsets must not
// decrease between calls. If the relocation is damaged, Value returns v; see Err.
func (c *Cursor) Value(off, v uint64) uint64 {
	if c.at < off {
		rela, pos := c.r.pending, c.pos+relaSize
		for pos+relaSize <= len(rela) && binary.LittleEndian.Uint64(rela[pos:]) < off {
			pos += relaSize
		}
		c.pos = pos
		c.load()
	}
	if c.at != off {
		return v
	}
	r := c.r
	e := r.pending[c.pos : c.pos+relaSize]
	info := binary.LittleEndian.Uint64(e[8:])
	if sym := uint32(info >> 32); sym != c.sym { // symbol 0 is null with value 0
		if int(sym) >= r.syms.Len() {
			c.fail(off, "relocation against symbol %d of %d", sym, r.syms.Len())
			return v
		}
		c.sym, c.symValue = sym, r.syms.At(int(sym)).Value
	}
	sum := c.symValue + binary.LittleEndian.Uint64(e[16:])
	switch uint32(info) {
	case r.abs.abs64:
		return sum
	case r.abs.abs32, r.abs.abs32s:
		return uint64(uint32(sum))
	case noRelocation:
		return v
	}
	c.fail(off, unknownType, uint32(info), r.img.Machine)
	return v
}

const unknownType = "relocation type %d is not known for machine %v"

func (c *Cursor) fail(off uint64, format string, args ...any) {
	if c.err == nil {
		c.err = c.r.errorAt(off, format, args...)
	}
}

// errorAt returns an error without the file's path.
func (r *Relocated) errorAt(off uint64, format string, args ...any) error {
	return fmt.Errorf("%s: offset %#x: %s: damaged file?", r.name, off, fmt.Sprintf(format, args...))
}

// search returns the position in relocations of the first one at or after byte off.
func search(rela []byte, off uint64) int {
	return relaSize * sort.Search(len(rela)/relaSize, func(i int) bool {
		return binary.LittleEndian.Uint64(rela[i*relaSize:]) >= off
	})
}

// Symbol returns the symbol that the field at byte off refers to, and the addend. ok is false if the
// field has no relocation. The error has no path.
func (r *Relocated) Symbol(off uint64) (s Symbol, addend int64, ok bool, err error) {
	pos := search(r.rela, off)
	if pos >= len(r.rela) || binary.LittleEndian.Uint64(r.rela[pos:]) != off {
		return s, 0, false, nil
	}
	info := binary.LittleEndian.Uint64(r.rela[pos+8:])
	switch uint32(info) {
	case r.abs.abs32, r.abs.abs32s, r.abs.abs64:
	default:
		return s, 0, false, r.errorAt(off, unknownType, uint32(info), r.img.Machine)
	}
	if sym := int(info >> 32); sym < r.syms.Len() {
		return r.syms.At(sym), int64(binary.LittleEndian.Uint64(r.rela[pos+16:])), true, nil
	}
	return s, 0, false, r.errorAt(off, "relocation against symbol %d of %d", info>>32, r.syms.Len())
}
