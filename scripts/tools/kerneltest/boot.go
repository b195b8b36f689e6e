// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/kbtf/kbtf/scripts/tools/kerneltest/guest"
	"github.com/kbtf/kbtf/scripts/tools/modules"
)

// An outcome is the result for a module, with the messages of the kernel while it was loaded.
type outcome struct {
	guest.Result
	messages []string
}

// boot loads the modules of an initramfs. Also on errors it returns the console. Without an error,
// the console has an outcome for each module.
func (o options) boot(initramfs string, modules int) (*console, error) {
	c := &console{modules: modules}
	err := o.machine.Boot(initramfs, c)
	switch {
	case c.ended && len(c.outcomes) == modules:
		return c, nil
	case c.ended:
		err = errors.New("the test kernel skipped modules")
	case err == nil:
		err = errors.New("the test kernel stopped")
	}
	return c, fmt.Errorf("%w after %d modules; its last messages:\n%s", err, len(c.outcomes), c.tail(20))
}

// A console collects the output of the test kernel.
type console struct {
	modules  int    // number of modules to load
	vmlinux  string // checksum of its BTF
	outcomes []outcome
	ended    bool // the test kernel reported the end

	text     []byte
	read     int      // number of bytes of text that are parsed
	messages []string // since the last outcome
}

func (c *console) Write(p []byte) (int, error) {
	c.text = append(c.text, p...)
	for {
		line, _, whole := bytes.Cut(c.text[c.read:], []byte("\n"))
		if !whole {
			return len(p), nil
		}
		c.read += len(line) + 1
		c.line(string(bytes.TrimSpace(line)))
	}
}

func (c *console) line(line string) {
	result, ok := guest.Parse(line)
	switch {
	case strings.HasSuffix(line, guest.End):
		c.ended = true
	case ok && result.Name == guest.Vmlinux:
		c.vmlinux, c.messages = result.Sum, nil
	case ok:
		c.outcomes = append(c.outcomes, outcome{result, c.messages})
		c.messages = nil
		modules.Progress(len(c.outcomes), c.modules)
	case line != "":
		c.messages = append(c.messages, line)
	}
}

// tail returns the last lines.
func (c *console) tail(n int) string {
	lines := strings.Split(strings.TrimSpace(string(c.text)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
