// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

// Tag is DW_TAG_* of a DIE (DWARF 5, table 7.3, and vendor extensions).
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
	TagInlinedSubroutine     Tag = 0x1d
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
	TagPartialUnit           Tag = 0x3c
	TagTypeUnit              Tag = 0x41
	TagRvalueReferenceType   Tag = 0x42
	TagAtomicType            Tag = 0x47
	TagCallSite              Tag = 0x48
	TagSkeletonUnit          Tag = 0x4a
	TagGNUCallSite           Tag = 0x4109
	TagLLVMAnnotation        Tag = 0x6000
	TagGNUAnnotation         Tag = 0x6001
)

// Attr is an attribute that matters for BTF, numbered from 0 to index arrays. Others are skipped.
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
	AttrRanges
	AttrArtificial
	AttrLanguage
	AttrProducer
	AttrStrOffsetsBase
	AttrAddrBase
	AttrLoclistsBase
	AttrGNUAnnotation
	AttrDwoName
	AttrInline
	AttrCallingConvention
	AttrSignature
	AttrSibling
	numAttrs
)

// attrByCode maps DW_AT_* (DWARF 5, table 7.5) to Attr plus 1, or 0. GNU's attributes are out of
// its range.
var attrByCode = [...]Attr{
	0x01: 1 + AttrSibling, 0x02: 1 + AttrLocation, 0x03: 1 + AttrName, 0x0b: 1 + AttrByteSize,
	0x0c: 1 + AttrBitOffset,
	0x0d: 1 + AttrBitSize,
	0x11: 1 + AttrLowPC, 0x13: 1 + AttrLanguage, 0x1c: 1 + AttrConstValue, 0x20: 1 + AttrInline,
	0x25: 1 + AttrProducer, 0x2f: 1 + AttrUpperBound,
	0x31: 1 + AttrAbstractOrigin, 0x34: 1 + AttrArtificial, 0x36: 1 + AttrCallingConvention,
	0x37: 1 + AttrCount, 0x38: 1 + AttrMemberLocation,
	0x3c: 1 + AttrDeclaration, 0x3e: 1 + AttrEncoding, 0x3f: 1 + AttrExternal,
	0x47: 1 + AttrSpecification, 0x49: 1 + AttrType, 0x55: 1 + AttrRanges,
	0x69: 1 + AttrSignature, 0x6b: 1 + AttrDataBitOffset, 0x72: 1 + AttrStrOffsetsBase, 0x73: 1 + AttrAddrBase,
	0x76: 1 + AttrDwoName, 0x8c: 1 + AttrLoclistsBase,
}

const (
	attrGNUDwoName    = 0x2130
	attrGNUAnnotation = 0x2139
)

// attrOf returns the Attr for a DW_AT_*, numAttrs if it does not matter for BTF.
func attrOf(code uint64) Attr {
	switch {
	case code < uint64(len(attrByCode)) && attrByCode[code] != 0:
		return attrByCode[code] - 1
	case code == attrGNUAnnotation:
		return AttrGNUAnnotation
	case code == attrGNUDwoName:
		return AttrDwoName
	}
	return numAttrs
}

// AttrSet is a set of attributes.
type AttrSet uint32

// Attrs returns a set.
func Attrs(list ...Attr) AttrSet {
	var s AttrSet
	for _, a := range list {
		s |= 1 << a
	}
	return s
}

// SkipTree in Wanted makes the reader skip DIEs of a tag and, if DW_AT_sibling is present, their
// children (DWARF 5, section 2.3).
const SkipTree = AttrSet(1 << AttrSibling)

// Class is the class of an attribute's value (DWARF 5, section 7.5.5). It determines the meaning of
// Reader.Val.
type Class uint8

const (
	ClassNone      Class = iota
	ClassConst           // constant, zero-extended from its form
	ClassSigned          // constant, sign-extended: DW_FORM_sdata, DW_FORM_implicit_const
	ClassFlag            // 0 or 1
	ClassString          // a StrRef
	ClassRef             // offset of a DIE from the start of .debug_info, bytes
	ClassAddr            // an address
	ClassAddrx           // index into .debug_addr
	ClassExpr            // a block: an expression or plain bytes
	ClassSecOffset       // offset into the section that the attribute implies, bytes
	ClassLoclistx        // index into the unit's location lists
)
