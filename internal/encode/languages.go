// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"fmt"
	"slices"
	"strings"
)

// Language is DW_LANG_* (DWARF 5, table 7.17, and later registrations).
type Language uint16

// Rust units are left out by the kernel's build files, because BTF cannot express much of Rust.
const Rust Language = 0x1c

// assembler is DW_LANG_Mips_Assembler, which all assemblers use. Functions in such units have no
// prototypes.
const assembler Language = 0x8001

// languageNames are the names that --lang_exclude accepts. Each stands for all versions of a
// language.
var languageNames = map[string][]Language{
	"asm":     {assembler},
	"c":       {0x02},
	"c89":     {0x01},
	"c99":     {0x0c},
	"c11":     {0x1d},
	"c17":     {0x2c},
	"c++":     cPlusPlus,
	"d":       {0x13},
	"fortran": {0x07, 0x08, 0x0e, 0x22, 0x23},
	"go":      {0x16},
	"rust":    {Rust},
	"zig":     {0x27},
}

// cPlusPlus units are always left out: C++ in a module is a vendor's internal code behind a C
// interface.
var cPlusPlus = []Language{0x04, 0x1a, 0x21, 0x2b, 0x3a}

// ParseLanguages parses a comma-separated list, as in "rust,asm". Case is ignored.
func ParseLanguages(list string) ([]Language, error) {
	var languages []Language
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.ToLower(strings.TrimSpace(name)); name == "" {
			continue
		}
		l, ok := languageNames[name]
		if !ok {
			known := make([]string, 0, len(languageNames))
			for name := range languageNames {
				known = append(known, name)
			}
			slices.Sort(known)
			return nil, fmt.Errorf("unknown language %q: known are %s",
				name, strings.Join(known, ", "))
		}
		languages = append(languages, l...)
	}
	return languages, nil
}
