// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"cmp"
	"debug/elf"
	"fmt"
	"math/bits"
	"slices"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/dwarf"
)

// unitTypes converts the type DIEs of a unit to BTF types.
//
// While DIEs are read, references are offsets of DIEs: a Ref holds the offset from base, plus 1.
// finish replaces them by the numbers of types. Members, enumerators and parameters are collected
// on stacks, because types may nest in types, and move to the unit when their type is closed.
type unitTypes struct {
	d         *dwarf.Data
	dialect   btf.Dialect
	unit      btf.Unit
	base      uint64   // start of the units in .debug_info, bytes; references are relative to it
	length    uint64   // of the units, in bytes
	crossUnit bool     // a reference leads to another unit
	capacity  int      // the unit has room for types from so many bytes of DIEs
	dies      []dieRun // by offset of a DIE from base / 64

	open      []openType
	members   []btf.Member
	enums     []btf.Enumerator
	params    []btf.Param
	dims      []uint32
	addrSize  uint64 // bytes
	bigEndian bool
	rust      bool // the current unit is written in Rust
	assembler bool // it is written in assembler

	alignments map[btf.Ref]uint64 // cache of alignment, bytes
	aliases    map[uint32]btf.Ref // by offset: targets of DIEs that stand for another type

	bitfields []bitfield // whose storage size is that of their type
	enum64s   []enum64
	nested    []nestedArray
	typeTags  []typeTag
	declTags  []declTag
	target    annotationTarget // the last typedef or member, whose annotations may follow

	annotations []gnuAnnotation // sorted by offset of the DIE
	annotated   []annotated

	notes []string // on what is left out
}

// openType is a type whose children are being read.
type openType struct {
	tag   dwarf.Tag
	depth int
	typ   uint32 // index of the type
	from  int    // start of its children on their stack
	wide  bool   // struct: has bit fields; enum: has a negative value
}

type (
	bitfield struct {
		member uint32
		// DW_AT_data_member_location in bytes, DW_AT_bit_offset and DW_AT_bit_size
		location, offset, size uint64
	}
	enum64 struct {
		typ uint32
		of  btf.Ref
	}
	nestedArray struct {
		typ  uint32
		dims []uint32
	}
)

// dieRun has a bit for each of 64 bytes that starts the DIE of a type, and the number of types
// before them.
type dieRun struct {
	starts uint64
	before uint32
}

// maxGrowth limits the room that is reserved at once, in bytes of DIEs.
const maxGrowth = 1 << 20

// setFile prepares for the units of a file; nil releases the previous file.
func (t *unitTypes) setFile(d *dwarf.Data, dialect btf.Dialect) {
	t.d, t.dialect = d, dialect
	t.unit.Tables = [4][]byte{}
	if d != nil {
		t.addrSize, t.bigEndian = uint64(d.Image.AddrSize()), d.Image.BigEndian()
		t.unit.Tables, t.unit.StringsPerUnit = d.StringTables(ownNames), d.Image.Type == elf.ET_REL
	}
}

// reset prepares for units of n bytes of DIEs, starting at base.
func (t *unitTypes) reset(base, n uint64) {
	t.base, t.length, t.crossUnit = base, n, false
	if room := int(min(n, maxGrowth)); room > t.capacity {
		t.capacity = room
		t.unit.Grow(room)
	}
	t.unit.Reset()
	runs := int(n/64) + 1
	if cap(t.dies) < runs {
		t.dies = make([]dieRun, runs, runs+runs/2)
	}
	t.dies = t.dies[:runs]
	clear(t.dies) // also fresh memory: see btf's zeroed
	t.open, t.members, t.enums = t.open[:0], t.members[:0], t.enums[:0]
	t.params, t.dims = t.params[:0], t.dims[:0]
	clear(t.aliases)
	clear(t.alignments)
	t.bitfields, t.enum64s = t.bitfields[:0], t.enum64s[:0]
	t.nested, t.typeTags = t.nested[:0], t.typeTags[:0]
	t.declTags, t.target = t.declTags[:0], annotationTarget{depth: -1}
	t.annotations, t.annotated = t.annotations[:0], t.annotated[:0]
	t.notes = nil
}

// add appends a type for the DIE at the reader.
func (t *unitTypes) add(r *dwarf.Reader, typ btf.Type) uint32 {
	off := r.Off - t.base
	t.dies[off/64].starts |= 1 << (off % 64)
	t.unit.Types = append(t.unit.Types, typ)
	return uint32(len(t.unit.Types) - 1)
}

// name returns a string attribute.
func (t *unitTypes) name(r *dwarf.Reader, a dwarf.Attr) (btf.Name, error) {
	if !r.Has(a) || r.Class[a] != dwarf.ClassString {
		return 0, nil
	}
	return t.nameAt(dwarf.StrRef(r.Val[a]))
}

func (t *unitTypes) nameAt(ref dwarf.StrRef) (btf.Name, error) {
	if n, ok := t.unit.NameAt(btf.StringRef(ref)); ok {
		return n, nil
	}
	return 0, t.d.NoString(ref)
}

// ownNames is a string table for names that are not in the file.
var (
	ownNames = []byte("int\x00__SANITIZED_FAKE_INT__\x00")

	plainInt = btf.StringRef(dwarf.StrCaller)
	fakeInt  = btf.StringRef(dwarf.StrCaller + 4)
)

func (t *unitTypes) ownName(place btf.StringRef) btf.Name {
	n, _ := t.unit.NameAt(place)
	return n
}

// ref returns DW_AT_type, void if it is absent.
func (t *unitTypes) ref(r *dwarf.Reader) btf.Ref { return t.refAttr(r, dwarf.AttrType) }

func (t *unitTypes) refAttr(r *dwarf.Reader, a dwarf.Attr) btf.Ref { return t.refTo(r.Ref(a)) }

// refTo returns a reference to the DIE at an offset in .debug_info; 0 is void.
func (t *unitTypes) refTo(off uint64) btf.Ref {
	switch {
	case off == 0:
		return 0
	case off <= t.base || off-t.base >= t.length:
		t.crossUnit = true
		return 0
	}
	return btf.Ref(off-t.base) + 1
}

// selfRef returns a reference to the DIE at the reader.
func (t *unitTypes) selfRef(r *dwarf.Reader) btf.Ref { return btf.Ref(r.Off-t.base) + 1 }

// container returns the open type that is the parent of the DIE at the reader, nil if there is
// none.
func (t *unitTypes) container(r *dwarf.Reader) *openType {
	if n := len(t.open); n > 0 && t.open[n-1].depth == r.Depth-1 {
		return &t.open[n-1]
	}
	return nil
}

// closeTo closes the types that the DIE at depth is not a descendant of.
func (t *unitTypes) closeTo(depth int) {
	if t.target.depth >= depth {
		t.target.depth = -1
	}
	if n := len(t.open); n > 0 && t.open[n-1].depth >= depth {
		t.closeOpen(depth)
	}
}

func (t *unitTypes) closeOpen(depth int) {
	for n := len(t.open); n > 0 && t.open[n-1].depth >= depth; n-- {
		t.close(&t.open[n-1])
		t.open = t.open[:n-1]
	}
}

func (t *unitTypes) close(o *openType) {
	typ := &t.unit.Types[o.typ]
	switch o.tag {
	case dwarf.TagStructureType:
		if t.rust { // Rust reorders members; the kernel requires ascending offsets
			slices.SortStableFunc(t.members[o.from:],
				func(a, b btf.Member) int { return cmp.Compare(a.Offset, b.Offset) })
		}
		typ.First, typ.N = uint32(len(t.unit.Members)), uint32(len(t.members)-o.from)
		typ.KindFlag = o.wide
		// The last ones are those of this type, whose members move.
		for i := len(t.bitfields) - 1; i >= 0; i-- {
			b := &t.bitfields[i]
			if b.member&pending == 0 || int(b.member&^pending) < o.from {
				break
			}
			b.member = b.member&^pending - uint32(o.from) + typ.First
		}
		t.unit.Members = append(t.unit.Members, t.members[o.from:]...)
		t.members = t.members[:o.from]
	case dwarf.TagEnumerationType:
		typ.First, typ.N = uint32(len(t.unit.Enumerators)), uint32(len(t.enums)-o.from)
		typ.KindFlag = typ.KindFlag || o.wide
		t.unit.Enumerators = append(t.unit.Enumerators, t.enums[o.from:]...)
		t.enums = t.enums[:o.from]
	case dwarf.TagSubroutineType:
		typ.First, typ.N = uint32(len(t.unit.Params)), uint32(len(t.params)-o.from)
		t.unit.Params = append(t.unit.Params, t.params[o.from:]...)
		t.params = t.params[:o.from]
	case dwarf.TagArrayType:
		dims := t.dims[o.from:]
		if t.dialect.NestedArrays && len(dims) > 1 {
			typ.Extra = dims[0]
			t.nested = append(t.nested, nestedArray{o.typ, append([]uint32(nil), dims[1:]...)})
		} else {
			typ.Extra = 1 // also without dimensions
			for _, n := range dims {
				typ.Extra *= n
			}
		}
		t.dims = t.dims[:o.from]
	}
}

// pending marks the number of a member that is still on the stack.
const pending = 1 << 31

// visit handles a DIE. It returns false if the DIE does not belong to a type.
func (t *unitTypes) visit(r *dwarf.Reader) (bool, error) {
	named := func(kind btf.Kind) (btf.Type, error) {
		n, err := t.name(r, dwarf.AttrName)
		return btf.Type{Kind: kind, Name: n}, err
	}
	switch r.Tag {
	case dwarf.TagPointerType:
		i := t.add(r, btf.Type{Kind: btf.KindPtr, To: t.ref(r)})
		t.annotate(r, i, btf.WholeDecl)
		if r.HasChildren() { // annotations
			t.open = append(t.open, openType{tag: r.Tag, depth: r.Depth, typ: i})
		}
	case dwarf.TagConstType:
		t.add(r, btf.Type{Kind: btf.KindConst, To: t.ref(r)})
	case dwarf.TagVolatileType:
		t.add(r, btf.Type{Kind: btf.KindVolatile, To: t.ref(r)})
	case dwarf.TagRestrictType:
		t.add(r, btf.Type{Kind: btf.KindRestrict, To: t.ref(r)})
	case dwarf.TagAtomicType:
		t.alias(r, t.ref(r))
	case dwarf.TagTypedef:
		typ, err := named(btf.KindTypedef)
		if err != nil {
			return true, err
		}
		if typ.Name == 0 {
			return true, dieError(r, "a typedef without a name")
		}
		typ.To = t.ref(r)
		t.target = annotationTarget{r.Depth, t.add(r, typ), btf.WholeDecl}
		t.annotate(r, t.target.typ, btf.WholeDecl)
	case dwarf.TagBaseType:
		return true, t.baseType(r)
	case dwarf.TagArrayType:
		i := t.add(r, btf.Type{Kind: btf.KindArray, To: t.ref(r)})
		t.open = append(t.open, openType{tag: r.Tag, depth: r.Depth, typ: i, from: len(t.dims)})
	case dwarf.TagSubrangeType:
		if o := t.container(r); o != nil && o.tag == dwarf.TagArrayType {
			t.dims = append(t.dims, dimension(r))
		}
	case dwarf.TagStructureType, dwarf.TagClassType, dwarf.TagUnionType:
		if t.aliasOfTypeUnit(r) {
			return true, nil
		}
		return true, t.composite(r)
	case dwarf.TagMember:
		if o := t.container(r); o != nil && o.tag == dwarf.TagStructureType {
			return true, t.member(r, o)
		}
	case dwarf.TagEnumerationType:
		if t.aliasOfTypeUnit(r) {
			return true, nil
		}
		typ, err := named(btf.KindEnum)
		if err != nil {
			return true, err
		}
		size, _ := r.Uint(dwarf.AttrByteSize)
		if size == 0 {
			size = 4
		}
		if size > 8 || bits.OnesCount64(size) != 1 {
			return true, dieError(r, "an enum of %d bytes", size)
		}
		typ.Size = uint32(size)
		if size > 4 && t.dialect.Enum64 {
			typ.Kind = btf.KindEnum64
			t.enum64s = append(t.enum64s, enum64{uint32(len(t.unit.Types)), t.ref(r)})
		}
		return true, t.readEnumerators(r, t.add(r, typ))
	case dwarf.TagEnumerator:
		o := t.container(r)
		if o == nil || o.tag != dwarf.TagEnumerationType {
			return true, nil
		}
		n, err := t.name(r, dwarf.AttrName)
		if err != nil {
			return true, err
		}
		v, _ := r.Uint(dwarf.AttrConstValue)
		wide := false
		if v, wide, err = t.enumValue(r, o.typ, v); err != nil {
			return true, err
		}
		o.wide = o.wide || wide
		t.enums = append(t.enums, btf.Enumerator{Name: n, Value: v})
	case dwarf.TagSubroutineType:
		return true, t.readParameters(r, t.add(r, btf.Type{Kind: btf.KindFuncProto, To: t.ref(r)}))
	case dwarf.TagFormalParameter:
		o := t.container(r)
		if o == nil || o.tag != dwarf.TagSubroutineType {
			return false, nil
		}
		n, err := t.name(r, dwarf.AttrName)
		if err != nil {
			return true, err
		}
		t.params = append(t.params, btf.Param{Name: n, Type: t.ref(r)})
	case dwarf.TagUnspecifiedParameters:
		o := t.container(r)
		if o == nil || o.tag != dwarf.TagSubroutineType {
			return false, nil
		}
		t.params = append(t.params, btf.Param{})
	case dwarf.TagLLVMAnnotation:
		return t.llvmAnnotation(r)
	case dwarf.TagGNUAnnotation:
		return true, t.gnuAnnotation(r)
	case dwarf.TagReferenceType, dwarf.TagRvalueReferenceType, dwarf.TagPtrToMemberType,
		dwarf.TagStringType, dwarf.TagInterfaceType:
		return true, dieError(r, "BTF cannot express DWARF tag %#x (not a C type)", r.Tag)
	default:
		return false, nil
	}
	return true, nil
}

// alias makes the DIE at the reader stand for another type.
func (t *unitTypes) alias(r *dwarf.Reader, of btf.Ref) {
	if t.aliases == nil {
		t.aliases = map[uint32]btf.Ref{}
	}
	t.aliases[uint32(r.Off-t.base)] = of
}

// aliasOfTypeUnit handles a DIE that stands for a type in a type unit (DWARF 5, section 5.7), and
// reports whether it is one.
func (t *unitTypes) aliasOfTypeUnit(r *dwarf.Reader) bool {
	if !r.Has(dwarf.AttrSignature) {
		return false
	}
	t.alias(r, t.refAttr(r, dwarf.AttrSignature))
	return true
}

func dieError(r *dwarf.Reader, format string, args ...any) error {
	return fmt.Errorf(".debug_info: DIE at offset %#x: %s", r.Off, fmt.Sprintf(format, args...))
}

// DW_ATE_* (DWARF 5, section 7.8).
const (
	ateBoolean      = 0x02
	ateComplexFloat = 0x03
	ateFloat        = 0x04
	ateSigned       = 0x05
	ateSignedChar   = 0x06
	ateImaginary    = 0x09
)

func (t *unitTypes) baseType(r *dwarf.Reader) error {
	n, err := t.name(r, dwarf.AttrName)
	if err != nil {
		return err
	}
	size, _ := r.Uint(dwarf.AttrByteSize)
	encoding, _ := r.Uint(dwarf.AttrEncoding)
	if t.dialect.Float {
		switch encoding {
		case ateFloat:
			switch size {
			case 2, 4, 8, 12, 16:
				t.add(r, btf.Type{Kind: btf.KindFloat, Name: n, Size: uint32(size)})
			default:
				t.opaque(r, n, size)
			}
			return nil
		case ateComplexFloat, ateImaginary:
			t.opaque(r, n, size)
			return nil
		}
	}
	var flags uint32
	switch encoding {
	case ateSigned, ateSignedChar:
		flags = btf.IntSigned
	case ateBoolean:
		flags = btf.IntBool
	}
	if size == 0 || size > 16 || bits.OnesCount64(size) != 1 {
		// Clang emits such types for expressions (DW_OP_convert).
		n, size = t.ownName(fakeInt), 4
	}
	if n == 0 {
		return dieError(r, "a base type without a name")
	}
	t.add(r, btf.Type{Kind: btf.KindInt, Name: n, Size: uint32(size),
		Extra: flags<<24 | uint32(8*size)})
	return nil
}

// opaque adds a struct without members for a base type that BTF cannot express.
func (t *unitTypes) opaque(r *dwarf.Reader, name btf.Name, size uint64) {
	t.note("type %q: BTF cannot express it: written as a struct of %d bytes without members",
		t.unit.Text(name), size)
	t.add(r, btf.Type{Kind: btf.KindStruct, Size: uint32(size)})
}

// dimension returns the number of elements of an array dimension, 0 if it is not constant.
func dimension(r *dwarf.Reader) uint32 {
	if r.Has(dwarf.AttrUpperBound) {
		bound, ok := r.Uint(dwarf.AttrUpperBound)
		if !ok {
			return 0 // variable length array
		}
		return uint32(bound) + 1
	}
	n, _ := r.Uint(dwarf.AttrCount)
	return uint32(n)
}
