// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package patherr removes the operation and the path from errors of package os, for messages that
// name the file themselves.
package patherr

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Cause returns the error of the system call, without the operation and paths that package os adds.
// Other errors are returned unchanged.
func Cause(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return p.Err
	}
	if l := (*os.LinkError)(nil); errors.As(err, &l) {
		return l.Err
	}
	return err
}

// PathFirst drops the operation from an error, which then starts with the path. Errors without a
// path are returned unchanged.
func PathFirst(err error) error {
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return fmt.Errorf("%s: %w", p.Path, p.Err)
	}
	return err
}
