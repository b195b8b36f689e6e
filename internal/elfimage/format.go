// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfimage

import (
	"bytes"
	"fmt"
)

// otherFormats are formats of files that builds leave next to modules and vmlinux, or in their
// place. LLVM puts a wrapper around bitcode for some targets.
var otherFormats = []struct{ magic, name, fix string }{
	{"BC\xc0\xde", bitcode, linkFirst},
	{"\xde\xc0\x17\x0b", bitcode, linkFirst},
	{"\x0b\x17\xc0\xde", bitcode, linkFirst},
	{"!<arch>\n", archive, useLinked},
	{"!<thin>\n", archive, useLinked},
}

const (
	bitcode   = "LLVM bitcode (clang -flto)"
	archive   = "an archive of objects"
	linkFirst = "link it (ld.lld -r), or build without LTO"
	useLinked = "use the file that is linked from it"
)

// CheckFormat returns an error for a file in a known format that is neither ELF nor BTF.
func CheckFormat(path string, data []byte) error {
	for _, f := range otherFormats {
		if bytes.HasPrefix(data, []byte(f.magic)) {
			return fmt.Errorf("%s: %s, not an ELF file: %s", path, f.name, f.fix)
		}
	}
	return nil
}
