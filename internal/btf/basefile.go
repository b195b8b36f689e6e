// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/bits"
	"slices"
	"unsafe"
)

// A base file holds a base and its index, to be mapped and used in place: building the index takes
// longer than encoding a small module. A base file replaces the base (OpenBaseFile) or only adds
// the index to it (NewIndexedBase). Numbers are little endian; sections start at multiples of 64
// bytes, in this order:
//
//	header | types | strings | off | hash | byHash | byTag | strings table
//
// A file that is damaged, truncated, of another version or of another base is detected before its
// contents are used.

const (
	baseFileMagic = "kbtf base file\n\x00"
	// BaseFileVersion is the version of the format. It also changes with Dialect and with the hash
	// functions.
	BaseFileVersion = 8
	baseFileAlign   = 64
	// baseFileStart is the offset of the first section, in bytes.
	baseFileStart = (baseFileHeaderSize + baseFileAlign - 1) &^ (baseFileAlign - 1)
)

// baseFileHeader is followed by zeros up to the first section.
type baseFileHeader struct {
	Magic    [16]byte
	Version  uint32
	Dialect  uint32 // bits, in the order of the fields of Dialect
	Machine  uint16 // Machine, Class and Data are those of Target
	Class    uint8
	Data     uint8
	Size     uint64    // of the file, in bytes
	Sections [7]uint64 // sizes in bytes
	Contents checksums
	Index    uint32 // CRC-32C of everything after types and strings
	Header   uint32 // CRC-32C of the fields above
}

const baseFileHeaderSize = 16 + 4 + 4 + 4 + 8 + 7*8 + 4*4

// checksums are CRC-32C.
type checksums struct{ Types, Strings uint32 }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Fingerprint returns a short identifier of the contents: 16 hex digits of CRC-32C.
func (b *Blob) Fingerprint() string {
	sums := b.checksums()
	return fmt.Sprintf("%08x%08x", sums.Types, sums.Strings)
}

func (b *Blob) checksums() checksums {
	if b.sums == nil {
		b.sums = &checksums{
			crc32.Checksum(b.Types, castagnoli),
			crc32.Checksum(b.Strings, castagnoli),
		}
	}
	return *b.sums
}

// File returns the contents of a base file for b.
func (b *Base) File() ([]byte, error) {
	if err := b.Ready(); err != nil {
		return nil, err
	}
	b.findStrings()
	h := baseFileHeader{
		Version: BaseFileVersion,
		Machine: uint16(b.Target.Machine), Class: uint8(b.Target.Class), Data: uint8(b.Target.Data),
	}
	copy(h.Magic[:], baseFileMagic)
	for i, f := range b.Dialect.fields() {
		if *f {
			h.Dialect |= 1 << i
		}
	}
	out := make([]byte, baseFileStart)
	var index int
	for i, section := range [][]byte{b.Types, b.Strings, littleEndian(b.off),
		littleEndian(words(b.hash)), littleEndian(b.byHash.slots),
		littleEndian(b.byTag.slots), littleEndian(b.strings.slots)} {
		if i == 2 {
			index = len(out)
		}
		h.Sections[i] = uint64(len(section))
		out = append(out, section...)
		out = append(out, make([]byte, -len(out)&(baseFileAlign-1))...)
	}
	h.Size = uint64(len(out))
	h.Contents = b.checksums()
	h.Index = crc32.Checksum(out[index:], castagnoli)
	h.seal()
	if _, err := binary.Encode(out, binary.LittleEndian, &h); err != nil {
		return nil, err
	}
	return out, nil
}

// seal computes the checksum of the header, and returns the previous value.
func (h *baseFileHeader) seal() (old uint32) {
	old = h.Header
	b, _ := binary.Append(nil, binary.LittleEndian, h) // fixed size: cannot fail
	h.Header = crc32.Checksum(b[:baseFileHeaderSize-4], castagnoli)
	return old
}

// IsBaseFile reports whether file starts with the magic of a base file.
func IsBaseFile(file []byte) bool { return bytes.HasPrefix(file, []byte(baseFileMagic)) }

// baseFile is a base file with a valid header.
type baseFile struct {
	baseFileHeader
	sections [7][]byte
	index    []byte // the bytes that Index is the checksum of
}

func readBaseFile(file []byte) (*baseFile, error) {
	var f baseFile
	h := &f.baseFileHeader
	if len(file) < baseFileHeaderSize {
		return nil, errors.New("truncated base file")
	}
	if _, err := binary.Decode(file, binary.LittleEndian, h); err != nil {
		return nil, err
	}
	version := h.Version
	if old := h.seal(); string(h.Magic[:]) != baseFileMagic ||
		version == BaseFileVersion && old != h.Header {
		return nil, errors.New("not a base file, or damaged")
	}
	if version != BaseFileVersion {
		return nil, fmt.Errorf("base file of version %d, expected %d", version, BaseFileVersion)
	}
	if h.Size != uint64(len(file)) {
		return nil, errors.New("truncated base file")
	}
	at := uint64(baseFileStart)
	for i, size := range h.Sections {
		if i == 2 {
			f.index = file[min(at, uint64(len(file))):]
		}
		if at > uint64(len(file)) || size > uint64(len(file))-at {
			return nil, errors.New("damaged base file")
		}
		f.sections[i] = file[at : at+size]
		at += size + -size&(baseFileAlign-1)
	}
	for _, table := range f.sections[4:] {
		slots := fromLittleEndian[uint32](table)
		// Lookups end at an empty slot
		if bits.OnesCount(uint(len(slots))) != 1 || !slices.Contains(slots, 0) {
			return nil, errors.New("damaged base file")
		}
	}
	if len(f.sections[3]) != 4*len(f.sections[2]) {
		return nil, errors.New("damaged base file")
	}
	return &f, nil
}

// newBase returns a Base that uses the index of f. The caller checks the index and closes indexed.
func (f *baseFile) newBase(path string, b *Blob) *Base {
	base := &Base{Blob: *b, Path: path, Indexed: true, indexed: make(chan struct{})}
	base.off = fromLittleEndian[uint32](f.sections[2])
	base.hash = hashes(fromLittleEndian[uint64](f.sections[3]))
	base.byHash.slots = fromLittleEndian[uint32](f.sections[4])
	base.byTag.slots = fromLittleEndian[uint32](f.sections[5])
	base.strings.slots = fromLittleEndian[uint32](f.sections[6])
	base.findStrings = func() {}
	for i, field := range base.Dialect.fields() {
		*field = f.Dialect>>i&1 != 0
	}
	return base
}

func (f *baseFile) checksum() uint32 { return crc32.Checksum(f.index, castagnoli) }

func (f *baseFile) indexIntact() bool { return f.checksum() == f.Index }

// OpenBaseFile opens a base file instead of the base that it was made from. The file must stay
// mapped. Checksums are verified in the background: Ready returns the result.
func OpenBaseFile(path string, file []byte) (*Base, error) {
	const remedy = "rebuild it with btf-ko base"
	f, err := readBaseFile(file)
	if err != nil {
		return nil, fmt.Errorf("base %s: %w: %s", path, err, remedy)
	}
	target := Target{elf.Machine(f.Machine), elf.Class(f.Class), elf.Data(f.Data)}
	base := f.newBase(path, &Blob{Order: target.Order(), Types: f.sections[0], Strings: f.sections[1]})
	base.Target = target
	base.inBackground(func() error {
		if base.checksums() != f.Contents || !f.indexIntact() {
			return fmt.Errorf("base %s: damaged base file: %s", path, remedy)
		}
		return nil
	}, base.findStrings)
	return base, nil
}

// BaseFileBTF returns the BTF in a base file, in the byte order of its target.
func BaseFileBTF(path string, file []byte) ([]byte, Target, error) {
	base, err := OpenBaseFile(path, file)
	if err != nil {
		return nil, Target{}, err
	}
	if err := base.Ready(); err != nil {
		return nil, Target{}, err
	}
	raw, err := marshal(base.Types, base.Strings, base.Order, false)
	return raw, base.Target, err
}

// errOtherBase is the error of a base file that was made from another base.
var errOtherBase = errors.New("base file of another base")

// NewIndexedBase opens a base with the index from a base file. If it returns an error, the file
// cannot be used; the caller may fall back on NewBase. Both must stay mapped. Checksums are
// verified in the background; if they do not match, the index is rebuilt.
func NewIndexedBase(path string, b *Blob, file []byte) (*Base, error) {
	f, err := readBaseFile(file)
	if err != nil {
		return nil, err
	}
	if len(f.sections[0]) != len(b.Types) || len(f.sections[1]) != len(b.Strings) {
		return nil, errOtherBase
	}
	base := f.newBase(path, b)
	base.inBackground(func() error {
		if base.checksums() != f.Contents || !f.indexIntact() {
			return base.rebuild()
		}
		return nil
	}, base.findStrings)
	return base, nil
}

// rebuild replaces an index that is damaged, or of another base.
func (b *Base) rebuild() error {
	fresh := &Base{Blob: b.Blob, Path: b.Path}
	if err := fresh.findTypes(); err != nil {
		return err
	}
	fresh.detectDialect()
	if fresh.Dialect != b.Dialect { // the module is already being read in the old dialect
		return fmt.Errorf("base %s: %w", b.Path, errOtherBase)
	}
	b.off, b.tags = fresh.off, fresh.tags
	b.indexStrings()
	return b.index()
}

// A Hash is two words.

func words(h []Hash) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Pointer(unsafe.SliceData(h))), 2*len(h))
}

func hashes(w []uint64) []Hash {
	return unsafe.Slice((*Hash)(unsafe.Pointer(unsafe.SliceData(w))), len(w)/2)
}

var hostIsLittleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// littleEndian returns the bytes of a slice in little-endian order: the memory itself on a
// little-endian host.
func littleEndian[T uint32 | uint64](s []T) []byte {
	if hostIsLittleEndian {
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), binary.Size(s))
	}
	b, _ := binary.Append(nil, binary.LittleEndian, s) // fails for other types only
	return b
}

// fromLittleEndian is the reverse of littleEndian. In a mapped file, b is aligned to 64 bytes.
func fromLittleEndian[T uint32 | uint64](b []byte) []T {
	n := len(b) / binary.Size(T(0))
	if hostIsLittleEndian {
		return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
	}
	s := make([]T, n)
	_, _ = binary.Decode(b, binary.LittleEndian, s)
	return s
}
