// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package qemu

import (
	"fmt"
	"io"
)

// An Archive writes an initramfs in the "newc" format of
// Documentation/driver-api/early-userspace/buffer-format.rst, without links, devices, owners and
// times. Close returns the first error.
type Archive struct {
	w     io.Writer
	inode int
	err   error
}

// NewArchive returns an empty archive.
func NewArchive(w io.Writer) *Archive { return &Archive{w: w} }

const (
	cpioDirectory = 0o040755
	cpioFile      = 0o100755
)

// Directory adds a directory. Its files follow it.
func (c *Archive) Directory(name string) { c.entry(name, cpioDirectory, nil) }

// File adds an executable file.
func (c *Archive) File(name string, data []byte) { c.entry(name, cpioFile, data) }

// Close ends the archive.
func (c *Archive) Close() error {
	c.entry("TRAILER!!!", 0, nil)
	return c.err
}

func (c *Archive) entry(name string, mode int, data []byte) {
	c.inode++
	header := "070701"
	for _, field := range []int{c.inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0} {
		header += fmt.Sprintf("%08x", field)
	}
	c.padded([]byte(header + name + "\x00"))
	c.padded(data)
}

// padded writes data, padded with zeros to a multiple of 4 bytes.
func (c *Archive) padded(data []byte) {
	for _, part := range [][]byte{data, make([]byte, -len(data)&3)} {
		if c.err == nil {
			_, c.err = c.w.Write(part)
		}
	}
}
