// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"cmp"
	"slices"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/dwarf"
)

// The C attributes btf_type_tag and btf_decl_tag are in DWARF in two forms. clang writes
// DW_TAG_LLVM_annotation as a child of the DIE that it describes. GCC since 16 writes
// DW_TAG_GNU_annotation elsewhere; the DIE refers to it by DW_AT_GNU_annotation, and so does an
// annotation to the next one. In both forms a btf_type_tag describes a pointer, and stands for a
// TYPE_TAG between the PTR and the type that it points to.

type (
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

// annotationTarget is what annotations belong to: a pointer, struct, union, member or typedef.
type annotationTarget struct {
	depth     int
	typ       uint32
	component uint32
}

// gnuAnnotation is a DW_TAG_GNU_annotation.
type gnuAnnotation struct {
	die   btf.Ref
	decl  bool     // btf_decl_tag, otherwise btf_type_tag
	value btf.Name // 0: another annotation
	next  btf.Ref  // 0: the last one
}

// annotated is a type or member with a DW_AT_GNU_annotation.
type annotated struct {
	target annotationTarget
	first  btf.Ref
}

const (
	typeTagAttr = "btf_type_tag"
	declTagAttr = "btf_decl_tag"
)

// llvmAnnotation handles an annotation of a pointer, struct, union, member or typedef. It returns
// false if the DIE belongs to something else.
func (t *unitTypes) llvmAnnotation(r *dwarf.Reader) (bool, error) {
	to := t.target
	pointer := false
	if o := t.container(r); o != nil {
		pointer = o.tag == dwarf.TagPointerType
		if !pointer && o.tag != dwarf.TagStructureType {
			return false, nil
		}
		to = annotationTarget{o.depth, o.typ, btf.WholeDecl}
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
	case pointer && t.dialect.TypeTags && string(kind) == typeTagAttr:
		t.typeTags = append(t.typeTags, typeTag{to.typ, value})
	case !pointer && t.dialect.DeclTags && string(kind) == declTagAttr:
		t.declTags = append(t.declTags, declTag{to.typ, to.component, value})
	}
	return true, err
}

// declTag returns the value of the annotation at the reader if it is a btf_decl_tag, else 0.
func (t *unitTypes) declTag(r *dwarf.Reader) (btf.Name, error) {
	kind, err := r.StringAttr(dwarf.AttrName)
	if err != nil || string(kind) != declTagAttr {
		return 0, err
	}
	return t.name(r, dwarf.AttrConstValue)
}

// gnuAnnotation handles a DW_TAG_GNU_annotation.
func (t *unitTypes) gnuAnnotation(r *dwarf.Reader) error {
	a := gnuAnnotation{die: t.selfRef(r), next: t.refAttr(r, dwarf.AttrGNUAnnotation)}
	kind, err := r.StringAttr(dwarf.AttrName)
	if err != nil {
		return err
	}
	if a.decl = string(kind) == declTagAttr; a.decl || string(kind) == typeTagAttr {
		if a.value, err = t.name(r, dwarf.AttrConstValue); err != nil {
			return err
		}
	}
	t.annotations = append(t.annotations, a)
	return nil
}

// annotate notes the DW_AT_GNU_annotation of a type or member, if it has one.
func (t *unitTypes) annotate(r *dwarf.Reader, typ, component uint32) {
	if r.Has(dwarf.AttrGNUAnnotation) {
		t.annotated = append(t.annotated, annotated{annotationTarget{r.Depth, typ, component},
			t.refAttr(r, dwarf.AttrGNUAnnotation)})
	}
}

// gnuTags returns the values of a chain of annotations, of decl tags or of type tags.
func (t *unitTypes) gnuTags(first btf.Ref, decl bool) (values []btf.Name) {
	for range t.annotations { // ends a cycle in a damaged file
		i, ok := slices.BinarySearchFunc(t.annotations, first,
			func(a gnuAnnotation, die btf.Ref) int { return cmp.Compare(a.die, die) })
		if !ok {
			break
		}
		a := &t.annotations[i]
		if a.decl == decl && a.value != 0 {
			values = append(values, a.value)
		}
		first = a.next
	}
	return values
}

// gnuDeclTags is gnuTags for the declaration tags of a function, parameter or variable.
func (t *unitTypes) gnuDeclTags(first btf.Ref) []btf.Name {
	if first == 0 || !t.dialect.DeclTags {
		return nil
	}
	return t.gnuTags(first, true)
}

// finishAnnotations adds the tags of types and members in GCC's form.
func (t *unitTypes) finishAnnotations() {
	for _, x := range t.annotated {
		typ := x.target.typ
		if t.unit.Types[typ].Kind != btf.KindPtr {
			for _, value := range t.gnuDeclTags(x.first) {
				t.declTags = append(t.declTags, declTag{typ, x.target.component, value})
			}
			continue
		}
		if t.dialect.TypeTags {
			values := t.gnuTags(x.first, false)
			slices.Reverse(values) // GCC's first one is nearest to the pointer, clang's last one
			for _, value := range values {
				t.typeTags = append(t.typeTags, typeTag{typ, value})
			}
		}
	}
}
