// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package dwarf

import (
	"maps"
	"slices"
	"testing"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

var partTags = []Tag{TagMember, TagEnumerator, TagFormalParameter}

// leavesAndMore wants the attributes of leaves, one that leaves do not have, and other DIEs between
// them.
var leavesAndMore = Wanted{
	TagMember:          Attrs(AttrName, AttrType, AttrMemberLocation, AttrBitSize),
	TagEnumerator:      Attrs(AttrName, AttrConstValue),
	TagFormalParameter: Attrs(AttrName, AttrType, AttrLocation),
	TagStructureType:   Attrs(AttrName), TagEnumerationType: 0, TagSubroutineType: 0,
	TagPointerType: 0, TagSubprogram: 0,
}

// seen is a DIE as a walk reports it.
type seen struct {
	off         uint64
	tag         Tag
	depth       int
	name        string
	typ, number uint64
	more        bool // it has an attribute that leaves do not have
}

// walkDIEs walks all units. If leaves is set, it uses NextLeaf and EndChildren where they succeed.
func walkDIEs(t *testing.T, d *Data, leaves bool) (dies []seen, plain int) {
	t.Helper()
	units, err := d.Units()
	if err != nil {
		t.Fatal(err)
	}
	var r Reader
	for i := range units {
		r.Reset(d, &units[i])
		for {
			if leaves {
				plain += nextLeaves(t, &r, d, &dies)
			}
			if !r.Next() {
				break
			}
			s := seen{off: r.Off, tag: r.Tag, depth: r.Depth, typ: r.Ref(AttrType),
				more: r.Has(AttrBitSize) || r.Has(AttrLocation)}
			name, err := r.StringAttr(AttrName)
			if err != nil {
				t.Fatal(err)
			}
			s.name = string(name)
			for _, a := range []Attr{AttrMemberLocation, AttrConstValue} {
				if v, ok := r.Uint(a); ok {
					s.number = v
				}
			}
			dies = append(dies, s)
		}
		if r.Err() != nil {
			t.Fatal(r.Err())
		}
	}
	return dies, plain
}

// nextLeaves reads all leaves that come next, and ends of lists of children after them.
func nextLeaves(t *testing.T, r *Reader, d *Data, dies *[]seen) (n int) {
	t.Helper()
	var p Leaf
	for _, tag := range partTags {
		for r.NextLeaf(tag, &p) {
			n++
			s := seen{off: r.Off, tag: tag, typ: p.Type, number: p.Number}
			if p.Name != NoName {
				name, ok := d.String(p.Name)
				if !ok {
					t.Fatal(d.NoString(p.Name))
				}
				s.name = string(name)
			}
			*dies = append(*dies, s)
		}
		for r.EndChildren() {
		}
	}
	return n
}

// NextLeaf returns the same DIEs as Next, and Next continues after them.
func TestNextLeaf(t *testing.T) {
	for _, target := range elftest.Targets {
		for _, f := range flavours {
			t.Run(target.Name+" "+f.name, func(t *testing.T) {
				if f.only64 && target.Bits == 32 {
					return
				}
				d := load(t, elftest.Object(t, target, "kinds.c", f.flags...), leavesAndMore)
				want, _ := walkDIEs(t, d, false)
				got, plain := walkDIEs(t, d, true)
				for _, dies := range [][]seen{want, got} {
					for i := range dies {
						if slices.Contains(partTags, dies[i].tag) {
							dies[i].depth = 0 // NextLeaf does not report it
						}
					}
				}
				if !slices.Equal(got, want) {
					t.Errorf("%d DIEs, want %d", len(got), len(want))
					for i := range min(len(got), len(want)) {
						if got[i] != want[i] {
							t.Fatalf("got:  %+v\nwant: %+v", got[i], want[i])
						}
					}
				}
				// GCC emits only such members. In clang 5's output names are indexes; 64-bit DWARF
				// is left to Next.
				if gcc := target.CC == "gcc"; gcc && !f.only64 && f.name != "DWARF 2" &&
					plain < 20 {
					t.Errorf("only %d leaves", plain)
				}
			})
		}
	}
}

// DIEs below skipped ones are not visited, and all others are.
func TestSkipTree(t *testing.T) {
	passed := []Tag{TagInlinedSubroutine, TagCallSite}
	all := Wanted{TagFormalParameter: 0, TagSubprogram: 0, TagVariable: 0, TagCompileUnit: 0}
	over := maps.Clone(all)
	for _, tag := range passed {
		all[tag], over[tag] = 0, SkipTree
	}
	for _, source := range []string{"params.c", "kinds.c"} {
		path := elftest.Object(t, elftest.GCC, source, "-gdwarf-5", "-O2")
		dies, _ := walkDIEs(t, load(t, path, all), false)
		var want []seen
		depth := len(dies) // of the skipped DIE
		for _, s := range dies {
			if s.depth > depth {
				continue
			}
			depth = len(dies)
			if slices.Contains(passed, s.tag) {
				depth = s.depth
			} else {
				want = append(want, s)
			}
		}
		got, _ := walkDIEs(t, load(t, path, over), false)
		if !slices.Equal(got, want) {
			t.Errorf("%s:\ngot:  %+v\nwant: %+v", source, got, want)
		}
		if !slices.ContainsFunc(dies, func(s seen) bool { return slices.Contains(passed, s.tag) }) {
			t.Errorf("%s: no DIEs to skip", source)
		}
	}
}
