// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfverify

import (
	"errors"
	"fmt"
	"math/bits"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// form checks the fields that all records of a kind share.
func (v *verifier) form(r btfraw.Record) error {
	form := formOf(r)
	switch vlen := r.Vlen(); {
	case form.vlen == noVlen && vlen != 0:
		return fmt.Errorf("vlen %d, must be 0", vlen)
	case form.vlen == linkage && vlen > 1:
		return fmt.Errorf("linkage %d, must be 0 (static) or 1 (global)", vlen)
	}
	isTag := r.Kind() == btfraw.TypeTag || r.Kind() == btfraw.DeclTag
	switch {
	case !r.Flag() || form.flag || isTag && v.kernel.FlaggedTags:
	case isTag:
		return fmt.Errorf("kind_flag is set: %s does not support it for tags", v.kernel.Version)
	default:
		return errors.New("kind_flag is set")
	}
	if unsized.has(r.Kind()) && r.Size() != 0 {
		return fmt.Errorf("%d in size/type, must be 0", r.Size())
	}
	return nil
}

// contents checks the numbers that are specific to a kind.
func (v *verifier) contents(r btfraw.Record) error {
	switch r.Kind() {
	case btfraw.Int:
		return integer(r)
	case btfraw.Float:
		switch r.Size() {
		case 2, 4, 8, 12, 16:
		default:
			return fmt.Errorf("size %d, must be 2, 4, 8, 12 or 16", r.Size())
		}
	case btfraw.Enum, btfraw.Enum64:
		if n := r.Size(); n > 8 || bits.OnesCount32(n) != 1 {
			return fmt.Errorf("size %d, must be 1, 2, 4 or 8", n)
		}
	case btfraw.Struct, btfraw.Union:
		return members(r)
	case btfraw.Var:
		if n := r.Extra(); n > 1 {
			return fmt.Errorf("linkage %d, must be 0 (static) or 1 (global)", n)
		}
	case btfraw.Datasec:
		return variables(r)
	case btfraw.DeclTag:
		if n := int32(r.Extra()); n < -1 {
			return fmt.Errorf("component %d, must be -1 or a number", n)
		}
	}
	return nil
}

// integer checks an INT's encoding, bit offset and bits (btf.rst, section 2.2.1).
func integer(r btfraw.Record) error {
	v := r.Extra()
	encoding, offset, n := v>>24, v>>16&0xff, v&0xff
	switch {
	case v&0xf000ff00 != 0:
		return fmt.Errorf("encoding %#x has unknown bits", v)
	case encoding > 4 || bits.OnesCount32(encoding) > 1:
		return fmt.Errorf("encoding %d, must be 0, 1 (signed), 2 (char) or 4 (bool)", encoding)
	case offset+n > 128:
		return fmt.Errorf("%d bits at %d: more than 128", n, offset)
	case uint64(offset+n) > 8*uint64(r.Size()):
		return fmt.Errorf("%d bits at %d in %d bytes", n, offset, r.Size())
	}
	return nil
}

// members checks the offsets of members, which must be in ascending order.
func members(r btfraw.Record) error {
	last := uint32(0)
	for i := range r.Vlen() {
		offset := r.Member(i).Offset
		switch {
		case r.Kind() == btfraw.Union && offset != 0:
			return fmt.Errorf("%s: bit offset %d in a union", member(r, i), offset)
		case offset < last:
			return fmt.Errorf("%s: bit offset %d, and the one before has %d", member(r, i), offset, last)
		case (uint64(offset)+7)/8 > uint64(r.Size()):
			return fmt.Errorf("%s: bit offset %d in a struct of %d bytes", member(r, i), offset, r.Size())
		}
		last = offset
	}
	return nil
}

// member names a member for messages.
func member(r btfraw.Record, i int) string {
	if name := str(r.BTF, r.Item(i, 0)); name != "" {
		return fmt.Sprintf("member %d %q", i, name)
	}
	return fmt.Sprintf("member %d", i)
}

// variables checks where the variables of a DATASEC are: in the order of their addresses, and
// without overlap.
func variables(r btfraw.Record) error {
	if r.Size() == 0 {
		return errors.New("size 0")
	}
	end := uint64(0)
	for i := range r.Vlen() {
		at := r.Variable(i)
		offset, n := uint64(at.Offset), uint64(at.Size)
		switch {
		case n == 0:
			return fmt.Errorf("variable %d: size 0", i)
		case offset < end:
			return fmt.Errorf("variable %d at %d: the one before ends at %d", i, offset, end)
		case offset+n > uint64(r.Size()):
			return fmt.Errorf("variable %d at %d, %d bytes, in a section of %d", i, offset, n, r.Size())
		}
		end = offset + n
	}
	return nil
}
