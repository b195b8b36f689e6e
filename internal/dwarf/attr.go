// SPDX-License-Identifier: GPL-2.0-only

package dwarf

// Tag of a DIE (DWARF 5, table 7.3, and vendors' tags).
type Tag uint16

const (
	TagArrayType             Tag = 0x01
	TagClassType             Tag = 0x02
	TagEnumerationType       Tag = 0x04
	TagFormalParameter       Tag = 0x05
	TagMember                Tag = 0x0d
	TagPointerType           Tag = 0x0f
	TagReferenceType         Tag = 0x10
	TagCompileUnit           Tag = 0x11
	TagStringType            Tag = 0x12
	TagStructureType         Tag = 0x13
	TagSubroutineType        Tag = 0x15
	TagTypedef               Tag = 0x16
	TagUnionType             Tag = 0x17
	TagUnspecifiedParameters Tag = 0x18
	TagInheritance           Tag = 0x1c
	TagPtrToMemberType       Tag = 0x1f
	TagSubrangeType          Tag = 0x21
	TagBaseType              Tag = 0x24
	TagConstType             Tag = 0x26
	TagEnumerator            Tag = 0x28
	TagSubprogram            Tag = 0x2e
	TagVariable              Tag = 0x34
	TagVolatileType          Tag = 0x35
	TagRestrictType          Tag = 0x37
	TagInterfaceType         Tag = 0x38
	TagUnspecifiedType       Tag = 0x3b
	TagPartialUnit           Tag = 0x3c
	TagTypeUnit              Tag = 0x41
	TagRvalueReferenceType   Tag = 0x42
	TagAtomicType            Tag = 0x47
	TagSkeletonUnit          Tag = 0x4a
	TagLLVMAnnotation        Tag = 0x6000
	TagGNUAnnotation         Tag = 0x6001
)

// Attr numbers the attributes that have a say in BTF, from 0 so that they index arrays. All others are skipped.
type Attr uint8

const (
	AttrName Attr = iota
	AttrType
	AttrByteSize
	AttrBitSize
	AttrBitOffset
	AttrDataBitOffset
	AttrMemberLocation
	AttrEncoding
	AttrConstValue
	AttrUpperBound
	AttrCount
	AttrDeclaration
	AttrSpecification
	AttrAbstractOrigin
	AttrExternal
	AttrLocation
	AttrLowPC
	AttrArtificial
	AttrLanguage
	AttrProducer
	AttrStrOffsetsBase
	AttrAddrBase
	AttrLoclistsBase
	AttrGNUAnnotation
	NumAttrs
)

// attrByCode maps DW_AT_* (DWARF 5, table 7.5) to Attr.
var attrByCode = map[uint64]Attr{
	0x02: AttrLocation, 0x03: AttrName, 0x0b: AttrByteSize, 0x0c: AttrBitOffset, 0x0d: AttrBitSize, 0x11: AttrLowPC,
	0x13: AttrLanguage, 0x1c: AttrConstValue, 0x25: AttrProducer, 0x2f: AttrUpperBound, 0x31: AttrAbstractOrigin,
	0x34: AttrArtificial, 0x37: AttrCount, 0x38: AttrMemberLocation, 0x3c: AttrDeclaration, 0x3e: AttrEncoding,
	0x3f: AttrExternal, 0x47: AttrSpecification, 0x49: AttrType, 0x6b: AttrDataBitOffset, 0x72: AttrStrOffsetsBase,
	0x73: AttrAddrBase, 0x8c: AttrLoclistsBase, 0x2139: AttrGNUAnnotation,
}

// AttrSet is a set of attributes.
type AttrSet uint32

// Attrs makes a set.
func Attrs(list ...Attr) AttrSet {
	var s AttrSet
	for _, a := range list {
		s |= 1 << a
	}
	return s
}

// Class says how an attribute's value is to be read (DWARF 5, section 7.5.5).
type Class uint8

const (
	ClassNone      Class = iota
	ClassConst           // Val: constant, zero-extended from its form
	ClassSigned          // Val: constant, sign-extended: DW_FORM_sdata, DW_FORM_implicit_const
	ClassFlag            // Val: 0 or 1
	ClassString          // Val: a StrRef
	ClassRef             // Val: offset of a DIE from the start of .debug_info
	ClassRefOther        // a reference out of the file or by signature: Val has no meaning here
	ClassAddr            // Val: an address; FieldOff: where it stands, for its relocation
	ClassAddrx           // Val: index into .debug_addr
	ClassExpr            // Val: a Block, expression or plain bytes
	ClassSecOffset       // Val: offset into the section that the attribute implies
	ClassLoclistx        // Val: index into the unit's location lists
)
