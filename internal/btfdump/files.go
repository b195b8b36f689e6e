// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfdump

import (
	"fmt"

	"github.com/kbtf/kbtf/internal/btffile"
	"github.com/kbtf/kbtf/internal/btfraw"
	"github.com/kbtf/kbtf/internal/btfverify"
)

// Read returns the BTF of a file, for Raw. Its base is its .BTF.base or else the file basePath; it
// has none if basePath is "". With a wrong base, types and names are wrong: see ReadSound.
func Read(f *btffile.File, basePath string) (*btfraw.BTF, error) {
	return readOver(f, basePath, btfraw.Read)
}

// ReadSound is like Read, for C, but refuses BTF that btfverify refuses for the newest kernel.
func ReadSound(f *btffile.File, basePath string) (*btfraw.BTF, error) {
	kernel, err := btfverify.KernelOf("")
	if err != nil {
		return nil, err
	}
	sound, err := readOver(f, basePath, func(raw []byte, base *btfverify.BTF) (*btfverify.BTF, error) {
		b, problems := btfverify.Verify(raw, base, kernel)
		if len(problems) > 0 {
			return nil, fmt.Errorf("%v", problems[0])
		}
		return b, nil
	})
	if err != nil {
		return nil, err
	}
	return sound.BTF, nil
}

// readOver parses the base, if there is one, and then the file.
func readOver[BTF any](f *btffile.File, basePath string,
	parse func(raw []byte, base *BTF) (*BTF, error)) (*BTF, error) {
	rawBase, name := f.Base, f.Path+": .BTF.base"
	if rawBase == nil && basePath != "" {
		file, err := btffile.OpenBase(basePath) // stays mapped
		if err != nil {
			return nil, err
		}
		if err := f.CheckBase(file); err != nil {
			return nil, err
		}
		rawBase, name = file.BTF, "base "+basePath
	}
	var base *BTF
	if rawBase != nil {
		var err error
		if base, err = parse(rawBase, nil); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if btffile.CarriesBase(f.Path) {
		base = nil // not split against it
	}
	b, err := parse(f.BTF, base)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	return b, nil
}
