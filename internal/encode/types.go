// SPDX-License-Identifier: GPL-2.0-only

package encode

import (
	"cmp"
	"debug/elf"
	"fmt"
	"maps"
	"math/bits"
	"slices"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/dwarf"
	"github.com/kbtf/kbtf/internal/elfimage"
)

const unitAttrs = 1<<dwarf.AttrLanguage | 1<<dwarf.AttrProducer | 1<<dwarf.AttrStrOffsetsBase | 1<<dwarf.AttrAddrBase |
	1<<dwarf.AttrLoclistsBase | 1<<dwarf.AttrDwoName

// wantedIn is what BTF needs of the DWARF of a file: see wanted.
func wantedIn(img *elfimage.Image, opt *Options) dwarf.Wanted {
	if variableSections(img, opt) != nil {
		return wanted
	}
	w := maps.Clone(wanted)
	w[dwarf.TagVariable] = 0 // annotations are its own, and nobody else's: do not pass over it
	return w
}

// wanted is what BTF needs of DWARF: the tags to stop at, and the attributes to read there.
var wanted = dwarf.Wanted{
	dwarf.TagCompileUnit:  unitAttrs,
	dwarf.TagSkeletonUnit: dwarf.Attrs(dwarf.AttrDwoName),
	dwarf.TagPartialUnit:  unitAttrs,
	dwarf.TagTypeUnit:     unitAttrs,

	dwarf.TagBaseType:     dwarf.Attrs(dwarf.AttrName, dwarf.AttrByteSize, dwarf.AttrEncoding),
	dwarf.TagPointerType:  dwarf.Attrs(dwarf.AttrType),
	dwarf.TagConstType:    dwarf.Attrs(dwarf.AttrType),
	dwarf.TagVolatileType: dwarf.Attrs(dwarf.AttrType),
	dwarf.TagRestrictType: dwarf.Attrs(dwarf.AttrType),
	dwarf.TagAtomicType:   dwarf.Attrs(dwarf.AttrType),
	dwarf.TagTypedef:      dwarf.Attrs(dwarf.AttrName, dwarf.AttrType),

	dwarf.TagArrayType:    dwarf.Attrs(dwarf.AttrType),
	dwarf.TagSubrangeType: dwarf.Attrs(dwarf.AttrUpperBound, dwarf.AttrCount),

	dwarf.TagStructureType: dwarf.Attrs(dwarf.AttrName, dwarf.AttrByteSize, dwarf.AttrDeclaration),
	dwarf.TagClassType:     dwarf.Attrs(dwarf.AttrName, dwarf.AttrByteSize, dwarf.AttrDeclaration),
	dwarf.TagUnionType:     dwarf.Attrs(dwarf.AttrName, dwarf.AttrByteSize, dwarf.AttrDeclaration),
	dwarf.TagMember: dwarf.Attrs(dwarf.AttrName, dwarf.AttrType, dwarf.AttrByteSize, dwarf.AttrBitSize, dwarf.AttrBitOffset,
		dwarf.AttrDataBitOffset, dwarf.AttrMemberLocation),

	dwarf.TagEnumerationType: dwarf.Attrs(dwarf.AttrName, dwarf.AttrByteSize, dwarf.AttrType),
	dwarf.TagEnumerator:      dwarf.Attrs(dwarf.AttrName, dwarf.AttrConstValue),

	dwarf.TagSubroutineType:        dwarf.Attrs(dwarf.AttrType),
	dwarf.TagFormalParameter:       dwarf.Attrs(dwarf.AttrName, dwarf.AttrType, dwarf.AttrAbstractOrigin, dwarf.AttrLocation),
	dwarf.TagUnspecifiedParameters: 0,

	dwarf.TagSubprogram: dwarf.Attrs(dwarf.AttrName, dwarf.AttrType, dwarf.AttrDeclaration, dwarf.AttrAbstractOrigin,
		dwarf.AttrSpecification, dwarf.AttrInline, dwarf.AttrCallingConvention, dwarf.AttrLowPC),
	dwarf.TagVariable: dwarf.Attrs(dwarf.AttrName, dwarf.AttrType, dwarf.AttrDeclaration, dwarf.AttrSpecification,
		dwarf.AttrExternal, dwarf.AttrArtificial, dwarf.AttrLocation),

	// A function's copies in its callers, and its calls: what types it has stand in its abstract instance (DWARF 5, section 3.3.8.2).
	dwarf.TagInlinedSubroutine: dwarf.PassOver,
	dwarf.TagCallSite:          dwarf.PassOver,
	dwarf.TagGNUCallSite:       dwarf.PassOver,

	dwarf.TagLLVMAnnotation: dwarf.Attrs(dwarf.AttrName, dwarf.AttrConstValue),
	dwarf.TagGNUAnnotation:  dwarf.Attrs(dwarf.AttrName, dwarf.AttrConstValue),

	// Only in languages that BTF has no words for.
	dwarf.TagReferenceType:       0,
	dwarf.TagRvalueReferenceType: 0,
	dwarf.TagPtrToMemberType:     0,
	dwarf.TagStringType:          0,
	dwarf.TagInterfaceType:       0,
}

// unitTypes turns the type DIEs of a unit into BTF types.
//
// While DIEs are read, references are offsets of DIEs (a Ref holds the offset from base, plus 1); finish replaces them by numbers
// of types. Parts of a type - members, enumerators, parameters - are collected on a stack, as types may nest in types, and moved
// to the unit when their type is closed.
type unitTypes struct {
	d       *dwarf.Data
	dialect btf.Dialect
	unit    btf.Unit
	base    uint64   // offset in .debug_info that references count from
	length  uint64   // of the units read, in bytes from base
	linked  bool     // some reference leads out of them
	room    int      // for DIEs of so many bytes, at least
	dies    []dieRun // by offset of a DIE from base / 64

	open      []open
	members   []btf.Member
	enums     []btf.Enumerator
	params    []btf.Param
	dims      []uint32
	addrSize  uint64 // bytes
	bigEndian bool
	rust      bool // the unit at hand is in Rust

	alignments map[btf.Ref]uint64 // bytes, of types that were asked about

	aliases   map[uint32]btf.Ref // DIEs that references go through, by offset: BTF has no word for _Atomic
	bitfields []bitfield         // whose storage size is that of their type
	enum64s   []enum64
	nested    []nestedArray
	typeTags  []typeTag
	declTags  []declTag
	last      subject
}

// open is a type whose children are being read.
type open struct {
	tag   dwarf.Tag
	depth int
	typ   uint32 // its index
	from  int    // its parts on their stack begin here
	wide  bool   // struct: has bit fields; enum: has a negative value
}

type (
	bitfield struct {
		member                 uint32
		location, offset, size uint64 // DW_AT_data_member_location in bytes, DW_AT_bit_offset and DW_AT_bit_size
	}
	enum64 struct {
		typ uint32
		of  btf.Ref
	}
	nestedArray struct {
		typ  uint32
		dims []uint32
	}
	typeTag struct {
		pointer uint32
		name    btf.Name
	}
	declTag struct {
		typ       uint32
		component uint32
		name      btf.Name
	}
)

// subject is the last typedef or member that was read: annotations may follow as its children.
type subject struct {
	depth     int
	typ       uint32
	component uint32
}

// dieRun says which of 64 bytes begin the DIE of a type, and how many types begin before them.
type dieRun struct {
	starts uint64
	before uint32
}

// maxGrowth bounds the room that is made at once, in bytes of DIEs.
const maxGrowth = 1 << 20

// begin prepares for the units of a file; nil: for none.
func (t *unitTypes) begin(d *dwarf.Data, dialect btf.Dialect) {
	t.d, t.dialect = d, dialect
	t.unit.Tables = [4][]byte{}
	if d != nil {
		t.addrSize, t.bigEndian = uint64(d.Image.AddrSize()), d.Image.BigEndian()
		t.unit.Tables, t.unit.StringsPerUnit = d.StringTables(madeUpNames), d.Image.Type == elf.ET_REL
	}
}

// reset prepares for units of n bytes of DIEs from base on.
func (t *unitTypes) reset(base, n uint64) {
	t.base, t.length, t.linked = base, n, false
	if room := int(min(n, maxGrowth)); room > t.room {
		t.room = room
		t.unit.Grow(room)
	}
	t.unit.Reset()
	runs := int(n/64) + 1
	if cap(t.dies) < runs {
		t.dies = make([]dieRun, runs, runs+runs/2)
	}
	t.dies = t.dies[:runs]
	clear(t.dies) // also fresh ones: memory is best written before it is read
	t.open, t.members, t.enums, t.params, t.dims = t.open[:0], t.members[:0], t.enums[:0], t.params[:0], t.dims[:0]
	clear(t.aliases)
	clear(t.alignments)
	t.bitfields, t.enum64s, t.nested, t.typeTags = t.bitfields[:0], t.enum64s[:0], t.nested[:0], t.typeTags[:0]
	t.declTags, t.last = t.declTags[:0], subject{depth: -1}
}

// add appends a type for the DIE at the reader.
func (t *unitTypes) add(r *dwarf.Reader, typ btf.Type) uint32 {
	off := r.Off - t.base
	t.dies[off/64].starts |= 1 << (off % 64)
	t.unit.Types = append(t.unit.Types, typ)
	return uint32(len(t.unit.Types) - 1)
}

// name gives a string attribute.
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

// Names that are not in the file: a string table of our own.
var (
	madeUpNames = []byte("int\x00__SANITIZED_FAKE_INT__\x00")

	plainInt = btf.StringRef(dwarf.StrElsewhere)
	fakeInt  = btf.StringRef(dwarf.StrElsewhere + 4)
)

func (t *unitTypes) madeUp(place btf.StringRef) btf.Name {
	n, _ := t.unit.NameAt(place)
	return n
}

// ref gives DW_AT_type, void if it is absent.
func (t *unitTypes) ref(r *dwarf.Reader) btf.Ref { return t.refAttr(r, dwarf.AttrType) }

func (t *unitTypes) refAttr(r *dwarf.Reader, a dwarf.Attr) btf.Ref { return t.refTo(r.Ref(a)) }

// refTo refers to the DIE at an offset in .debug_info; 0 is none.
func (t *unitTypes) refTo(off uint64) btf.Ref {
	switch {
	case off == 0:
		return 0
	case off <= t.base || off-t.base >= t.length:
		t.linked = true
		return 0
	}
	return btf.Ref(off-t.base) + 1
}

// here is how references to the DIE at the reader look.
func (t *unitTypes) here(r *dwarf.Reader) btf.Ref { return btf.Ref(r.Off-t.base) + 1 }

// container is the type that the DIE at the reader is a child of, if it is one that is open.
func (t *unitTypes) container(r *dwarf.Reader) *open {
	if n := len(t.open); n > 0 && t.open[n-1].depth == r.Depth-1 {
		return &t.open[n-1]
	}
	return nil
}

// closeTo closes the types that the DIE at depth is not a descendant of.
func (t *unitTypes) closeTo(depth int) {
	if t.last.depth >= depth {
		t.last.depth = -1
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

func (t *unitTypes) close(o *open) {
	typ := &t.unit.Types[o.typ]
	switch o.tag {
	case dwarf.TagStructureType:
		if t.rust { // which orders members as it likes; the kernel wants them in the order of their offsets
			slices.SortStableFunc(t.members[o.from:], func(a, b btf.Member) int { return cmp.Compare(a.Offset, b.Offset) })
		}
		typ.First, typ.N = uint32(len(t.unit.Members)), uint32(len(t.members)-o.from)
		typ.KindFlag = o.wide
		for i := len(t.bitfields) - 1; i >= 0; i-- { // those of this type, last on the list, move with its members
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
			typ.Extra = 1 // of an array without any dimension
			for _, n := range dims {
				typ.Extra *= n
			}
		}
		t.dims = t.dims[:o.from]
	}
}

// pending marks the number of a member that is still on the stack.
const pending = 1 << 31

// visit takes a DIE. It returns false if the DIE is none of a type's.
func (t *unitTypes) visit(r *dwarf.Reader) (bool, error) {
	named := func(kind btf.Kind) (btf.Type, error) {
		n, err := t.name(r, dwarf.AttrName)
		return btf.Type{Kind: kind, Name: n}, err
	}
	switch r.Tag {
	case dwarf.TagPointerType:
		i := t.add(r, btf.Type{Kind: btf.KindPtr, To: t.ref(r)})
		if r.HasChildren() { // annotations
			t.open = append(t.open, open{tag: r.Tag, depth: r.Depth, typ: i})
		}
	case dwarf.TagConstType:
		t.add(r, btf.Type{Kind: btf.KindConst, To: t.ref(r)})
	case dwarf.TagVolatileType:
		t.add(r, btf.Type{Kind: btf.KindVolatile, To: t.ref(r)})
	case dwarf.TagRestrictType:
		t.add(r, btf.Type{Kind: btf.KindRestrict, To: t.ref(r)})
	case dwarf.TagAtomicType:
		if t.aliases == nil {
			t.aliases = map[uint32]btf.Ref{}
		}
		t.aliases[uint32(r.Off-t.base)] = t.ref(r)
	case dwarf.TagTypedef:
		typ, err := named(btf.KindTypedef)
		if err != nil {
			return true, err
		}
		if typ.Name == 0 {
			return true, dieError(r, "a typedef without a name")
		}
		typ.To = t.ref(r)
		t.last = subject{r.Depth, t.add(r, typ), btf.WholeDecl}
	case dwarf.TagBaseType:
		return true, t.baseType(r)
	case dwarf.TagArrayType:
		i := t.add(r, btf.Type{Kind: btf.KindArray, To: t.ref(r)})
		t.open = append(t.open, open{tag: r.Tag, depth: r.Depth, typ: i, from: len(t.dims)})
	case dwarf.TagSubrangeType:
		if o := t.container(r); o != nil && o.tag == dwarf.TagArrayType {
			t.dims = append(t.dims, dimension(r))
		}
	case dwarf.TagStructureType, dwarf.TagClassType, dwarf.TagUnionType:
		return true, t.composite(r)
	case dwarf.TagMember:
		if o := t.container(r); o != nil && o.tag == dwarf.TagStructureType {
			return true, t.member(r, o)
		}
	case dwarf.TagEnumerationType:
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
		return true, t.enumerators(r, t.add(r, typ))
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
		if v, wide, err = t.enumerator(r, o.typ, v); err != nil {
			return true, err
		}
		o.wide = o.wide || wide
		t.enums = append(t.enums, btf.Enumerator{Name: n, Value: v})
	case dwarf.TagSubroutineType:
		return true, t.parameters(r, t.add(r, btf.Type{Kind: btf.KindFuncProto, To: t.ref(r)}))
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
	case dwarf.TagLLVMAnnotation, dwarf.TagGNUAnnotation:
		return t.annotation(r)
	case dwarf.TagReferenceType, dwarf.TagRvalueReferenceType, dwarf.TagPtrToMemberType, dwarf.TagStringType, dwarf.TagInterfaceType:
		return true, dieError(r, "BTF has no word for DWARF tag %#x (not a C type)", r.Tag)
	default:
		return false, nil
	}
	return true, nil
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
			default:
				return dieError(r, "a floating point type of %d bytes", size)
			}
			t.add(r, btf.Type{Kind: btf.KindFloat, Name: n, Size: uint32(size)})
			return nil
		case ateComplexFloat, ateImaginary:
			return dieError(r, "BTF has no word for complex numbers")
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
		// Clang makes such types for its expressions (DW_OP_convert).
		n, size = t.madeUp(fakeInt), 4
	}
	if n == 0 {
		return dieError(r, "a base type without a name")
	}
	t.add(r, btf.Type{Kind: btf.KindInt, Name: n, Size: uint32(size), Extra: flags<<24 | uint32(8*size)})
	return nil
}

// dimension gives the number of elements of one dimension, 0 if it is not a constant.
func dimension(r *dwarf.Reader) uint32 {
	if r.Has(dwarf.AttrUpperBound) {
		bound, ok := r.Uint(dwarf.AttrUpperBound)
		if !ok {
			return 0 // of a variable length array
		}
		return uint32(bound) + 1
	}
	n, _ := r.Uint(dwarf.AttrCount)
	return uint32(n)
}

func (t *unitTypes) composite(r *dwarf.Reader) error {
	n, err := t.name(r, dwarf.AttrName)
	if err != nil {
		return err
	}
	union := r.Tag == dwarf.TagUnionType
	if r.Flag(dwarf.AttrDeclaration) {
		if n == 0 {
			return dieError(r, "a declaration of a struct or union without a name")
		}
		t.add(r, btf.Type{Kind: btf.KindFwd, Name: n, KindFlag: union})
		return nil
	}
	size, _ := r.Uint(dwarf.AttrByteSize)
	if size > 1<<32-1 {
		return dieError(r, "a struct of %d bytes", size)
	}
	typ := btf.Type{Kind: btf.KindStruct, Name: n, Size: uint32(size)}
	if union {
		typ.Kind = btf.KindUnion
	}
	return t.plainMembers(r, t.add(r, typ))
}

func (t *unitTypes) member(r *dwarf.Reader, o *open) error {
	n, err := t.name(r, dwarf.AttrName)
	if err != nil {
		return err
	}
	var location uint64 // bytes
	if r.Has(dwarf.AttrMemberLocation) {
		if v, ok := r.Uint(dwarf.AttrMemberLocation); ok {
			location = v
		} else if r.Class[dwarf.AttrMemberLocation] == dwarf.ClassExpr {
			location, _ = r.ConstantExpr(dwarf.AttrMemberLocation)
		}
	}
	size, _ := r.Uint(dwarf.AttrBitSize)
	dataBit, hasDataBit := r.Uint(dwarf.AttrDataBitOffset)
	offset := 8 * location // bits
	storage, _ := r.Uint(dwarf.AttrByteSize)
	if size > 255 {
		return dieError(r, "a bit field of %d bits", size)
	}
	number := uint32(len(t.members))
	switch {
	case hasDataBit:
		offset = dataBit
	case size != 0 && r.Has(dwarf.AttrBitOffset):
		// DWARF 2 and 3 (also 4, section 5.5.6): counted from the most significant bit of the storage unit.
		bitOffset, _ := r.Uint(dwarf.AttrBitOffset)
		if storage == 0 {
			t.bitfields = append(t.bitfields, bitfield{number | pending, location, bitOffset, size})
		} else {
			offset = bitfieldOffset(location, storage, bitOffset, size, t.bigEndian)
		}
	}
	if size != 0 && offset > 0xffffff || offset > maxOffset {
		return dieError(r, tooFar, offset)
	}
	if offset%8 != 0 && size == 0 {
		return dieError(r, "a member at bit %d that is not a bit field", offset)
	}
	o.wide = o.wide || size != 0
	t.last = subject{r.Depth, o.typ, number - uint32(o.from)}
	t.members = append(t.members, btf.Member{Name: n, Type: t.ref(r), Offset: uint32(offset) | uint32(size)<<24})
	return nil
}

// bitfieldOffset turns DW_AT_bit_offset into bits from the start of the struct. storage is in bytes.
func bitfieldOffset(location, storage, bitOffset, size uint64, bigEndian bool) uint64 {
	if bigEndian {
		return 8*location + bitOffset
	}
	return 8*location + 8*storage - bitOffset - size
}

// annotation takes a btf_type_tag of a pointer, or a btf_decl_tag of a struct, union, member or typedef. It returns false if the
// DIE belongs to none of these.
func (t *unitTypes) annotation(r *dwarf.Reader) (bool, error) {
	to := t.last
	pointer := false
	if o := t.container(r); o != nil {
		pointer = o.tag == dwarf.TagPointerType
		if !pointer && o.tag != dwarf.TagStructureType {
			return false, nil
		}
		to = subject{o.depth, o.typ, btf.WholeDecl}
	}
	if to.depth != r.Depth-1 {
		return false, nil
	}
	kind, err := r.StringAttr(dwarf.AttrName)
	if err != nil {
		return true, err
	}
	value, err := t.name(r, dwarf.AttrConstValue)
	switch {
	case err != nil || value == 0:
	case pointer && t.dialect.TypeTags && string(kind) == "btf_type_tag":
		t.typeTags = append(t.typeTags, typeTag{to.typ, value})
	case !pointer && t.dialect.DeclTags && string(kind) == "btf_decl_tag":
		t.declTags = append(t.declTags, declTag{to.typ, to.component, value})
	}
	return true, err
}

// declTag gives the value of the annotation at the reader if it is a btf_decl_tag, else 0.
func (t *unitTypes) declTag(r *dwarf.Reader) (btf.Name, error) {
	kind, err := r.StringAttr(dwarf.AttrName)
	if err != nil || string(kind) != "btf_decl_tag" {
		return 0, err
	}
	return t.name(r, dwarf.AttrConstValue)
}

// finish closes what is open and turns offsets of DIEs into numbers of types.
func (t *unitTypes) finish() error {
	t.closeTo(0)
	types := t.unit.Types

	before := uint32(0)
	for i := range t.dies {
		run := &t.dies[i]
		run.before = before
		before += uint32(bits.OnesCount64(run.starts))
	}

	var index btf.Ref
	hasArray := false
	for i := range types {
		typ := &types[i]
		switch typ.Kind {
		case btf.KindArray:
			hasArray = true
			typ.To = t.resolve(typ.To)
		case btf.KindInt:
			if index == 0 && string(t.unit.Text(typ.Name)) == "int" {
				index = btf.Ref(i + 1)
			}
		default:
			typ.To = t.resolve(typ.To)
		}
	}
	for i := range t.unit.Members {
		m := &t.unit.Members[i]
		m.Type = t.resolve(m.Type)
	}
	for i := range t.unit.Params {
		p := &t.unit.Params[i]
		p.Type = t.resolve(p.Type)
	}
	if hasArray {
		if index == 0 {
			types = append(types, btf.Type{Kind: btf.KindInt, Name: t.madeUp(plainInt), Size: 4, Extra: btf.IntSigned<<24 | 32})
			index = btf.Ref(len(types))
		}
		for i := range types {
			if types[i].Kind == btf.KindArray {
				types[i].Index = index
			}
		}
	}
	for _, a := range t.nested {
		elem := types[a.typ].To
		for i := len(a.dims) - 1; i >= 0; i-- {
			types = append(types, btf.Type{Kind: btf.KindArray, To: elem, Index: index, Extra: a.dims[i]})
			elem = btf.Ref(len(types))
		}
		types[a.typ].To = elem
	}
	for _, tag := range t.typeTags { // the last one is nearest to the pointer
		types = append(types, btf.Type{Kind: btf.KindTypeTag, Name: tag.name, To: types[tag.pointer].To})
		types[tag.pointer].To = btf.Ref(len(types))
	}
	for _, tag := range t.declTags {
		types = append(types, btf.Type{Kind: btf.KindDeclTag, Name: tag.name, To: btf.Ref(tag.typ + 1), Extra: tag.component})
	}
	t.unit.Types = types
	for _, e := range t.enum64s {
		if of := t.resolve(e.of); of != 0 {
			typ := &types[of-1]
			types[e.typ].KindFlag = typ.Kind == btf.KindInt && typ.Extra>>24&btf.IntSigned != 0
		}
	}
	for _, f := range t.bitfields {
		m := &t.unit.Members[f.member]
		storage, _ := t.size(m.Type)
		offset := bitfieldOffset(f.location, storage, f.offset, f.size, t.bigEndian)
		if offset > 0xffffff {
			return fmt.Errorf(".debug_info: a bit field at bit %d: too far for BTF", int64(offset))
		}
		m.Offset = uint32(offset) | m.Offset&^0xffffff
	}
	return nil
}

// resolve finds the type of a DIE. void if there is none: DW_TAG_unspecified_type, or what BTF leaves out.
func (t *unitTypes) resolve(ref btf.Ref) btf.Ref {
	for range maxAliases {
		if ref == 0 {
			return 0
		}
		off := uint32(ref - 1)
		if i := int(off / 64); i < len(t.dies) {
			run, bit := &t.dies[i], uint64(1)<<(off%64)
			if run.starts&bit != 0 {
				return btf.Ref(run.before) + btf.Ref(bits.OnesCount64(run.starts&(bit-1))) + 1
			}
		}
		ref = t.aliases[off]
	}
	return 0
}

// maxAliases bounds chains of _Atomic types; C has none longer than one.
const maxAliases = 4

// size gives the size of a type in bytes, as C's sizeof does.
func (t *unitTypes) size(ref btf.Ref) (size uint64, ok bool) {
	count := uint64(1)
	for range maxNesting {
		if ref == 0 {
			return 0, false
		}
		switch typ := &t.unit.Types[ref-1]; typ.Kind {
		case btf.KindInt, btf.KindFloat, btf.KindStruct, btf.KindUnion, btf.KindEnum, btf.KindEnum64:
			return count * uint64(typ.Size), true
		case btf.KindPtr:
			return count * t.addrSize, true
		case btf.KindArray:
			count *= uint64(typ.Extra)
			ref = typ.To
		case btf.KindTypedef, btf.KindConst, btf.KindVolatile, btf.KindRestrict, btf.KindTypeTag:
			ref = typ.To
		default:
			return 0, false
		}
	}
	return 0, false
}

// maxNesting bounds walks along references that a damaged file could make endless.
const maxNesting = 1000
