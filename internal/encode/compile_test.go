// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cilium "github.com/cilium/ebpf/btf"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// A compiler builds relocatable files from C: an object per source, linked into one as kbuild links
// modules.
type compiler struct {
	elftest.Target
	flags []string // in addition to the target's and -c -g
}

// with returns a target's compiler with these flags.
func with(target elftest.Target, flags ...string) compiler { return compiler{target, flags} }

// -fcommon lets units define the same variables.
var gcc = with(elftest.GCC, "-O2", "-fcommon", "-gdwarf-5")

func (c compiler) build(t *testing.T, sources ...string) *elfimage.Image {
	t.Helper()
	dir := t.TempDir()
	var objects []string
	for i, s := range sources {
		name := fmt.Sprintf("unit%d", i)
		if err := os.WriteFile(filepath.Join(dir, name+".c"), []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
		elftest.Run(t, dir, c.CC,
			slices.Concat(c.Flags, c.flags, []string{"-ffreestanding", "-g", "-c", "-o",
				name + ".o", name + ".c"})...)
		objects = append(objects, name+".o")
	}
	out := objects[0]
	if len(objects) > 1 {
		out = "all.ko"
		c.Link(t, dir, append([]string{"-r", "-o", out}, objects...)...)
	}
	img, err := elfimage.Open(filepath.Join(dir, out))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(img.Close)
	return img
}

// encodeBase encodes a file without a base and returns the result as a base.
func encodeBase(t *testing.T, img *elfimage.Image, d btf.Dialect) (*btf.Base, []byte) {
	t.Helper()
	raw, err := File(img, NoBase(), Options{Dialect: d})
	if err != nil {
		t.Fatal(err)
	}
	blob, err := btf.ParseBlob(raw)
	if err != nil {
		t.Fatal(err)
	}
	base, err := btf.NewBase("base", blob)
	if err != nil {
		t.Fatal(err)
	}
	return base, raw
}

func encodeSplit(t *testing.T, img *elfimage.Image, base *btf.Base) []byte {
	t.Helper()
	raw, err := File(img, base, Options{Dialect: base.Dialect, Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// assemble assembles a file with flags.
func assemble(t *testing.T, text string, flags ...string) (object string) {
	t.Helper()
	source := filepath.Join(t.TempDir(), "x.S")
	if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	object = strings.TrimSuffix(source, "S") + "o"
	elftest.Run(t, "", "gcc", append(flags, "-c", "-o", object, source)...)
	return object
}

// list returns one line for each type of a BTF, in order, as read by an independent reader; split
// BTF if rawBase is given.
func list(t *testing.T, raw, rawBase []byte) []string {
	t.Helper()
	var spec *cilium.Spec
	var err error
	first := 1
	if rawBase == nil {
		spec, err = cilium.LoadSpecFromReader(bytes.NewReader(raw))
	} else {
		var base *cilium.Spec
		if base, err = cilium.LoadSpecFromReader(bytes.NewReader(rawBase)); err != nil {
			t.Fatal(err)
		}
		first = count(base)
		spec, err = cilium.LoadSplitSpecFromReader(bytes.NewReader(raw), base)
	}
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for id := first; ; id++ {
		typ, err := spec.TypeByID(cilium.TypeID(id))
		if err != nil {
			return lines
		}
		lines = append(lines, line(typ))
	}
}

func count(s *cilium.Spec) int {
	for n := 1; ; n++ {
		if _, err := s.TypeByID(cilium.TypeID(n)); err != nil {
			return n
		}
	}
}

// line describes a type without following references: types referred to are named.
func line(typ cilium.Type) string {
	switch v := typ.(type) {
	case *cilium.Int:
		return fmt.Sprintf("int %s size=%d %v", v.Name, v.Size, v.Encoding)
	case *cilium.Float:
		return fmt.Sprintf("float %s size=%d", v.Name, v.Size)
	case *cilium.Pointer:
		return "ptr " + name(v.Target)
	case *cilium.Const:
		return "const " + name(v.Type)
	case *cilium.Volatile:
		return "volatile " + name(v.Type)
	case *cilium.Restrict:
		return "restrict " + name(v.Type)
	case *cilium.TypeTag:
		return "type_tag " + v.Value + " " + name(v.Type)
	case *cilium.Typedef:
		return "typedef " + v.Name + " " + name(v.Type) + tags(v.Tags)
	case *cilium.Array:
		return fmt.Sprintf("array %s[%d]", name(v.Type), v.Nelems)
	case *cilium.Fwd:
		return fmt.Sprintf("fwd %v %s", v.Kind, v.Name)
	case *cilium.Struct:
		return fmt.Sprintf("struct %s size=%d%s%s", v.Name, v.Size, members(v.Members),
			tags(v.Tags))
	case *cilium.Union:
		return fmt.Sprintf("union %s size=%d%s%s", v.Name, v.Size, members(v.Members), tags(v.Tags))
	case *cilium.Enum:
		s := fmt.Sprintf("enum %s size=%d signed=%v", v.Name, v.Size, v.Signed)
		for _, e := range v.Values {
			s += fmt.Sprintf(" %s=%#x", e.Name, e.Value)
		}
		return s
	case *cilium.FuncProto:
		return "proto " + proto(v)
	case *cilium.Func:
		s := "func " + v.Name + " " + proto(v.Type.(*cilium.FuncProto)) + tags(v.Tags)
		for i, list := range v.ParamTags {
			if len(list) > 0 {
				s += fmt.Sprintf(" param%d%s", i, tags(list))
			}
		}
		return s
	case *cilium.Var:
		return fmt.Sprintf("var %s %s %v", v.Name, name(v.Type), v.Linkage) + tags(v.Tags)
	case *cilium.Datasec:
		s := fmt.Sprintf("datasec %s size=%d", v.Name, v.Size)
		for _, x := range v.Vars {
			s += fmt.Sprintf(" %s@%d+%d", x.Type.TypeName(), x.Offset, x.Size)
		}
		return s
	}
	// unexported by this reader
	if fmt.Sprintf("%T", typ) == "*btf.declTag" {
		return "decl_tag"
	}
	return fmt.Sprintf("%T", typ)
}

func tags(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return " tags=" + strings.Join(list, ",")
}

func members(list []cilium.Member) string {
	var s strings.Builder
	for _, m := range list {
		fmt.Fprintf(&s, " %s@%d", m.Name, m.Offset)
		if m.BitfieldSize != 0 {
			fmt.Fprintf(&s, ":%d", m.BitfieldSize)
		}
		s.WriteString("=" + name(m.Type) + tags(m.Tags))
	}
	return s.String()
}

func proto(p *cilium.FuncProto) string {
	s := name(p.Return) + "("
	for i, x := range p.Params {
		if i > 0 {
			s += ", "
		}
		if _, ok := x.Type.(*cilium.Void); ok && x.Name == "" {
			s += "..."
			continue
		}
		s += strings.TrimSpace(name(x.Type) + " " + x.Name)
	}
	return s + ")"
}

func name(typ cilium.Type) string {
	switch v := typ.(type) {
	case *cilium.Void:
		return "void"
	case *cilium.Pointer:
		return name(v.Target) + "*"
	case *cilium.Const:
		return "const " + name(v.Type)
	case *cilium.Volatile:
		return "volatile " + name(v.Type)
	case *cilium.Restrict:
		return "restrict " + name(v.Type)
	case *cilium.TypeTag:
		return "[" + v.Value + "]" + name(v.Type)
	case *cilium.Array:
		return fmt.Sprintf("%s[%d]", name(v.Type), v.Nelems)
	case *cilium.FuncProto:
		return "fn:" + proto(v)
	case *cilium.Struct:
		return fmt.Sprintf("struct %s/%d", v.Name, v.Size)
	}
	return typ.TypeName()
}

// without drops the lines with these prefixes.
func without(lines []string, beginnings ...string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(s string) bool {
		return slices.ContainsFunc(beginnings,
			func(b string) bool { return strings.HasPrefix(s, b) })
	})
}
