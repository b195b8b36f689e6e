// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package btf builds BTF, the kernel's compact type information (Documentation/bpf/btf.rst), and
// splits it against a base.
//
// Types arrive unit by unit as flat arrays (Unit) and are collected by content (Module). Those that
// the base (Base) does not have are written (Module.Marshal). Equality of types is defined in
// cuthash.go.
package btf

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Kind is BTF_KIND_* (btf.rst, section 2.2).
type Kind uint8

const (
	KindVoid Kind = iota
	KindInt
	KindPtr
	KindArray
	KindStruct
	KindUnion
	KindEnum
	KindFwd
	KindTypedef
	KindVolatile
	KindConst
	KindRestrict
	KindFunc
	KindFuncProto
	KindVar
	KindDatasec
	KindFloat
	KindDeclTag
	KindTypeTag
	KindEnum64
	numKinds
)

var kindNames = [numKinds]string{"VOID", "INT", "PTR", "ARRAY", "STRUCT", "UNION", "ENUM", "FWD",
	"TYPEDEF", "VOLATILE", "CONST",
	"RESTRICT", "FUNC", "FUNC_PROTO", "VAR", "DATASEC", "FLOAT", "DECL_TAG", "TYPE_TAG", "ENUM64"}

func (k Kind) String() string {
	if k < numKinds {
		return kindNames[k]
	}
	return fmt.Sprintf("KIND(%d)", uint8(k))
}

// Encodings of an INT (btf.rst, section 2.2.1).
const (
	IntSigned = 1
	IntChar   = 2
	IntBool   = 4
)

// Linkage of a VAR (btf.rst, section 2.2.14). A FUNC always has linkage 0 (static), as in pahole's
// output.
const (
	VarStatic = 0
	VarGlobal = 1
)

// Limits of the kernel (include/uapi/linux/btf.h), for base and split BTF together.
const (
	MaxTypeID     = 0xfffff  // type ids
	MaxNameOffset = 0xffffff // bytes of strings
	maxVlen       = 0xffff   // elements of a type; 7.2 reads 24 bits, older kernels 16
)

const (
	magic      = 0xeb9f
	headerSize = 24 // bytes
	// layoutHeaderSize is the size of a header with the offset and size of the layout (7.2), in bytes.
	layoutHeaderSize = headerSize + 8
	typeSize         = 12 // of struct btf_type, bytes
)

// info packs kind, vlen and kind_flag (btf.rst, section 2.2).
func info(k Kind, vlen int, kindFlag bool) uint32 {
	v := uint32(k)<<24 | uint32(vlen)
	if kindFlag {
		v |= 1 << 31
	}
	return v
}

func infoKind(v uint32) Kind   { return Kind(v >> 24 & 0x1f) }
func infoVlen(v uint32) int    { return int(v & 0xffffff) }
func infoFlag(v uint32) bool   { return v>>31 != 0 }
func le32(b []byte) uint32     { return binary.LittleEndian.Uint32(b) }
func put32(b []byte, v uint32) { binary.LittleEndian.PutUint32(b, v) }

// kindLayout is the number of bytes that follow a struct btf_type: once, and for each of its vlen
// elements.
var kindLayout = [numKinds]struct{ once, each uint8 }{
	KindInt:       {4, 0},
	KindArray:     {12, 0},
	KindStruct:    {0, 12},
	KindUnion:     {0, 12},
	KindEnum:      {0, 8},
	KindFuncProto: {0, 8},
	KindVar:       {4, 0},
	KindDatasec:   {0, 12},
	KindDeclTag:   {4, 0},
	KindEnum64:    {0, 12},
}

// tailSize returns the number of bytes that follow a struct btf_type, -1 for an unknown kind.
func tailSize(inf uint32) int {
	k := infoKind(inf)
	if k == KindVoid || k >= numKinds {
		return -1
	}
	return int(kindLayout[k].once) + int(kindLayout[k].each)*infoVlen(inf)
}

// typeEnd returns the end of the type that starts at pos; ok is false for an unknown kind, and for
// a truncated type.
func typeEnd(types []byte, pos int) (end int, ok bool) {
	left := len(types) - pos - typeSize
	if left < 0 {
		return 0, false
	}
	n := tailSize(le32(types[pos+4:]))
	return pos + typeSize + n, n >= 0 && n <= left
}

// Blob is the contents of a .BTF section. Types is in little-endian order, whatever the order of
// the file.
type Blob struct {
	Order   binary.ByteOrder // of the file
	Types   []byte
	Strings []byte
	Layout  bool // the sizes of the kinds follow the types

	sums *checksums // computed on first use
}

// ParseBlob checks the header of a .BTF section and locates types and strings (btf.rst, section 2).
// A big-endian types section is copied.
func ParseBlob(data []byte) (*Blob, error) {
	if len(data) < headerSize {
		return nil, fmt.Errorf("BTF of %d bytes is shorter than its header", len(data))
	}
	b := &Blob{}
	switch {
	case binary.LittleEndian.Uint16(data) == magic:
		b.Order = binary.LittleEndian
	case binary.BigEndian.Uint16(data) == magic:
		b.Order = binary.BigEndian
	default:
		return nil, fmt.Errorf("no BTF magic (found %#04x)", binary.LittleEndian.Uint16(data))
	}
	if data[2] != 1 {
		return nil, fmt.Errorf("BTF version %d, only version 1 is supported", data[2])
	}
	u32 := func(i int) uint64 { return uint64(b.Order.Uint32(data[i:])) }
	hdr := u32(4)
	if hdr < headerSize || hdr > uint64(len(data)) {
		return nil, fmt.Errorf("BTF header length %d of %d bytes", hdr, len(data))
	}
	body := data[hdr:]
	part := func(what string, off, n uint64) ([]byte, error) {
		if off > uint64(len(body)) || n > uint64(len(body))-off {
			return nil, fmt.Errorf("truncated BTF: %s at offset %d, %d bytes, in a body of %d",
				what, off, n, len(body))
		}
		return body[off : off+n : off+n], nil
	}
	var err error
	if b.Types, err = part("types", u32(8), u32(12)); err != nil {
		return nil, err
	}
	if b.Strings, err = part("strings", u32(16), u32(20)); err != nil {
		return nil, err
	}
	if n := len(b.Strings); n > 0 && b.Strings[n-1] != 0 {
		return nil, fmt.Errorf("malformed BTF: string section does not end with NUL")
	}
	b.Layout = hdr >= layoutHeaderSize && u32(28) > 0
	if b.Order == binary.ByteOrder(binary.BigEndian) {
		b.Types, err = swapTypes(b.Types, b.Order)
	}
	return b, err
}

// Marshal returns the contents of the .BTF section.
func (b *Blob) Marshal() ([]byte, error) { return marshal(b.Types, b.Strings, b.Order, b.Layout) }

// swapTypes returns a copy of a types section in the other byte order; from is its present order.
// All fields are 32 bits wide; ENUM64 values are two fields, low half first.
func swapTypes(types []byte, from binary.ByteOrder) ([]byte, error) {
	out := make([]byte, len(types))
	for pos := 0; pos < len(types); {
		if len(types)-pos < typeSize {
			return nil, fmt.Errorf("truncated BTF type at offset %d", pos)
		}
		n := tailSize(from.Uint32(types[pos+4:]))
		if n < 0 || n > len(types)-pos-typeSize {
			return nil, fmt.Errorf("malformed BTF type at offset %d", pos)
		}
		for end := pos + typeSize + n; pos < end; pos += 4 {
			put32(out[pos:], bits.ReverseBytes32(le32(types[pos:])))
		}
	}
	return out, nil
}

// marshal puts a header before types (little endian) and strings. With layout, the sizes in
// kindLayout are written between them, for readers that do not know all kinds (struct btf_layout,
// include/uapi/linux/btf.h of 7.2).
func marshal(types, strings []byte, order binary.ByteOrder, layout bool) ([]byte, error) {
	if order == binary.ByteOrder(binary.BigEndian) {
		var err error
		if types, err = swapTypes(types, binary.LittleEndian); err != nil {
			return nil, err
		}
	}
	header, sizes := headerSize, 0
	if layout {
		header, sizes = layoutHeaderSize, 4*len(kindLayout)
	}
	out := make([]byte, header, header+len(types)+sizes+len(strings))
	order.PutUint16(out, magic)
	out[2] = 1
	order.PutUint32(out[4:], uint32(header))
	order.PutUint32(out[8:], 0)
	order.PutUint32(out[12:], uint32(len(types)))
	order.PutUint32(out[16:], uint32(len(types)+sizes))
	order.PutUint32(out[20:], uint32(len(strings)))
	out = append(out, types...)
	if layout {
		order.PutUint32(out[24:], uint32(len(types)))
		order.PutUint32(out[28:], uint32(sizes))
		for _, k := range kindLayout {
			out = append(out, k.once, k.each, 0, 0) // no flags are defined
		}
	}
	return append(out, strings...), nil
}
