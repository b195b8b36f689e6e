// SPDX-License-Identifier: GPL-2.0-only

package encode

import (
	"fmt"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/bzimage"
	"github.com/kbtf/kbtf/internal/elfimage"
)

// LoadBase maps and indexes the BTF to split against. path is vmlinux or another ELF file with
// .BTF, raw BTF such as /sys/kernel/btf/vmlinux, a base file, or a bootable x86 kernel. The index
// comes from a base file next to it or from the cache, if there is one. The mappings stay for the
// life of the process.
func LoadBase(path string, cache BaseCache) (*btf.Base, error) {
	data, err := elfimage.MapFile(path)
	if err != nil {
		return nil, fmt.Errorf("base %w", err)
	}
	if btf.IsBaseFile(data) {
		return btf.OpenBaseFile(path, data)
	}
	if bzimage.Is(data) {
		if data, err = bzimage.Vmlinux(data); err != nil {
			return nil, fmt.Errorf("base %s: %w", path, err)
		}
	}
	if elfimage.IsELF(data) {
		img, err := elfimage.Parse(path, data)
		if err != nil {
			return nil, fmt.Errorf("base %w", err)
		}
		s := img.Section(".BTF")
		if s == nil || s.Size == 0 {
			return nil, fmt.Errorf("base %s: no .BTF section: "+
				"build vmlinux with CONFIG_DEBUG_INFO_BTF=y", path)
		}
		if data, err = img.Inflate(s); err != nil {
			return nil, fmt.Errorf("base %w", err)
		}
	}
	blob, err := btf.ParseBlob(data)
	if err != nil {
		return nil, fmt.Errorf("base %s: %w", path, err)
	}
	if base := cache.open(path, blob); base != nil {
		return base, nil
	}
	return btf.NewBase(path, blob)
}

// NoBase returns an empty base, to encode vmlinux or a module on its own.
func NoBase() *btf.Base {
	base, _ := btf.NewBase("none", &btf.Blob{}) // cannot fail: no contents
	base.Dialect = btf.Modern
	return base
}
