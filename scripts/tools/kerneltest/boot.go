// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kbtf/kbtf/scripts/tools/kerneltest/guest"
	"github.com/kbtf/kbtf/scripts/tools/modules"
	"github.com/kbtf/kbtf/scripts/tools/qemu"
)

// An outcome is what became of a module, and what the kernel said meanwhile.
type outcome struct {
	guest.Result
	messages []string
}

// initramfs writes what is booted, for init to load the modules in their order.
func (o options) initramfs(path string, list []*modules.Module) error {
	init, err := os.ReadFile(o.init)
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	buffer := bufio.NewWriter(file)
	archive := qemu.NewArchive(buffer)
	for _, directory := range []string{"dev", "proc", "sys", guest.Modules} {
		archive.Directory(directory)
	}
	archive.File("init", init)
	var order []byte
	for _, m := range list {
		order = fmt.Appendln(order, m.Name)
		archive.File(filepath.Join(guest.Modules, m.Name+".ko"), m.Data)
	}
	archive.File(guest.Order, order)
	if err := archive.Close(); err != nil {
		return err
	}
	return buffer.Flush()
}

// boot loads the modules of an initramfs. It returns the console in any case; without an
// error there is an outcome for each module.
func (o options) boot(initramfs string, modules int) (*console, error) {
	c := &console{modules: modules}
	err := o.machine.Boot(initramfs, c)
	switch {
	case c.ended && len(c.outcomes) == modules:
		return c, nil
	case c.ended:
		err = errors.New("the test kernel left some out")
	case err == nil:
		err = errors.New("the test kernel stopped")
	}
	return c, fmt.Errorf("%w, with %d modules tried; its last words:\n%s", err, len(c.outcomes), c.tail(20))
}

// A console takes in what the test kernel prints.
type console struct {
	modules  int    // that are to be tried
	vmlinux  string // sum of its BTF
	outcomes []outcome
	ended    bool // all were

	text     []byte
	read     int      // bytes of text
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
