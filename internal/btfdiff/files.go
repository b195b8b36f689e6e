// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfdiff

import (
	"bytes"
	"fmt"

	"github.com/kbtf/kbtf/internal/btffile"
)

// Files compares two files over the base that both have: the file basePath, or their .BTF.base, or
// none.
func Files(a, b *btffile.File, basePath string) (*Explanation, error) {
	base, err := baseOf(a, b, basePath)
	if err != nil {
		return nil, err
	}
	// One after the other, so that an error has its file's name.
	for _, f := range []*btffile.File{a, b} {
		if err := base.Check(f.BTF); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	return base.Explain(a.BTF, b.BTF)
}

func baseOf(a, b *btffile.File, path string) (*Base, error) {
	raw, name := a.Base, a.Path+": .BTF.base"
	switch {
	case path != "":
		for _, f := range []*btffile.File{a, b} {
			if f.Base != nil {
				return nil, fmt.Errorf("%s: has .BTF.base: its .BTF is split against that, not against %s",
					f.Path, path)
			}
		}
		base, err := btffile.OpenBase(path) // stays mapped
		if err != nil {
			return nil, err
		}
		for _, f := range []*btffile.File{a, b} {
			if err := f.CheckBase(base); err != nil {
				return nil, err
			}
		}
		raw, name = base.BTF, "base "+path
	case !bytes.Equal(a.Base, b.Base):
		return nil, fmt.Errorf("%s, %s: not the same .BTF.base, and split against different bases",
			a.Path, b.Path)
	case a.Base == nil:
		return NoBase(), nil
	}
	base, err := NewBase(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return base, nil
}
