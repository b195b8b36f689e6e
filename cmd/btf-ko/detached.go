// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"

	"github.com/kbtf/kbtf/internal/patherr"
	"github.com/kbtf/kbtf/internal/replace"
)

// writeDetached writes raw BTF. The file is unchanged if the disk is full.
func writeDetached(path string, blob []byte) error {
	return writeError(path, replace.File(path, blob))
}

// writeError prefixes an error with the file's name instead of the operation's.
func writeError(path string, err error) error {
	if err != nil {
		err = fmt.Errorf("%s: cannot write: %w", path, patherr.Cause(err))
	}
	return err
}
