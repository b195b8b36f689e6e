// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"strings"

	"github.com/kbtf/kbtf/internal/btfdiff"
	"github.com/kbtf/kbtf/internal/btfraw"
)

// inlinedCopies is D9: pahole takes a function's prototype from the first unit that has one of its
// name, even if that unit only inlines it and the code is in another unit. It explains a FUNC that
// has the prototype of the first unit on pahole's side, and that of the first unit with code on the
// other; and their FUNC_PROTOs, if only such FUNCs refer to them.
func inlinedCopies(d *differences) error {
	ours := make(map[string]btfdiff.Class)
	for _, class := range d.onlyEncoder {
		if class.Kind == btfraw.Func {
			ours[class.Name] = class
		}
	}
	var pairs [][2]btfdiff.Class
	names := make(map[string]bool)
	for _, class := range d.onlyOracle {
		if other, ok := ours[class.Name]; ok && class.Kind == btfraw.Func {
			pairs = append(pairs, [2]btfdiff.Class{class, other})
			names[class.Name] = true
		}
	}
	if len(pairs) == 0 {
		return nil
	}
	prototypes, err := prototypesOf(d.file, names)
	if err != nil {
		return err
	}
	var theirs, own []uint32
	for _, pair := range pairs {
		if p := prototypes[pair[0].Name]; p.inlined == pair[0].Description && p.code == pair[1].Description {
			theirs, own = append(theirs, pair[0].ID), append(own, pair[1].ID)
		}
	}
	oracle, err := d.withPrototypes(d.compared.oracle, theirs)
	if err != nil {
		return err
	}
	encoder, err := d.withPrototypes(d.compared.encoder, own)
	if err != nil {
		return err
	}
	d.onlyOracle = without(d.onlyOracle, func(class btfdiff.Class) bool { return oracle[class.ID] })
	d.onlyEncoder = without(d.onlyEncoder, func(class btfdiff.Class) bool { return encoder[class.ID] })
	return nil
}

// A twofold is a function that one unit inlines and another has the code of, as btfdiff describes
// FUNCs. inlined is empty if the first unit has code.
type twofold struct{ inlined, code string }

// prototypesOf returns the prototypes of functions in the DWARF of a file.
func prototypesOf(path string, names map[string]bool) (map[string]twofold, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := file.DWARF()
	if err != nil {
		return nil, err
	}
	found := make(map[string]twofold)
	r := data.Reader()
	for {
		unit, err := r.Next()
		if unit == nil || err != nil {
			return found, err
		}
		first := make(map[string]string) // by function: its first prototype in the unit
		code := make(map[string]bool)
		for unit.Children {
			entry, err := r.Next()
			if err != nil {
				return nil, err
			}
			if entry == nil || entry.Tag == 0 {
				break
			}
			if entry.Tag == dwarf.TagSubprogram && entry.Val(dwarf.AttrDeclaration) == nil {
				abstract := abstractInstance(data, entry)
				if name, _ := abstract.Val(dwarf.AttrName).(string); names[name] {
					if _, ok := first[name]; !ok {
						first[name] = prototype(data, abstract, name)
					}
					code[name] = code[name] || entry.Val(dwarf.AttrLowpc) != nil || entry.Val(dwarf.AttrRanges) != nil
				}
			}
			if entry.Tag != dwarf.TagSubprogram || entry.Children {
				r.SkipChildren()
			}
		}
		for name, prototype := range first {
			p, before := found[name]
			switch {
			case !before && !code[name]:
				p.inlined = prototype
			case code[name] && p.code == "":
				p.code = prototype
			}
			found[name] = p
		}
	}
}

// abstractInstance returns the abstract instance of a function's DIE, or the DIE if it has none.
func abstractInstance(data *dwarf.Data, entry *dwarf.Entry) *dwarf.Entry {
	r := data.Reader()
	for range 2 {
		if origin, ok := entry.Val(dwarf.AttrAbstractOrigin).(dwarf.Offset); ok {
			r.Seek(origin)
			if next, err := r.Next(); err == nil && next != nil {
				entry = next
			}
		}
	}
	return entry
}

// prototype describes the function of a DIE.
func prototype(data *dwarf.Data, entry *dwarf.Entry, name string) string {
	r := data.Reader()
	var parameters []string
	r.Seek(entry.Offset)
	r.Next()
	for entry.Children {
		child, err := r.Next()
		if err != nil || child == nil || child.Tag == 0 {
			break
		}
		switch child.Tag {
		case dwarf.TagFormalParameter:
			of, _ := child.Val(dwarf.AttrName).(string)
			parameters = append(parameters, declare(typeOf(data, child), of))
		case dwarf.TagUnspecifiedParameters:
			parameters = append(parameters, "...")
		}
		r.SkipChildren()
	}
	if len(parameters) == 0 {
		parameters = []string{"void"}
	}
	return "FUNC static " + declare(typeOf(data, entry), fmt.Sprintf("%s(%s)", name, strings.Join(parameters, ", ")))
}

func typeOf(data *dwarf.Data, entry *dwarf.Entry) dwarf.Type {
	offset, ok := entry.Val(dwarf.AttrType).(dwarf.Offset)
	if !ok {
		return nil
	}
	t, err := data.Type(offset)
	if err != nil {
		return nil
	}
	return t
}

// declare declares a name in C, as btfdiff does. Pointers to functions and arrays are not needed.
func declare(t dwarf.Type, name string) string {
	switch t := t.(type) {
	case nil, *dwarf.VoidType:
		return "void " + name
	case *dwarf.PtrType:
		return declare(t.Type, "*"+name)
	case *dwarf.QualType:
		if _, ok := t.Type.(*dwarf.PtrType); ok {
			return declare(t.Type, t.Qual+" "+name)
		}
		return t.Qual + " " + declare(t.Type, name)
	case *dwarf.TypedefType:
		return t.Name + " " + name
	case *dwarf.StructType:
		return t.Kind + " " + t.StructName + " " + name
	case *dwarf.EnumType:
		return "enum " + t.EnumName + " " + name
	}
	return t.Common().Name + " " + name
}
