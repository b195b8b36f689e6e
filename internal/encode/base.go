// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"fmt"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/btffile"
)

// LoadBase indexes the BTF to split against, in any file that btffile opens. The index comes from a
// base file, the one next to it or from the cache, if there is one. The mappings stay for the life of
// the process.
func LoadBase(path string, cache BaseCache) (*btf.Base, error) {
	file, err := btffile.OpenContents(path)
	if err != nil {
		return nil, btffile.BaseError(err)
	}
	if baseFile := file.BaseFile(); baseFile != nil {
		return btf.OpenBaseFile(path, baseFile)
	}
	data, target, err := file.BTF()
	if err != nil {
		return nil, btffile.BaseError(err)
	}
	blob, err := btf.ParseBlob(data)
	if err != nil {
		return nil, fmt.Errorf("base %s: %w", path, err)
	}
	base := cache.open(path, blob)
	if base == nil {
		if base, err = btf.NewBase(path, blob); err != nil {
			return nil, err
		}
	}
	base.Target = target
	return base, nil
}

// NoBase returns an empty base, to encode vmlinux or a module on its own.
func NoBase() *btf.Base {
	base, _ := btf.NewBase("none", &btf.Blob{}) // cannot fail: no contents
	base.Dialect = btf.Modern
	return base
}
