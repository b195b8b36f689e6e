// SPDX-License-Identifier: GPL-2.0-only

package btfverify

import (
	"bytes"
	"errors"
	"fmt"
)

// names checks a type's name and those of its members, values or parameters.
func (v *verifier) names(r record) error {
	if err := v.checkName(r.word(0), r.form().named); err != nil {
		return err
	}
	rule, what := noName, ""
	switch r.kind() {
	case Struct, Union:
		rule, what = maybeIdent, "member"
	case FuncProto:
		rule, what = maybeIdent, "parameter"
	case Enum, Enum64:
		rule, what = identifier, "value"
	default:
		return nil
	}
	for i := range r.vlen() {
		if err := v.checkName(r.word(r.item(i)), rule); err != nil {
			return fmt.Errorf("%s %d: %w", what, i, err)
		}
	}
	return nil
}

func (v *verifier) checkName(off uint32, rule nameRule) error {
	name, ok := v.name(off)
	if !ok {
		return fmt.Errorf("name at %#x: strings end at %#x", off, v.endOfStrings())
	}
	if err := v.beginsString(off); err != nil {
		return err
	}
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

// beginsString checks that a name is a whole string. A part of one would do by btf.rst, but no encoder writes it: the offset was
// meant for another base, or the base's strings had another length.
func (v *verifier) beginsString(off uint32) error {
	owner := v.stringsOf(off)
	at := off - owner.firstString
	if at == 0 || owner.strings[at-1] == 0 {
		return nil
	}
	from := at - min(at, maxNameLength)
	from += uint32(bytes.LastIndexByte(owner.strings[from:at], 0) + 1)
	return fmt.Errorf("name at %#x begins inside of %q: encoded against another base?", off, beginning(owner.strings[from:]))
}

// isIdentifier knows C's identifiers, and dots: kernels take them since 6.5, and 6.1 in its later releases.
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
