// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfverify

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// names checks a type's name and those of its members, values or parameters.
func (v *verifier) names(r btfraw.Record) error {
	if err := v.checkName(r.NameOffset(), formOf(r).named); err != nil {
		return err
	}
	rule, what := noName, ""
	switch r.Kind() {
	case btfraw.Struct, btfraw.Union:
		rule, what = maybeIdent, "member"
	case btfraw.FuncProto:
		rule, what = maybeIdent, "parameter"
	case btfraw.Enum, btfraw.Enum64:
		rule, what = identifier, "value"
	default:
		return nil
	}
	for i := range r.Vlen() {
		if err := v.checkName(r.Item(i, 0), rule); err != nil {
			return fmt.Errorf("%s %d: %w", what, i, err)
		}
	}
	return nil
}

func (v *verifier) checkName(off uint32, rule nameRule) error {
	if off >= v.EndOfStrings() {
		return fmt.Errorf("name at %#x: strings end at %#x", off, v.EndOfStrings())
	}
	if err := v.beginsString(off); err != nil {
		return err
	}
	name := beginning(v.Tail(off))
	switch {
	case rule == anyName || rule == maybeIdent && off == 0:
		return nil
	case rule == noName && off == 0:
		return nil
	case rule == noName:
		return fmt.Errorf("name %q, must have none", name)
	case len(name) == 0:
		return errors.New("no name")
	case rule == text:
		return nil
	case rule == section && v.kernel.AnySection:
		if !printable(name) {
			return fmt.Errorf("name %q cannot be printed", name)
		}
	case !isIdentifier(name):
		return fmt.Errorf("name %q is no identifier", name)
	}
	if len(name) > maxNameLength {
		return fmt.Errorf("name of more than %d bytes", maxNameLength)
	}
	return nil
}

// beginsString checks that a name is a whole string. btf.rst allows a part of one, but no encoder
// emits it: the offset belongs to another base, or the base's strings had another length.
func (v *verifier) beginsString(off uint32) error {
	owner := v.OwnerOf(off)
	at := off - owner.FirstString
	if at == 0 || owner.Strings[at-1] == 0 {
		return nil
	}
	from := at - min(at, maxNameLength)
	from += uint32(bytes.LastIndexByte(owner.Strings[from:at], 0) + 1)
	return fmt.Errorf("name at %#x begins inside %q: encoded against another base?",
		off, beginning(owner.Strings[from:]))
}

// nameOf returns the name of a type as str does.
func nameOf(r btfraw.Record) string { return str(r.BTF, r.NameOffset()) }

// str returns the string at a name offset, truncated where it exceeds the longest name: strings may
// overlap, and scanning many long ones would take too long. For an offset out of range it returns
// an empty string.
func str(b *btfraw.BTF, off uint32) string {
	if off >= b.EndOfStrings() {
		return ""
	}
	return string(beginning(b.Tail(off)))
}

// beginning returns a string up to its end, or until it is too long for a name.
func beginning(s []byte) []byte {
	s = s[:min(len(s), maxNameLength+1)]
	if n := bytes.IndexByte(s, 0); n >= 0 {
		s = s[:n]
	}
	return s
}

// isIdentifier reports whether a name is a C identifier, with dots allowed: kernels accept them
// since 6.5, and 6.1 in its later releases.
func isIdentifier(name []byte) bool {
	for i, c := range name {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c == '.'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return true
}

func printable(name []byte) bool {
	for _, c := range name {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
