// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfimage

import (
	"bytes"
	"debug/elf"
	"fmt"

	"github.com/kbtf/kbtf/internal/patherr"
	"github.com/kbtf/kbtf/internal/replace"
)

// Overwrite replaces the contents of a section by others of the same size, and changes nothing else in the
// file. It is for sections that are mapped from where they are, as those of vmlinux. The file is
// copied: on error, it is unchanged.
//
// The image still has the old contents of the file: close it.
func (img *Image) Overwrite(name string, contents []byte) error {
	st, err := img.checkChangeable()
	if err != nil {
		return err
	}
	s := img.Section(name)
	if s == nil || s.Type == elf.SHT_NOBITS {
		return fmt.Errorf("%s: no section %s", img.Path, name)
	}
	old, err := img.Contents(s)
	switch {
	case err != nil:
		return err
	case len(old) != len(contents):
		return fmt.Errorf("%s: %s has %d bytes, not %d", img.Path, name, len(old), len(contents))
	case bytes.Equal(old, contents):
		return nil
	}
	if err := replace.Part(img.Path, int64(s.Offset), contents, st); err != nil {
		return fmt.Errorf("%s: cannot replace: %w", img.Path, patherr.Cause(err))
	}
	return nil
}
