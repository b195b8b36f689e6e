// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbtf/kbtf/internal/btf"
)

// The DWARF of `int __attribute__((btf_type_tag("user"))) *p
// __attribute__((btf_decl_tag("pointer")))` as clang emits it, with DW_TAG_LLVM_annotation (0x6000)
// and DW_AT_name, DW_AT_const_value.
func TestAnnotationDIEs(t *testing.T) {
	object := assemble(t, `
		.section .debug_abbrev
		.uleb128 1; .uleb128 0x11; .byte 1; .uleb128 0x13; .uleb128 0x05; .uleb128 0; .uleb128 0
		.uleb128 2; .uleb128 0x24; .byte 0; .uleb128 0x03; .uleb128 0x08; .uleb128 0x3e;
		.uleb128 0x0b; .uleb128 0x0b; .uleb128 0x0b; .uleb128 0; .uleb128 0
		.uleb128 3; .uleb128 0x0f; .byte 1; .uleb128 0x49; .uleb128 0x13; .uleb128 0; .uleb128 0
		.uleb128 4; .uleb128 0x13; .byte 1; .uleb128 0x03; .uleb128 0x08; .uleb128 0x0b;
		.uleb128 0x0b; .uleb128 0; .uleb128 0
		.uleb128 5; .uleb128 0x0d; .byte 1; .uleb128 0x03; .uleb128 0x08; .uleb128 0x49;
		.uleb128 0x13; .uleb128 0x38; .uleb128 0x0b; .uleb128 0; .uleb128 0
		.uleb128 6; .uleb128 0x6000; .byte 0; .uleb128 0x03; .uleb128 0x08; .uleb128 0x1c;
		.uleb128 0x08; .uleb128 0; .uleb128 0
		.byte 0
		.section .debug_info
	0:	.4byte 9f-1f
	1:	.2byte 5; .byte 1, 8; .4byte 0
		.uleb128 1; .2byte 0x1d
	2:	.uleb128 2; .asciz "int"; .byte 5, 4
	3:	.uleb128 3; .4byte 2b-0b
		.uleb128 6; .asciz "btf_type_tag"; .asciz "user"
		.byte 0
		.uleb128 4; .asciz "s"; .byte 8
		.uleb128 5; .asciz "p"; .4byte 3b-0b; .byte 0
		.uleb128 6; .asciz "btf_decl_tag"; .asciz "pointer"
		.byte 0
		.uleb128 6; .asciz "btf_decl_tag"; .asciz "whole"
		.byte 0, 0
	9:`)
	want := []string{"struct s size=8 p@0=[user]int* tags=pointer tags=whole"}
	got := without(encodeAndList(t, object, Options{Dialect: btf.Modern}),
		"int", "ptr", "type_tag", "decl_tag")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// The same attributes as GCC 16 emits them: DW_AT_GNU_annotation (0x2139) refers to
// DW_TAG_GNU_annotation (0x6001), before or after, and so does an annotation to the next one.
func TestGNUAnnotationDIEs(t *testing.T) {
	object := assemble(t, `
		.macro abbrev number, tag, children, attributes:vararg
		.uleb128 \number, \tag; .byte \children; .uleb128 \attributes, 0, 0
		.endm
		.section .debug_abbrev
		abbrev 1, 0x11, 1, 0x13, 0x05
		abbrev 2, 0x24, 0, 0x03, 0x08, 0x3e, 0x0b, 0x0b, 0x0b
		abbrev 3, 0x0f, 0, 0x49, 0x13, 0x2139, 0x13
		abbrev 4, 0x13, 1, 0x03, 0x08, 0x0b, 0x0b, 0x2139, 0x13
		abbrev 5, 0x0d, 0, 0x03, 0x08, 0x49, 0x13, 0x38, 0x0b, 0x2139, 0x13
		abbrev 6, 0x6001, 0, 0x03, 0x08, 0x1c, 0x08
		abbrev 7, 0x6001, 0, 0x03, 0x08, 0x1c, 0x08, 0x2139, 0x13
		abbrev 8, 0x16, 0, 0x03, 0x08, 0x49, 0x13, 0x2139, 0x13
		abbrev 9, 0x2e, 1, 0x03, 0x08, 0x49, 0x13, 0x2139, 0x13
		abbrev 10, 0x05, 0, 0x03, 0x08, 0x49, 0x13, 0x2139, 0x13
		abbrev 11, 0x34, 0, 0x03, 0x08, 0x49, 0x13, 0x3f, 0x19, 0x2139, 0x13, 0x02, 0x18
		.byte 0
		.section .debug_info
	0:	.4byte 9f-1f
	1:	.2byte 5; .byte 1, 8; .4byte 0
		.uleb128 1; .2byte 0x1d
	2:	.uleb128 2; .asciz "int"; .byte 5, 4
	3:	.uleb128 6; .asciz "btf_type_tag"; .asciz "near"
	4:	.uleb128 7; .asciz "btf_type_tag"; .asciz "far"; .4byte 3b-0b
	5:	.uleb128 3; .4byte 2b-0b, 4b-0b
		.uleb128 4; .asciz "s"; .byte 8; .4byte 6f-0b
		.uleb128 5; .asciz "p"; .4byte 5b-0b; .byte 0; .4byte 7f-0b
		.byte 0
	6:	.uleb128 6; .asciz "btf_decl_tag"; .asciz "whole"
	7:	.uleb128 7; .asciz "btf_decl_tag"; .asciz "pointer"; .4byte 8f-0b
	8:	.uleb128 7; .asciz "other"; .asciz "ignored"; .4byte 10f-0b
	10:	.uleb128 6; .asciz "btf_decl_tag"; .asciz "more"
		.uleb128 8; .asciz "number"; .4byte 2b-0b, 6b-0b
		.uleb128 9; .asciz "f"; .4byte 2b-0b, 7b-0b
		.uleb128 10; .asciz "x"; .4byte 5b-0b, 6b-0b
		.uleb128 10; .asciz "y"; .4byte 2b-0b, 11f-0b
		.byte 0
	11:	.uleb128 7; .asciz "btf_decl_tag"; .asciz "cycle"; .4byte 12f-0b
	12:	.uleb128 7; .asciz "btf_decl_tag"; .asciz "back"; .4byte 11b-0b
		.uleb128 11; .asciz "v"; .4byte 2b-0b, 7b-0b; .byte 9, 3; .8byte v
		.byte 0
	9:	.text; .globl f; .type f, @function
	f:	ret
		.section .data..percpu, "aw"; .globl v; .type v, @object; .size v, 4
	v:	.4byte 0`)
	want := []string{
		"struct s size=8 p@0=[far][near]int* tags=pointer,more tags=whole",
		"typedef number int tags=whole",
		"func f int([far][near]int* x, int y) tags=pointer,more param0 tags=whole " +
			"param1 tags=cycle,back",
		"var v int global tags=pointer,more", "datasec .data..percpu size=4 v@0+4",
	}
	got := without(encodeAndList(t, object, Options{Dialect: btf.Modern}),
		"int", "ptr", "type_tag", "decl_tag", "proto")
	if diff := cmp.Diff(sorted(want), sorted(got)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
