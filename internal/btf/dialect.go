// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

// Dialect lists the choices that encoders make where BTF allows several encodings. Types are only
// shared with a base of the same dialect, so a module follows its base.
type Dialect struct {
	// a multi-dimensional array is an ARRAY of ARRAYs (pahole 1.32), not one ARRAY of the product
	NestedArrays bool
	Float        bool // FLOAT is used (pahole 1.21 with --btf_gen_floats); else floats are INTs
	Enum64       bool // ENUM64 and the sign of ENUM are used
	TypeTags     bool // TYPE_TAG is used
	DeclTags     bool // DECL_TAG is used
	KfuncTags    bool // kfuncs have a DECL_TAG "bpf_kfunc" (pahole 1.27, feature decl_tag_kfuncs)
	Attributes   bool // TYPE_TAGs with kind_flag are used (pahole 1.30, feature attributes)
	Sorted       bool // types are sorted by name, as kernels since 7.0 expect: see SortByName
}

// Modern is the dialect of current encoders, except for arrays. It is used without a base.
var Modern = Dialect{Float: true, Enum64: true, TypeTags: true, DeclTags: true, KfuncTags: true}

// detectDialect sets the dialect, and counts tags.
func (b *Base) detectDialect() {
	d := &b.Dialect
	d.Sorted = b.isSorted()
	for id := uint32(1); id < uint32(len(b.off)); id++ {
		inf := b.info(id)
		if le32(b.Types[b.off[id]:]) != 0 && tagClassOf(infoKind(inf), infoFlag(inf)) != notTag {
			b.tags++
		}
		switch k := infoKind(inf); k {
		case KindEnum64:
			d.Enum64 = true
		case KindEnum:
			d.Enum64 = d.Enum64 || infoFlag(inf)
		case KindFloat:
			d.Float = true
		case KindTypeTag:
			d.TypeTags = true
			d.Attributes = d.Attributes || infoFlag(inf)
		case KindDeclTag:
			d.DeclTags = true
			if s, err := b.str(le32(b.Types[b.off[id]:])); err == nil && string(s) == "bpf_kfunc" {
				d.KfuncTags = true
			}
		case KindArray:
			elem := le32(b.Types[b.off[id]+typeSize:])
			if elem != 0 && elem < uint32(len(b.off)) && infoKind(b.info(elem)) == KindArray {
				d.NestedArrays = true
			}
		}
	}
}

func (d *Dialect) fields() []*bool {
	return []*bool{&d.NestedArrays, &d.Float, &d.Enum64, &d.TypeTags, &d.DeclTags, &d.KfuncTags,
		&d.Attributes, &d.Sorted}
}
