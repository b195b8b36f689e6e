// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

const allAttrs AttrSet = 1<<numAttrs - 1

// everything wants all attributes of all tags that compilers of C, and linkers, emit.
func everything() Wanted {
	w := Wanted{TagLLVMAnnotation: allAttrs, TagGNUAnnotation: allAttrs}
	for tag := range Tag(0x100) {
		w[tag] = allAttrs
	}
	return w
}

// flavour is a variant of DWARF.
type flavour struct {
	name   string
	flags  []string
	only64 bool // 64-bit machines only
}

var flavours = []flavour{
	{name: "DWARF 2", flags: []string{"-gdwarf-2"}},
	{name: "DWARF 3", flags: []string{"-gdwarf-3"}},
	{name: "DWARF 4", flags: []string{"-gdwarf-4"}},
	{name: "DWARF 5", flags: []string{"-gdwarf-5"}},
	{name: "64-bit DWARF 4", flags: []string{"-gdwarf-4", "-gdwarf64"}, only64: true},
	{name: "64-bit DWARF 5", flags: []string{"-gdwarf-5", "-gdwarf64"}, only64: true},
}

// A Reader returns what debug/dwarf returns, for any compiler, machine and version.
func TestReader(t *testing.T) {
	for _, target := range elftest.Targets {
		for _, f := range flavours {
			t.Run(target.Name+" "+f.name, func(t *testing.T) {
				if f.only64 && target.Bits == 32 {
					return // not supported
				}
				path := elftest.Object(t, target, "kinds.c", f.flags...)
				if target.Name == elftest.S390.Name {
					path = linked(t, target, path) // debug/elf cannot relocate its objects
				}
				compareWalks(t, path, everything())
				compareWalks(t, path,
					Wanted{TagMember: Attrs(AttrName, AttrBitSize),
						TagFormalParameter: Attrs(AttrLocation, AttrType),
						TagEnumerator:      0,
						TagCompileUnit: Attrs(AttrStrOffsetsBase, AttrAddrBase,
							AttrLoclistsBase)})
			})
		}
	}
}

// Many units, some of them type units, and references between them.
func TestReaderOfLinkedFiles(t *testing.T) {
	dir := t.TempDir()
	link := func(name string, args ...string) (path string) {
		elftest.Run(t, dir, "ld",
			append([]string{"-o", name, "--unresolved-symbols=ignore-all", "-e", "0"}, args...)...)
		return filepath.Join(dir, name)
	}
	var objects, typeUnits []string
	for i, source := range []string{"kinds.c", "params.c", "ring.c", "echo.c", "vmlinux.c"} {
		for k, cc := range elftest.Native {
			for _, version := range []int{4 + (i+k)%2, 5 - (i+k)%2} {
				objects = append(objects,
					elftest.Object(t, cc, source, fmt.Sprintf("-gdwarf-%d", version)))
			}
		}
		typeUnits = append(typeUnits, elftest.Object(t, elftest.GCC, source, "-gdwarf-5",
			"-fdebug-types-section"))
	}
	compareWalks(t, link("relocatable", append([]string{"-r", "-z", "muldefs"}, objects...)...),
		everything())
	compareWalks(t, link("linked", append([]string{"-z", "muldefs"}, objects...)...), everything())
	compareWalks(t, link("types", append([]string{"-z", "muldefs"}, typeUnits...)...), everything())
}

func load(t testing.TB, path string, wanted Wanted) *Data {
	t.Helper()
	img, err := elfimage.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(img.Close)
	d, err := Load(img, wanted)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func compareWalks(t *testing.T, path string, wanted Wanted) {
	t.Helper()
	file := elftest.Read(t, path)
	f, err := elf.NewFile(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if s := f.Section(".debug_str_offsets"); s != nil && f.Type == elf.ET_REL {
		// debug/dwarf first reads the unit's own strings with base 0, and fails if the bytes there,
		// the header of the table, are not an offset. It does not need the header otherwise.
		header := file[s.Offset : s.Offset+8]
		if bytes.HasPrefix(header, []byte{0xff, 0xff, 0xff, 0xff}) { // 64-bit DWARF
			header = header[:16]
		}
		clear(header)
	}
	oracle, err := f.DWARF()
	if err != nil {
		t.Fatal(err)
	}
	want := oracle.Reader()
	depth, dies := 0, 0
	// next returns the next wanted entry and its depth.
	next := func() (*dwarf.Entry, int) {
		for {
			e, err := want.Next()
			if err != nil {
				t.Fatal(err)
			}
			if e == nil {
				return nil, 0
			}
			if e.Tag == 0 {
				depth--
				continue
			}
			at := depth
			if e.Children {
				depth++
			}
			if at == 0 && e.Children {
				depth = 1
			}
			if _, ok := wanted[Tag(e.Tag)]; ok {
				return e, at
			}
		}
	}

	d := load(t, path, wanted)
	units, err := d.Units()
	if err != nil {
		t.Fatal(err)
	}
	var r Reader
	for i := range units {
		r.Reset(d, &units[i])
		for r.Next() {
			e, at := next()
			if e == nil {
				t.Fatalf("DIE at offset %#x: more than there are", r.Off)
			}
			if r.Off != uint64(e.Offset) || r.Tag != Tag(e.Tag) || r.Depth != at {
				t.Fatalf("DIE at offset %#x: %v at depth %d, want %#x %v %d",
					r.Off, dwarf.Tag(r.Tag), r.Depth, e.Offset, e.Tag, at)
			}
			dies++
			for a := range numAttrs {
				if wanted[r.Tag]&(1<<a) == 0 {
					if r.Has(a) {
						t.Errorf("DIE at offset %#x: attribute %d, which is not wanted", r.Off, a)
					}
					continue
				}
				compareAttr(t, d, &r, a, e.AttrField(codeOf(a)))
			}
			if t.Failed() {
				return
			}
		}
		if err := r.Err(); err != nil {
			t.Fatal(err)
		}
	}
	if e, _ := next(); e != nil {
		t.Errorf("DIE at offset %#x is missing", e.Offset)
	}
	if dies < 10 {
		t.Errorf("%d DIEs: nothing tested", dies)
	}
}

func codeOf(a Attr) dwarf.Attr {
	if a == AttrGNUAnnotation {
		return attrGNUAnnotation
	}
	return dwarf.Attr(slices.Index(attrByCode[:], a+1))
}

// compareAttr compares an attribute with debug/dwarf's; want is nil if the DIE does not have the
// attribute.
func compareAttr(t *testing.T, d *Data, r *Reader, a Attr, want *dwarf.Field) {
	t.Helper()
	if r.Has(a) != (want != nil) {
		t.Errorf("DIE at offset %#x: has attribute %v: %t", r.Off, codeOf(a), r.Has(a))
		return
	}
	if want == nil {
		return
	}
	var got any
	switch r.Class[a] {
	case ClassConst, ClassSigned:
		v, _ := r.Uint(a)
		got = int64(v)
	case ClassFlag:
		got = r.Flag(a)
	case ClassString:
		s, err := r.StringAttr(a)
		if err != nil {
			t.Error(err)
		}
		got = string(s)
	case ClassRef:
		got = dwarf.Offset(r.Ref(a))
	case ClassAddr:
		got = r.Val[a]
	case ClassAddrx: // debug/dwarf has resolved it
		size := r.u.AddrSize
		at := r.u.addrBase + r.Val[a]*uint64(size)
		c := d.addr.Cursor(at)
		got = c.Value(at, d.uint(d.addr.Data[at:], size))
	case ClassSecOffset:
		got = int64(r.Val[a])
		if _, ok := want.Val.(uint64); ok {
			got = r.Val[a]
		}
	case ClassLoclistx:
		// not supported by debug/dwarf; see TestParameterRegister
		got = want.Val
	case ClassNone:
		// DW_FORM_rnglistx: of DW_AT_ranges, only the presence matters
		if want.Class == dwarf.ClassRngList {
			got = want.Val
		}
	case ClassExpr:
		expr := d.blockBytes(block(r.Val[a]))
		b, _ := want.Val.([]byte)
		if len(expr) > r.u.AddrSize && expr[0] == opAddr {
			p, ok := r.VarAddr()
			address := make([]byte, r.u.AddrSize)
			if r.u.AddrSize == 8 {
				d.Image.Order.PutUint64(address, p.Addr)
			} else {
				d.Image.Order.PutUint32(address, uint32(p.Addr))
			}
			if !ok {
				t.Errorf("DIE at offset %#x: no place: % x", r.Off, expr)
			}
			expr = slices.Concat(expr[:1], address, expr[1+r.u.AddrSize:])
		}
		if !bytes.Equal(expr, b) {
			t.Errorf("DIE at offset %#x: %v: % x, want % x", r.Off, want.Attr, expr, b)
		}
		return
	}
	if want.Class == dwarf.ClassReferenceSig && r.Class[a] == ClassRef {
		// debug/dwarf returns the signature, the reader the type's offset. The header of its unit
		// must have that signature, after length, version, unit type, address size and
		// abbreviations; the type's own offset follows.
		units, err := d.Units()
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range units {
			if header := d.info.Data[u.Off:]; r.Val[a] >= u.Off && r.Val[a] < u.End &&
				r.Val[a] == u.Off+uint64(d.u32(header[20:])) {
				got = d.u64(header[12:])
			}
		}
	}
	if got != want.Val {
		t.Errorf("DIE at offset %#x: %v: class %d, %T %v, want %v %T %v",
			r.Off, want.Attr, r.Class[a], got, got, want.Class, want.Val, want.Val)
	}
}

// A reader allocates nothing per DIE.
func TestReaderAllocations(t *testing.T) {
	d := load(t, elftest.Object(t, elftest.GCC, "kinds.c"), everything())
	units, err := d.Units()
	if err != nil {
		t.Fatal(err)
	}
	var r Reader
	n := 0
	allocs := testing.AllocsPerRun(10, func() {
		n = 0
		r.Reset(d, &units[0])
		for r.Next() {
			n++
		}
	})
	if n < 100 || allocs != 0 {
		t.Errorf("%v allocations for %d DIEs", allocs, n)
	}
}

// builder assembles DWARF: little endian, 8-byte addresses.
type builder struct{ info, abbrev, str, loc, loclists, strOffsets, addr []byte }

// unit5 adds a DWARF 5 unit with these DIEs.
func (b *builder) unit5(dies ...byte) *builder {
	head := []byte{5, 0, byte(unitCompile), 8, 0, 0, 0, 0}
	b.info = binary.LittleEndian.AppendUint32(b.info, uint32(len(head)+len(dies)))
	b.info = append(append(b.info, head...), dies...)
	return b
}

func (b *builder) data() *Data {
	rel := func(data []byte) *elfimage.Relocated { return &elfimage.Relocated{Data: data} }
	return &Data{Image: &elfimage.Image{Path: "x.ko",
		Class: elf.ELFCLASS64, Order: binary.LittleEndian}, info: rel(b.info),
		abbrev: b.abbrev, str: b.str, loc: rel(b.loc), loclists: rel(b.loclists),
		strOffsets: rel(b.strOffsets), addr: rel(b.addr),
		wanted: everything().tags()}
}

// readAll reads all DIEs and all their attributes.
func readAll(d *Data) (dies int, err error) {
	units, err := d.Units()
	if err != nil {
		return 0, err
	}
	var r Reader
	for i := range units {
		r.Reset(d, &units[i])
		for r.Next() {
			dies++
			for a := range numAttrs {
				if _, err := r.StringAttr(a); err != nil {
					return dies, err
				}
				r.Uint(a)
				r.Flag(a)
				r.Ref(a)
				if r.Has(a) && r.Class[a] == ClassExpr {
					r.ConstantExpr(a)
				}
			}
			if r.Has(AttrLocation) {
				d.ParameterRegister(r.u, r.Location(), false)
				d.ParameterRegister(r.u, r.Location(), true)
				d.InOtherRegister(r.u, r.Location(), 5)
				r.VarAddr()
			}
		}
		if r.Err() != nil {
			return dies, r.Err()
		}
		r.Reset(d, &units[i])
		for more := true; more; more = r.Next() {
			var p Leaf
			for r.NextLeaf(r.Tag, &p) || r.NextLeaf(TagMember, &p) || r.EndChildren() {
				d.String(p.Name)
			}
		}
	}
	return dies, nil
}

// Abbreviations of the tests below: 1 is a unit with children; 2 a base type with a name in form %s
// and a size in one byte.
func nameIn(form ...byte) []byte {
	return slices.Concat([]byte{1, byte(TagCompileUnit), 1, 0, 0, 2, byte(TagBaseType), 0, 0x03},
		form, []byte{0x0b, formData1, 0, 0, 0})
}

func TestMalformed(t *testing.T) {
	for _, test := range []struct {
		name string
		b    *builder
		want string // empty: no error
	}{
		{"a unit with a type",
			(&builder{abbrev: nameIn(formString)}).unit5(1, 2, 'i', 'n', 't', 0, 4, 0), ""},
		{"unterminated children",
			(&builder{abbrev: nameIn(formString)}).unit5(1, 2, 'i', 'n', 't', 0, 4), ""},
		{"padding after the unit's own DIE",
			(&builder{abbrev: nameIn(formString)}).unit5(1, 0, 0, 0, 77, 78), ""},
		{"padding between units", &builder{info: make([]byte, 16)}, ""},
		{"indirect", (&builder{abbrev: nameIn(formIndirect)}).unit5(1, 2, formString, 'x', 0, 4, 0),
			""},
		{"string offsets base after an indexed string",
			(&builder{abbrev: []byte{1, byte(TagCompileUnit), 0, 0x72, formStrx, 0, 0, 0},
				str: make([]byte, 16), strOffsets: []byte{0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 4, 0,
					0,
					0}}).unit5(1, 1), ""},
		{"truncated length", &builder{info: []byte{1, 2, 3}}, "x.ko: .debug_info: unit at offset " +
			"0x0: truncated header"},
		{"length beyond the section", &builder{info: []byte{9, 0, 0, 0, 5, 0, 1, 8}},
			"x.ko: .debug_info: unit at offset 0x0: 0x9 bytes, but the section ends after 0x4"},
		{"truncated 64-bit length", &builder{info: []byte{0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0}},
			"x.ko: .debug_info: unit at offset 0x0: truncated header"},
		{"64-bit length that overflows", &builder{info: bytes.Repeat([]byte{0xff}, 16)},
			"x.ko: .debug_info: unit at offset 0x0: 0xffffffffffffffff bytes, but the " +
				"section ends after 0x4"},
		{"version", (&builder{info: []byte{8, 0, 0, 0, 1, 0, 1, 8, 0, 0, 0, 0}}),
			"x.ko: .debug_info: unit at offset 0x0: DWARF version 1, only 2 to 5 are known"},
		{"address size", (&builder{info: []byte{8, 0, 0, 0, 5, 0, 1, 2, 0, 0, 0, 0}}),
			"x.ko: .debug_info: unit at offset 0x0: unsupported address size of 2 bytes"},
		{"truncated header of a type unit",
			(&builder{info: []byte{8, 0, 0, 0, 5, 0, 2, 8, 0, 0, 0, 0}}),
			"x.ko: .debug_info: unit at offset 0x0: truncated header"},
		{"no abbreviations", (&builder{}).unit5(1), ".debug_info: unit at offset 0x0: " +
			".debug_abbrev: table at offset 0x0 of 0x0 bytes"},
		{"truncated abbreviation", (&builder{abbrev: nameIn(formString)[:9]}).unit5(1),
			".debug_info: unit at offset 0x0: .debug_abbrev: truncated table at offset 0x9"},
		{"undefined abbreviation", (&builder{abbrev: nameIn(formString)}).unit5(1, 3),
			".debug_info: DIE at offset 0xd: abbreviation 3 does not exist"},
		{"signature without a type unit",
			(&builder{abbrev: nameIn(0x20)}).unit5(1, 2, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0),
			".debug_info: DIE at offset 0xd: no type unit has the signature 0x807060504030201: damaged file?"},
		{"unknown form", (&builder{abbrev: nameIn(0x7e)}).unit5(1, 2, 0, 0),
			".debug_info: DIE at offset 0xd: truncated, or unknown form 0x7e"},
		{"form that is too large", (&builder{abbrev: nameIn(0xff, 0xff, 0x03)}).unit5(1, 2, 0, 0),
			".debug_info: unit at offset 0x0: .debug_abbrev: unknown form 0xffff at offset 0xc"},
		{"indirect form of an indirect form",
			(&builder{abbrev: nameIn(formIndirect)}).unit5(1, 2, formIndirect, formString, 'x', 0,
				4, 0),
			".debug_info: DIE at offset 0xd: truncated, or unknown form 0x16"},
		{"unterminated string", (&builder{abbrev: nameIn(formString)}).unit5(1, 2, 'i', 'n', 't'),
			".debug_info: DIE at offset 0xd: truncated, or unknown form 0x8"},
		{"truncated DIE", (&builder{abbrev: nameIn(formStrp), str: []byte("int\x00")}).unit5(1, 2,
			0,
			0),
			".debug_info: DIE at offset 0xd: truncated, or unknown form 0xe"},
		{"DIE without its last byte", (&builder{abbrev: nameIn(formString)}).unit5(1, 2, 'x', 0),
			".debug_info: DIE at offset 0xd: truncated, or unknown form 0xb"},
		{"truncated abbreviation code", (&builder{abbrev: nameIn(formString)}).unit5(1, 0x80),
			".debug_info: DIE at offset 0xd: truncated"},
		{"string beyond its section",
			(&builder{abbrev: nameIn(formStrp), str: []byte("int\x00")}).unit5(1, 2, 4, 0, 0, 0, 4,
				0),
			".debug_str: no string at offset 0x4"},
		{"string index beyond its section",
			(&builder{abbrev: nameIn(formStrx), str: []byte("int\x00")}).unit5(1, 2, 4, 4, 0),
			".debug_info: DIE at offset 0xd: truncated, or unknown form 0x1a"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := readAll(test.b.data())
			if got := fmt.Sprint(err); test.want == "" && err != nil ||
				test.want != "" && got != test.want {
				t.Errorf("got:  %s\nwant: %s", got, test.want)
			}
		})
	}
}

// Large codes, and codes out of order, are found. A table uses no more memory than its bytes
// justify.
func TestAbbreviationCodes(t *testing.T) {
	entry := func(code uint64, tag Tag) []byte {
		return append(binary.AppendUvarint(nil, code), byte(tag), 0, 0x3e, formData1, 0x03,
			formData1, 0, 0)
	}
	codes := []uint64{1 << 40, 3, 70000, 60000, 1, 1<<16 - 1, 1 << 16, 2}
	var data []byte
	for i, code := range codes {
		data = append(data, entry(code, Tag(i+1))...)
	}
	var table abbrevTable
	d, u := &Data{abbrev: append(data, 0), info: &elfimage.Relocated{}},
		&Unit{Version: 5, AddrSize: 8, offSize: 4}
	if err := table.compile(d, u); err != nil {
		t.Fatal(err)
	}
	for i, code := range codes {
		if a := table.find(code); a == nil || a.tag != Tag(i+1) || a.ops[0].arg != 2 {
			t.Errorf("code %d: %+v", code, a)
		}
	}
	for _, code := range []uint64{0, 4, 59999, 1<<40 + 1} {
		if a := table.find(code); a != nil {
			t.Errorf("code %d: %+v, want none", code, a)
		}
	}
	if len(table.byCode) > 1000+len(data) {
		t.Errorf("%d bytes make a table of %d entries", len(data), len(table.byCode))
	}
}

// Each unit has the table of the previous one without its first abbreviation: n*n/2 abbreviations
// in all.
func TestOverlappingAbbrevTables(t *testing.T) {
	const n = 30000
	b := &builder{}
	for i := range uint32(n) {
		b.abbrev = append(b.abbrev, 1, byte(TagCompileUnit), 0, 0, 0)
		b.unit5(1)
		binary.LittleEndian.PutUint32(b.info[len(b.info)-5:], 5*i) // offset of the table
	}
	b.abbrev = append(b.abbrev, 0)
	if _, err := readAll(b.data()); !errors.Is(err, errOverlap) {
		t.Errorf("got %v, want %v", err, errOverlap)
	}
}

func TestLoadWithoutDWARF(t *testing.T) {
	dir := filepath.Dir(elftest.Object(t, elftest.GCC, "echo.c"))
	elftest.Run(t, dir, "strip", "--strip-debug", "x.o")
	img, err := elfimage.Open(filepath.Join(dir, "x.o"))
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	_, err = Load(img, everything())
	if want := filepath.Join(dir, "x.o") + ": " + ErrNoDWARF.Error(); err == nil ||
		err.Error() != want {
		t.Errorf("got:  %v\nwant: %s", err, want)
	}
}

// FuzzRead reads arbitrary bytes: that terminates without a panic.
func FuzzRead(f *testing.F) {
	for _, target := range elftest.Targets {
		for _, flavour := range flavours[1:4] {
			d := load(f, elftest.Object(f, target, "params.c", flavour.flags...), everything())
			f.Add(d.info.Data, d.abbrev, d.str, d.loc.Data, d.loclists.Data, d.strOffsets.Data,
				d.addr.Data)
		}
	}
	f.Fuzz(func(t *testing.T, info, abbrev, str, loc, loclists, strOffsets, addr []byte) {
		b := builder{info, abbrev, str, loc, loclists, strOffsets, addr}
		d := b.data()
		dies, _ := readAll(d)
		if dies > len(info) {
			t.Errorf("%d DIEs in %d bytes", dies, len(info))
		}
		d = b.data()
		d.Image.Order = binary.BigEndian
		d.wanted = Wanted{TagFormalParameter: Attrs(AttrLocation)}.tags()
		_, _ = readAll(d)
	})
}
