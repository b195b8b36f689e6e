// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kbtf/kbtf/scripts/tools/encoder"
	"github.com/kbtf/kbtf/scripts/tools/modules"
)

// An encoding generates BTF for modules from their DWARF.
type encoding struct {
	encoder string // btf-ko
	base    string // vmlinux, or its raw BTF
	debug   string // directory of the modules with DWARF
	scratch string // directory for temporary files
}

// encode returns m with the encoder's BTF instead of its own, and with .BTF_ids filled in for that.
func (e encoding) encode(m *modules.Module) (*modules.Module, error) {
	path := filepath.Join(e.scratch, m.Name+".ko")
	if err := os.WriteFile(path, m.Data, 0o644); err != nil {
		return nil, err
	}
	defer os.Remove(path)
	args := append(encoder.Flags("6.12"), "--debug_file", filepath.Join(e.debug, m.Path))
	if err := encoder.RunInPlace(e.encoder, args, e.base, path); err != nil {
		return nil, err
	}
	encoded := *m
	var err error
	if encoded.Data, err = os.ReadFile(path); err != nil {
		return nil, err
	}
	encoded.BTF, err = modules.ReadBTF(path)
	return &encoded, err
}

// withWrongBase returns an encoding against another base than the BTF of vmlinux.
func (e encoding) withWrongBase(vmlinux []byte) (encoding, error) {
	wrong, err := wrongBase(vmlinux)
	if err != nil {
		return e, fmt.Errorf("%s: %w", e.base, err)
	}
	e.base = filepath.Join(e.scratch, "wrong-base.btf")
	return e, os.WriteFile(e.base, wrong, 0o644)
}

// wrongBase returns a base that is not the kernel's: it has one more type and one more string. In
// split BTF against it, each type has another id, and each string another offset. The string is
// longer than any symbol (KSYM_NAME_LEN), so at least the last name of each module is outside the
// kernel's string section.
func wrongBase(raw []byte) ([]byte, error) {
	const headerSize, intSize = 24, 16 // struct btf_header; struct btf_type and the encoding of an int
	le := binary.LittleEndian
	if len(raw) < headerSize || le.Uint16(raw) != 0xeb9f || le.Uint32(raw[4:]) != headerSize {
		return nil, fmt.Errorf("not BTF of a little-endian machine with a header of %d bytes", headerSize)
	}
	typesSize, stringsAt, stringsSize := le.Uint32(raw[12:]), le.Uint32(raw[16:]), le.Uint32(raw[20:])
	end := uint64(headerSize) + uint64(stringsAt) + uint64(stringsSize)
	if le.Uint32(raw[8:]) != 0 || stringsAt != typesSize || end != uint64(len(raw)) {
		return nil, fmt.Errorf("not a header, types and strings without gaps")
	}
	name := strings.Repeat("x", 512) + "\x00"
	const kindInt = 1
	var added []byte
	for _, word := range []uint32{stringsSize, kindInt << 24, 4, 32} { // name_off, info, size; bits
		added = le.AppendUint32(added, word)
	}
	types, names := raw[headerSize:headerSize+typesSize], raw[headerSize+stringsAt:]
	wrong := append([]byte(nil), raw[:headerSize]...)
	le.PutUint32(wrong[12:], typesSize+intSize)
	le.PutUint32(wrong[16:], stringsAt+intSize)
	le.PutUint32(wrong[20:], stringsSize+uint32(len(name)))
	for _, part := range [][]byte{types, added, names, []byte(name)} {
		wrong = append(wrong, part...)
	}
	return wrong, nil
}
