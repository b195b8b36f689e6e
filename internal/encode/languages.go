// SPDX-License-Identifier: GPL-2.0-only

package encode

import (
	"fmt"
	"slices"
	"strings"
)

// Language is DW_LANG_* (DWARF 5, table 7.17, and later registrations).
type Language uint16

// Rust is left out of a kernel's BTF by its build files: BTF has no words for much of it.
const Rust Language = 0x1c

// languageNames are the names that --lang_exclude takes; each stands for all versions of a language.
var languageNames = map[string][]Language{
	"asm":     {0x8001}, // DW_LANG_Mips_Assembler, which all assemblers use
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

// cPlusPlus is always left out: C++ in a module is a vendor's own code behind an interface in C.
var cPlusPlus = []Language{0x04, 0x1a, 0x21, 0x2b, 0x3a}

// ParseLanguages reads a list as in "rust,asm".
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
			return nil, fmt.Errorf("language %q is not known; known are %s", name, strings.Join(known, ", "))
		}
		languages = append(languages, l...)
	}
	return languages, nil
}
