// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/kbtf/kbtf/scripts/tools/kerneltest/guest"
	"github.com/kbtf/kbtf/scripts/tools/modules"
)

// A machine boots a kernel with the test's init.
type machine struct {
	qemu, kernel, init string
	limit              time.Duration // for one boot
}

// An outcome is what became of a module, and what the kernel said meanwhile.
type outcome struct {
	guest.Result
	messages []string
}

// args are those of qemu. Nothing is taken from the host, neither KVM nor devices, as
// the same modules have to load wherever this runs.
func (vm machine) args(initramfs string) []string {
	return []string{
		"-accel", "tcg", "-machine", "q35", "-cpu", "max", "-smp", "1", "-m", "2G",
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio",
		"-kernel", vm.kernel, "-initrd", initramfs,
		// Shown are warnings and what init writes to the kernel's log.
		"-append", "console=ttyS0 loglevel=5 log_buf_len=16M printk.devkmsg=on panic=-1",
	}
}

// initramfs writes what is booted, for init to load the modules in their order.
func (vm machine) initramfs(path string, modules []*module) error {
	init, err := os.ReadFile(vm.init)
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	buffer := bufio.NewWriter(file)
	archive := cpioWriter{w: buffer}
	for _, directory := range []string{"dev", "proc", "sys", guest.Modules} {
		archive.directory(directory)
	}
	archive.file("init", init)
	var order []byte
	for _, m := range modules {
		order = fmt.Appendln(order, m.name)
		archive.file(filepath.Join(guest.Modules, m.name+".ko"), m.data)
	}
	archive.file(guest.Order, order)
	if err := archive.close(); err != nil {
		return err
	}
	return buffer.Flush()
}

// boot loads the modules of an initramfs. It returns the console in any case; without an
// error there is an outcome for each module.
func (vm machine) boot(initramfs string, modules int) (*console, error) {
	ctx, cancel := context.WithTimeout(context.Background(), vm.limit)
	defer cancel()
	c := &console{modules: modules}
	qemu := exec.CommandContext(ctx, vm.qemu, vm.args(initramfs)...)
	qemu.Stdout, qemu.Stderr = c, c
	err := qemu.Run()
	switch {
	case c.ended && len(c.outcomes) == modules:
		return c, nil
	case c.ended:
		err = errors.New("the test kernel left some out")
	case ctx.Err() != nil:
		err = fmt.Errorf("the test kernel is not done after %v", vm.limit)
	case err == nil:
		err = errors.New("the test kernel stopped")
	default:
		err = fmt.Errorf("%s: %w", vm.qemu, err)
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
