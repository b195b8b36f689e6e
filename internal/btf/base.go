// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/kbtf/kbtf/internal/fault"
)

// Base is the BTF that a module is split against, read in place, with an index to find types and
// strings by content.
//
// Type ids are those of the file: 1 to NumTypes(); 0 is void.
type Base struct {
	Blob
	Path    string // for messages
	Target  Target // set by the opener, for CheckBase
	Dialect Dialect
	Indexed bool // the index comes from a base file: see NewIndexedBase

	tags int      // number of types in byTag
	off  []uint32 // off[id]: offset of type id in Types, in bytes; off[0] is not used

	// The index is built in the background while the module is read: see Ready.
	indexed  chan struct{}
	indexErr error
	hash     []Hash  // cut hash by id
	byHash   idTable // types other than FWD, VAR and DATASEC
	byTag    idTable // tagged types and forward declarations, by tagHash

	strings     idTable // offsets in Strings, by hashName
	findStrings func()  // fills strings, once
}

// maxNesting limits how deeply types nest without passing through a tag. C programs stay below 20;
// a cycle, which only a damaged file has, exceeds any limit.
const maxNesting = 1000

// A damaged base may repeat a type or a string many times; these limits bound the time to find one.
// Encoders write each string once, and each type once unless it refers to different types of one
// name.
const (
	maxSameHash    = 4096
	maxSameStrings = 256 // strings beyond the limit are not found, and are written again
)

// NewBase parses a base. A blob without types and strings is valid and stands for no base.
//
// NewBase returns when the types are located and the dialect is known. Ready returns the errors
// that are found later.
func NewBase(path string, b *Blob) (*Base, error) {
	base := &Base{Blob: *b, Path: path, indexed: make(chan struct{})}
	if len(b.Types) > 0 && (len(b.Strings) == 0 || b.Strings[0] != 0) {
		return nil, fmt.Errorf("base %s: split BTF of a module: pass vmlinux, or its base", path)
	}
	if err := base.findTypes(); err != nil {
		return nil, err
	}
	base.detectDialect()
	base.findStrings = sync.OnceFunc(base.indexStrings)
	base.inBackground(base.index, base.findStrings)
	return base, nil
}

// inBackground runs index, which builds or checks the index, and then the work that Ready does not
// wait for.
func (b *Base) inBackground(index func() error, then func()) {
	go func() {
		if b.indexErr = fault.Recover(index); errors.Is(b.indexErr, fault.ErrTruncated) {
			b.indexErr = fmt.Errorf("base %s: %w", b.Path, b.indexErr)
		}
		close(b.indexed)
		_ = fault.Recover(func() error { // findString gets the same error later
			then()
			return nil
		})
	}()
}

// Ready waits for the index and returns the error that building or checking it had.
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
		return fmt.Errorf("base %s: BTF type %d: more than %d equal types: not deduplicated",
			b.Path, id, maxSameHash)
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
				s, err := h.nameHash(name)
				if err != nil {
					return fmt.Errorf("base %s: BTF type %d: %w", b.Path, id, err)
				}
				if !b.byTag.insertWithin(tagHash(c, s).lo, id, maxSameHash) {
					return tooMany(id)
				}
			}
		}
		switch k {
		case KindFwd, KindVar, KindDatasec:
		default:
			if !b.byHash.insertWithin(b.hash[id].lo, id, maxSameHash) {
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
			return fmt.Errorf("base %s: BTF type %d: unknown kind, or truncated",
				b.Path, len(b.off))
		}
		b.off = append(b.off, uint32(pos))
		pos = end
	}
	if n := b.NumTypes(); n > MaxTypeID {
		return fmt.Errorf("base %s: %d BTF types, more than the kernel's limit of %d",
			b.Path, n, MaxTypeID)
	}
	return nil
}

// NumTypes returns the number of types without void. Ids of split BTF start at NumTypes()+1.
func (b *Base) NumTypes() int { return len(b.off) - 1 }

func (b *Base) info(id uint32) uint32 { return le32(b.Types[b.off[id]+4:]) }

func (b *Blob) str(off uint32) ([]byte, error) {
	if off < uint32(len(b.Strings)) {
		if n := bytes.IndexByte(b.Strings[off:], 0); n >= 0 {
			return b.Strings[off : off+uint32(n)], nil
		}
	}
	return nil, b.badString(off)
}

func (b *Blob) badString(off uint32) error {
	return fmt.Errorf("no string at offset %d of %d bytes", off, len(b.Strings))
}

// FindString returns the offset of a string in bytes. The empty string is at offset 0, even if the
// base has no strings.
func (b *Base) FindString(s []byte) (uint32, bool) { return b.findString(s, hashName(s)) }

func (b *Base) findString(s []byte, hash uint64) (uint32, bool) {
	if len(s) == 0 {
		return 0, true
	}
	b.findStrings()
	it := b.strings.find(hash)
	for off := it.next(); off != 0; off = it.next() {
		if rest := b.Strings[off:]; len(rest) > len(s) && rest[len(s)] == 0 &&
			bytes.Equal(rest[:len(s)], s) {
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

// typesByHash appends the types with a cut hash to the slice to. There is one, except for a handful
// of types that reach a tag with several definitions in the base.
func (b *Base) typesByHash(h Hash, to []uint32) []uint32 {
	it := b.byHash.find(h.lo)
	for id := it.next(); id != 0; id = it.next() {
		if b.hash[id] == h {
			to = append(to, id)
		}
	}
	return to
}

// typesByTag appends the definitions and forward declarations of a tag to the slice to, in the
// order of their ids.
func (b *Base) typesByTag(c tagClass, name []byte, hash uint64, to []uint32) []uint32 {
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

// sharesTag reports whether the base may have other definitions or declarations of a type's tag.
// hash is the tag's hash.
func (b *Base) sharesTag(id uint32, hash Hash) bool {
	it := b.byTag.find(hash.lo)
	for other := it.next(); other != 0; other = it.next() {
		if other != id && b.sameString(le32(b.Types[b.off[other]:]), le32(b.Types[b.off[id]:])) {
			return true
		}
	}
	return false
}

// sameString reports whether two offsets refer to equal strings. Most bases have each string once.
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

// refsOf appends the references of a type to the slice to, in the order of Module.refsOf.
func (b *Base) refsOf(id uint32, to []uint32) []uint32 {
	r := b.record(id)
	r.eachRef(func(at int) { to = append(to, le32(r[at:])) })
	return to
}

// declares reports whether a type only declares its tag: a FWD, or an enum without enumerators.
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

// reachesDeclaration reports whether references from a type lead to a FWD without passing through a
// tag. known caches the results.
func (b *Base) reachesDeclaration(id uint32, known map[uint32]bool) bool {
	if reaches, ok := known[id]; ok || id == 0 {
		return reaches
	}
	known[id] = false // for cycles, which only a forged base file has
	inf := b.info(id)
	if infoKind(inf) == KindFwd {
		known[id] = true
	} else if le32(b.Types[b.off[id]:]) == 0 || tagClassOf(infoKind(inf), infoFlag(inf)) == notTag {
		known[id] = slices.ContainsFunc(b.refsOf(id, nil),
			func(ref uint32) bool { return b.reachesDeclaration(ref, known) })
	}
	return known[id]
}
