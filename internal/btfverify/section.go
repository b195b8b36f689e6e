// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfverify

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// A part is one of the section's: types, layout or strings.
type part struct {
	btfraw.Part
	name string
	at   int // of its offset in the header
}

// sections checks the header and finds types and strings; false if they cannot be found.
func (v *verifier) sections(raw []byte) bool {
	h, wrong := btfraw.ParseHeader(raw)
	if wrong != nil {
		v.refuse(wrong.Offset, "%s", wrong.Reason)
		return false
	}
	if v.base != nil && v.base.Order != h.Order {
		v.refuse(0, "not the byte order of the base")
		return false
	}
	if h.Version != 1 {
		v.refuse(btfraw.VersionAt, "version %d, only 1 is known", h.Version)
		return false
	}
	if h.Flags != 0 {
		v.refuse(btfraw.FlagsAt, "flags %#x, none is known", h.Flags)
	}
	if h.Length < btfraw.HeaderSize || uint64(h.Length) > uint64(len(raw)) {
		v.refuse(btfraw.HdrLenAt, "header of %d bytes: at least %d, in a section of %d",
			h.Length, btfraw.HeaderSize, len(raw))
		return false
	}
	if known := v.kernel.Header; h.Length > known && len(bytes.Trim(raw[known:h.Length], "\x00")) > 0 {
		v.refuse(int(known), "header of %d bytes: %s knows %d, and the others are not 0",
			h.Length, v.kernel.Version, known)
		return false
	}
	parts := []part{{h.Types, "types", btfraw.TypeOffAt}, {h.Strings, "strings", btfraw.StrOffAt}}
	if v.kernel.Header >= btfraw.LayoutOffAt+8 && h.Layout.Size > 0 {
		parts = append(parts, part{h.Layout, "layout", btfraw.LayoutOffAt})
	}
	if !v.parts(parts, len(raw)-int(h.Length)) {
		return false
	}
	v.BTF.BTF = btfraw.New(h, raw, v.base)
	if h.Types.Offset%4 != 0 {
		v.refuse(btfraw.TypeOffAt, "types begin at %d, not a multiple of 4", h.Types.Offset)
	}
	return v.checkStrings(v.StringsAt)
}

// parts checks that the parts fill the section one after the other, strings last.
func (v *verifier) parts(parts []part, size int) bool {
	slices.SortStableFunc(parts, func(a, b part) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.End(), b.End()))
	})
	end := uint64(0)
	for _, p := range parts {
		switch {
		case p.End() > uint64(size):
			v.refuse(p.at, "%s at %d, %d bytes: the section ends at %d", p.name, p.Offset, p.Size, size)
			return false
		case uint64(p.Offset) < end:
			v.refuse(p.at, "%s at %d: overlap with the part that ends at %d", p.name, p.Offset, end)
			return false
		case uint64(p.Offset) > end:
			v.refuse(p.at, "%s at %d: a gap from %d on", p.name, p.Offset, end)
			return false
		}
		end = p.End()
	}
	if end < uint64(size) {
		v.refuse(parts[len(parts)-1].at, "%d bytes follow the last part", uint64(size)-end)
		return false
	}
	if last := parts[len(parts)-1]; last.name != "strings" && last.Size > 0 {
		v.refuse(last.at, "%s after the strings, which must be last", last.name)
	}
	return true
}

// checkStrings checks the strings, which begin at a byte of the section; false if names cannot be
// looked up.
func (v *verifier) checkStrings(at int) bool {
	n := len(v.Strings)
	if n > 0 && v.Strings[n-1] != 0 {
		v.refuse(at+n-1, "the last string has no NUL")
		return false
	}
	if end := uint64(v.FirstString) + uint64(n); end > math.MaxUint32 || end > maxNameOffset+1 {
		v.refuse(at, "strings of %d bytes with the base's: names may not lie beyond %#x", end, maxNameOffset)
		return false
	}
	if v.base != nil {
		// btf.rst demands an empty string of BTF that stands alone; encoders of split BTF use the
		// base's.
		if n > 0 && v.Strings[0] == 0 {
			v.refuse(at, "the first string is empty: encoded without a base?")
			return false
		}
		return true
	}
	if n == 0 || v.Strings[0] != 0 {
		v.refuse(at, "the first string is not empty: split BTF without its base?")
		return false
	}
	if len(v.Types) == 0 {
		v.refuse(btfraw.TypeOffAt, "no types")
	}
	return true
}
