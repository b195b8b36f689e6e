// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"
	"os"

	"github.com/kbtf/kbtf/internal/patherr"
	"github.com/kbtf/kbtf/internal/replace"
)

// writeDetached writes raw BTF. A regular file is replaced atomically, so that it is unchanged if the
// disk is full.
func writeDetached(path string, blob []byte) error {
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return writeError(path, os.WriteFile(path, blob, 0o644)) // /dev/stdout and the like
	}
	return writeError(path, replace.File(path, blob))
}

// writeError prefixes an error with the file's name instead of the operation's.
func writeError(path string, err error) error {
	if err != nil {
		err = fmt.Errorf("%s: cannot write: %w", path, patherr.Cause(err))
	}
	return err
}
