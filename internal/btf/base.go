// SPDX-License-Identifier: GPL-2.0-only

package btf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/kbtf/kbtf/internal/fault"
)

// Base is the BTF that a module is split against, read in place, with what it takes to find things in it by content.
//
// Ids are as in the file: 1 to NumTypes(); 0 is void.
type Base struct {
	Blob
	Path    string // where it comes from, for messages
	Dialect Dialect
	Indexed bool // the index was ready made: NewIndexedBase

	tags int      // number of types in byTag
	off  []uint32 // off[id]: where type id stands in Types; off[0] is not used

	// The index is built in the background while the module is read: see Ready.
	indexed  chan struct{}
	indexErr error
	hash     []Hash  // cut hash by id
	byHash   idTable // types but FWD, VAR and DATASEC
	byTag    idTable // structs, unions and enums with a tag, and forwards to them, by tagHash

	strings     idTable // offsets in Strings, by hashName
	findStrings func()  // fills it, once
}

// Dialect is how the base's encoder wrote what can be written in several ways. Split BTF only shares types with a base that was
// written the same way, so a module follows its base.
type Dialect struct {
	NestedArrays bool // a multi-dimensional array is an ARRAY of ARRAYs (pahole 1.32), not one ARRAY of the product
	Float        bool // FLOAT is used (pahole 1.21 with --btf_gen_floats); else floats are INTs
	Enum64       bool // ENUM64 and the sign of ENUM are used
	TypeTags     bool // TYPE_TAG is used
	DeclTags     bool // DECL_TAG is used
	KfuncTags    bool // kfuncs have a DECL_TAG "bpf_kfunc" (pahole 1.27 with the feature decl_tag_kfuncs)
	Attributes   bool // a TYPE_TAG with kind_flag is used for the compiler's attributes (pahole 1.30 with the feature attributes)
}

// Modern is the dialect of today's encoders but for arrays: for use without a base.
var Modern = Dialect{Float: true, Enum64: true, TypeTags: true, DeclTags: true, KfuncTags: true}

// maxNesting bounds how deeply types may nest without passing through a tag. C programs stay below 20; a cycle never ends.
const maxNesting = 1000

// A base may say the same many times: finding one among them must not take forever. Encoders write types once, but for those that refer to
// different types of one name, and strings once.
const (
	maxAlike       = 4096
	maxSameStrings = 256 // those beyond are not found, and written anew
)

// NewBase takes a base. No base at all is a Base too: one without types, whose string section has not even the empty string.
//
// It returns when it has found the types and the dialect; what else is wrong with the base is told by Ready.
func NewBase(path string, b *Blob) (*Base, error) {
	base := &Base{Blob: *b, Path: path, indexed: make(chan struct{})}
	if len(b.Types) > 0 && (len(b.Strings) == 0 || b.Strings[0] != 0) {
		return nil, fmt.Errorf("base %s: the split BTF of a module: give vmlinux, or what it was split against", path)
	}
	if err := base.findTypes(); err != nil {
		return nil, err
	}
	base.survey()
	base.findStrings = sync.OnceFunc(base.indexStrings)
	base.inBackground(base.index, base.findStrings)
	return base, nil
}

// inBackground makes or checks the index, and then does what nobody waits for.
func (b *Base) inBackground(index func() error, then func()) {
	go func() {
		if b.indexErr = fault.Survive(index); errors.Is(b.indexErr, fault.ErrCutShort) {
			b.indexErr = fmt.Errorf("base %s: %w", b.Path, b.indexErr)
		}
		close(b.indexed)
		_ = fault.Survive(func() error { // who asks for strings afterwards meets the same
			then()
			return nil
		})
	}()
}

// Ready waits for the index.
func (b *Base) Ready() error {
	<-b.indexed
	return b.indexErr
}

// index fills hash, byHash and byTag.
func (b *Base) index() error {
	n := uint32(len(b.off))
	b.hash = make([]Hash, n)
	b.byHash = newIDTable(int(n))
	b.byTag = newIDTable(b.tags)
	tooMany := func(id uint32) error {
		return fmt.Errorf("base %s: BTF type %d: more than %d others are like it: types are not deduplicated", b.Path, id, maxAlike)
	}
	h := baseHasher{base: b, state: zeroed[byte](int(n)), noName: hashName(nil)}
	for id := uint32(1); id < n; id++ {
		if err := h.visit(id, 0); err != nil {
			return fmt.Errorf("base %s: BTF type %d: %w", b.Path, id, err)
		}
		t := b.Types[b.off[id]:]
		inf := le32(t[4:])
		k := infoKind(inf)
		if name := le32(t); name != 0 {
			if c := tagClassOf(k, infoFlag(inf)); c != notTag {
				s, err := h.name(name)
				if err != nil {
					return fmt.Errorf("base %s: BTF type %d: %w", b.Path, id, err)
				}
				if !b.byTag.insertWithin(tagHash(c, s).lo, id, maxAlike) {
					return tooMany(id)
				}
			}
		}
		switch k {
		case KindFwd, KindVar, KindDatasec:
		default:
			if !b.byHash.insertWithin(b.hash[id].lo, id, maxAlike) {
				return tooMany(id)
			}
		}
	}
	return nil
}

// findTypes fills off.
func (b *Base) findTypes() error {
	b.off = make([]uint32, 1, len(b.Types)/32+1)
	for pos := 0; pos < len(b.Types); {
		end, ok := typeEnd(b.Types, pos)
		if !ok {
			return fmt.Errorf("base %s: BTF type %d: unknown kind, or truncated", b.Path, len(b.off))
		}
		b.off = append(b.off, uint32(pos))
		pos = end
	}
	if n := b.NumTypes(); n > MaxTypeID {
		return fmt.Errorf("base %s: %d BTF types, more than the kernel's limit of %d", b.Path, n, MaxTypeID)
	}
	return nil
}

// survey finds the dialect, and counts tags.
func (b *Base) survey() {
	d := &b.Dialect
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

// NumTypes is the number of types, void not counted: split ids begin after it.
func (b *Base) NumTypes() int { return len(b.off) - 1 }

func (b *Base) info(id uint32) uint32 { return le32(b.Types[b.off[id]+4:]) }

func (b *Blob) str(off uint32) ([]byte, error) {
	if off < uint32(len(b.Strings)) {
		if n := bytes.IndexByte(b.Strings[off:], 0); n >= 0 {
			return b.Strings[off : off+uint32(n)], nil
		}
	}
	return nil, b.noString(off)
}

func (b *Blob) noString(off uint32) error {
	return fmt.Errorf("no string at offset %d of %d bytes", off, len(b.Strings))
}

// FindString gives the offset of a string. The empty one is at offset 0, also where the base has no strings.
func (b *Base) FindString(s []byte) (uint32, bool) { return b.findString(s, hashName(s)) }

func (b *Base) findString(s []byte, hash uint64) (uint32, bool) {
	if len(s) == 0 {
		return 0, true
	}
	b.findStrings()
	it := b.strings.find(hash)
	for off := it.next(); off != 0; off = it.next() {
		if rest := b.Strings[off:]; len(rest) > len(s) && rest[len(s)] == 0 && bytes.Equal(rest[:len(s)], s) {
			return off, true
		}
	}
	return 0, false
}

func (b *Base) indexStrings() {
	b.strings = newIDTable(bytes.Count(b.Strings, []byte{0}))
	for pos := 0; pos < len(b.Strings); {
		h, n, _ := hashCString(b.Strings, uint32(pos)) // the section ends with NUL
		if n > 0 {
			b.strings.insertWithin(h, uint32(pos), maxSameStrings)
		}
		pos += int(n) + 1
	}
}

// withHash lists the types with a cut hash; there is one, but for the handful whose tags are ambiguous in the base.
func (b *Base) withHash(h Hash, to []uint32) []uint32 {
	it := b.byHash.find(h.lo)
	for id := it.next(); id != 0; id = it.next() {
		if b.hash[id] == h {
			to = append(to, id)
		}
	}
	return to
}

// withTag lists the definitions of a tag, and the forward declarations of it, in the order of their ids.
func (b *Base) withTag(c tagClass, name []byte, hash uint64, to []uint32) []uint32 {
	it := b.byTag.find(tagHash(c, hash).lo)
	for id := it.next(); id != 0; id = it.next() {
		inf := b.info(id)
		if tagClassOf(infoKind(inf), infoFlag(inf)) != c {
			continue
		}
		if s, err := b.str(le32(b.Types[b.off[id]:])); err == nil && bytes.Equal(s, name) {
			to = append(to, id)
		}
	}
	return to
}

// sharesTag tells whether the base may have other definitions of a type's tag, or declarations of it. hash is that of the tag.
func (b *Base) sharesTag(id uint32, hash Hash) bool {
	it := b.byTag.find(hash.lo)
	for other := it.next(); other != 0; other = it.next() {
		if other != id && b.sameString(le32(b.Types[b.off[other]:]), le32(b.Types[b.off[id]:])) {
			return true
		}
	}
	return false
}

// sameString compares two strings, which most bases have only once.
func (b *Base) sameString(x, y uint32) bool {
	if x == y {
		return true
	}
	s, err := b.str(x)
	if err != nil || !bytes.HasPrefix(b.Strings[y:], s) {
		return false
	}
	rest := b.Strings[y:][len(s):]
	return len(rest) > 0 && rest[0] == 0
}

// refsOf lists the references of a type, in the order of Module.refsOf.
func (b *Base) refsOf(id uint32, to []uint32) []uint32 {
	r := b.record(id)
	r.eachRef(func(at int) { to = append(to, le32(r[at:])) })
	return to
}

// declares tells whether a type only declares its tag: a FWD, or an enum without enumerators.
func (b *Base) declares(id uint32) bool {
	inf := b.info(id)
	switch infoKind(inf) {
	case KindFwd:
		return true
	case KindEnum, KindEnum64:
		return infoVlen(inf) == 0
	}
	return false
}

// leadsToDeclaration tells whether references from a type lead to a FWD without passing through a tag. known has what was found out.
func (b *Base) leadsToDeclaration(id uint32, known map[uint32]bool) bool {
	if leads, ok := known[id]; ok || id == 0 {
		return leads
	}
	known[id] = false // as far as a cycle is concerned, which only a forged base file has
	inf := b.info(id)
	if infoKind(inf) == KindFwd {
		known[id] = true
	} else if le32(b.Types[b.off[id]:]) == 0 || tagClassOf(infoKind(inf), infoFlag(inf)) == notTag {
		known[id] = slices.ContainsFunc(b.refsOf(id, nil), func(ref uint32) bool { return b.leadsToDeclaration(ref, known) })
	}
	return known[id]
}

// baseHasher computes cut hashes depth first.
type baseHasher struct {
	base   *Base
	state  []byte // 0: not seen, 1: being visited, 2: done
	noName uint64
}

func (h *baseHasher) name(off uint32) (uint64, error) {
	if off == 0 {
		return h.noName, nil
	}
	sum, _, ok := hashString(h.base.Strings, off)
	if !ok {
		return 0, h.base.noString(off)
	}
	return sum, nil
}

// ref gives what a reference contributes.
func (h *baseHasher) ref(id uint32, depth int) (Hash, error) {
	if id == 0 {
		return voidHash, nil
	}
	if id >= uint32(len(h.base.off)) {
		return Hash{}, fmt.Errorf("reference to type %d of %d", id, len(h.base.off)-1)
	}
	t := h.base.Types[h.base.off[id]:]
	if name := le32(t); name != 0 {
		inf := le32(t[4:])
		if c := tagClassOf(infoKind(inf), infoFlag(inf)); c != notTag {
			n, err := h.name(name)
			return tagHash(c, n), err
		}
	}
	err := h.visit(id, depth+1)
	return h.base.hash[id], err
}

func (h *baseHasher) visit(id uint32, depth int) error {
	switch h.state[id] {
	case 2:
		return nil
	case 1:
		return fmt.Errorf("type %d refers to itself without passing through a name", id)
	}
	if depth > maxNesting {
		return fmt.Errorf("types nest more than %d deep", maxNesting)
	}
	h.state[id] = 1
	t := h.base.Types[h.base.off[id]:]
	inf, number := le32(t[4:]), le32(t[8:])
	nameHash, err := h.name(le32(t))
	if err != nil {
		return err
	}
	tail := t[typeSize:]
	vlen := infoVlen(inf)
	kind := infoKind(inf)
	refersBy := false // size_type is a reference
	switch kind {
	case KindPtr, KindTypedef, KindVolatile, KindConst, KindRestrict, KindFunc, KindFuncProto, KindVar, KindDeclTag, KindTypeTag:
		refersBy, number = true, 0
	case KindArray, KindFwd:
		number = 0
	}
	sum := begin(inf, nameHash, number)
	if refersBy {
		r, err := h.ref(le32(t[8:]), depth)
		if err != nil {
			return err
		}
		sum.addHash(r)
	}
	switch kind {
	case KindInt, KindVar, KindDeclTag:
		sum.add(0, uint64(le32(tail)))
	case KindArray:
		elem, err := h.ref(le32(tail), depth)
		if err != nil {
			return err
		}
		index, err := h.ref(le32(tail[4:]), depth)
		if err != nil {
			return err
		}
		sum.addHash(elem)
		sum.addHash(index)
		sum.add(0, uint64(le32(tail[8:])))
	case KindStruct, KindUnion:
		for i := 0; i < vlen; i, tail = i+1, tail[12:] {
			n, err := h.name(le32(tail))
			if err != nil {
				return err
			}
			r, err := h.ref(le32(tail[4:]), depth)
			if err != nil {
				return err
			}
			sum.addPart(n, uint64(le32(tail[8:])), r)
		}
	case KindEnum, KindEnum64:
		wide := kind == KindEnum64
		for i := 0; i < vlen; i++ {
			n, err := h.name(le32(tail))
			if err != nil {
				return err
			}
			v := uint64(le32(tail[4:]))
			if wide {
				v, tail = binary.LittleEndian.Uint64(tail[4:]), tail[12:]
			} else {
				tail = tail[8:]
			}
			sum.add(n, v)
		}
	case KindFuncProto:
		for i := 0; i < vlen; i, tail = i+1, tail[8:] {
			n, err := h.name(le32(tail))
			if err != nil {
				return err
			}
			r, err := h.ref(le32(tail[4:]), depth)
			if err != nil {
				return err
			}
			sum.addPart(n, 0, r)
		}
	case KindDatasec: // is not looked for, but what refers to it may be followed
		for i := 0; i < vlen; i, tail = i+1, tail[12:] {
			if _, err := h.ref(le32(tail), depth); err != nil {
				return err
			}
		}
	}
	h.base.hash[id] = sum
	h.state[id] = 2
	return nil
}
