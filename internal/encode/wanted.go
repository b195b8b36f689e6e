// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"maps"

	"github.com/kbtf/kbtf/internal/dwarf"
	"github.com/kbtf/kbtf/internal/elfimage"
)

const unitAttrs = 1<<dwarf.AttrLanguage | 1<<dwarf.AttrProducer | 1<<dwarf.AttrStrOffsetsBase |
	1<<dwarf.AttrAddrBase | 1<<dwarf.AttrLoclistsBase | 1<<dwarf.AttrDwoName

// wantedIn returns the DIEs and attributes to read from a file.
func wantedIn(img *elfimage.Image, opt *Options) dwarf.Wanted {
	if variableSections(img, opt) != nil {
		return wanted
	}
	w := maps.Clone(wanted)
	// Do not skip it: its annotations must not be read as those of another DIE.
	w[dwarf.TagVariable] = 0
	return w
}

// wanted lists the tags to stop at, and the attributes to read there.
var wanted = dwarf.Wanted{
	dwarf.TagCompileUnit:  unitAttrs,
	dwarf.TagSkeletonUnit: dwarf.Attrs(dwarf.AttrDwoName),
	dwarf.TagPartialUnit:  unitAttrs,
	dwarf.TagTypeUnit:     unitAttrs,

	dwarf.TagBaseType:     dwarf.Attrs(dwarf.AttrName, dwarf.AttrByteSize, dwarf.AttrEncoding),
	dwarf.TagPointerType:  dwarf.Attrs(dwarf.AttrType, dwarf.AttrGNUAnnotation),
	dwarf.TagConstType:    dwarf.Attrs(dwarf.AttrType),
	dwarf.TagVolatileType: dwarf.Attrs(dwarf.AttrType),
	dwarf.TagRestrictType: dwarf.Attrs(dwarf.AttrType),
	dwarf.TagAtomicType:   dwarf.Attrs(dwarf.AttrType),
	dwarf.TagTypedef: dwarf.Attrs(dwarf.AttrName, dwarf.AttrType,
		dwarf.AttrGNUAnnotation),

	dwarf.TagArrayType:    dwarf.Attrs(dwarf.AttrType),
	dwarf.TagSubrangeType: dwarf.Attrs(dwarf.AttrUpperBound, dwarf.AttrCount),

	dwarf.TagStructureType: dwarf.Attrs(dwarf.AttrName, dwarf.AttrByteSize, dwarf.AttrDeclaration,
		dwarf.AttrGNUAnnotation, dwarf.AttrSignature),
	dwarf.TagClassType: dwarf.Attrs(dwarf.AttrName, dwarf.AttrByteSize, dwarf.AttrDeclaration,
		dwarf.AttrGNUAnnotation, dwarf.AttrSignature),
	dwarf.TagUnionType: dwarf.Attrs(dwarf.AttrName, dwarf.AttrByteSize, dwarf.AttrDeclaration,
		dwarf.AttrGNUAnnotation, dwarf.AttrSignature),
	dwarf.TagMember: dwarf.Attrs(dwarf.AttrName, dwarf.AttrType, dwarf.AttrByteSize,
		dwarf.AttrBitSize, dwarf.AttrBitOffset, dwarf.AttrDataBitOffset, dwarf.AttrMemberLocation,
		dwarf.AttrGNUAnnotation),

	dwarf.TagEnumerationType: dwarf.Attrs(dwarf.AttrName, dwarf.AttrByteSize, dwarf.AttrType,
		dwarf.AttrSignature),
	dwarf.TagEnumerator: dwarf.Attrs(dwarf.AttrName, dwarf.AttrConstValue),

	dwarf.TagSubroutineType: dwarf.Attrs(dwarf.AttrType),
	dwarf.TagFormalParameter: dwarf.Attrs(dwarf.AttrName, dwarf.AttrType,
		dwarf.AttrAbstractOrigin, dwarf.AttrLocation, dwarf.AttrGNUAnnotation),
	dwarf.TagUnspecifiedParameters: 0,

	dwarf.TagSubprogram: dwarf.Attrs(dwarf.AttrName, dwarf.AttrType, dwarf.AttrDeclaration,
		dwarf.AttrAbstractOrigin, dwarf.AttrSpecification, dwarf.AttrInline,
		dwarf.AttrCallingConvention, dwarf.AttrLowPC, dwarf.AttrRanges,
		dwarf.AttrGNUAnnotation),
	dwarf.TagVariable: dwarf.Attrs(dwarf.AttrName, dwarf.AttrType, dwarf.AttrDeclaration,
		dwarf.AttrSpecification, dwarf.AttrExternal, dwarf.AttrArtificial, dwarf.AttrLocation,
		dwarf.AttrGNUAnnotation),

	// Inlined copies of a function, and calls: their types are in the abstract instance (DWARF 5,
	// section 3.3.8.2).
	dwarf.TagInlinedSubroutine: dwarf.SkipTree,
	dwarf.TagCallSite:          dwarf.SkipTree,
	dwarf.TagGNUCallSite:       dwarf.SkipTree,

	dwarf.TagLLVMAnnotation: dwarf.Attrs(dwarf.AttrName, dwarf.AttrConstValue),
	dwarf.TagGNUAnnotation: dwarf.Attrs(dwarf.AttrName, dwarf.AttrConstValue,
		dwarf.AttrGNUAnnotation),

	// Only in languages that BTF cannot express.
	dwarf.TagReferenceType:       0,
	dwarf.TagRvalueReferenceType: 0,
	dwarf.TagPtrToMemberType:     0,
	dwarf.TagStringType:          0,
	dwarf.TagInterfaceType:       0,
}
