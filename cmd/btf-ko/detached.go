// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/kbtf/kbtf/internal/replace"
)

// writeDetached writes raw BTF: a regular file is replaced when all of it is there, so that a full disk leaves what was there before.
func writeDetached(path string, blob []byte) error {
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return writeError(path, os.WriteFile(path, blob, 0o644)) // /dev/stdout and the like
	}
	return writeError(path, replace.File(path, blob))
}

// writeError puts the file's name in front of an error, instead of the operation's.
func writeError(path string, err error) error {
	if err != nil {
		err = fmt.Errorf("%s: cannot write: %w", path, pathless(err))
	}
	return err
}

// pathless is an error without the operation and the path that it may begin with.
func pathless(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
