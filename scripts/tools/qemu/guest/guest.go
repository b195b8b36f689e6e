// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package guest is the common part of the init programs of emulated machines.
package guest

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Paths in the initramfs, relative to the root, where init starts.
const (
	Order   = "order"   // names of the modules, one per line, in load order
	Modules = "modules" // directory of NAME.ko
)

// Module returns the path of a module.
func Module(name string) string { return Modules + "/" + name + ".ko" }

// ModuleNames returns the names of the modules in load order.
func ModuleNames() ([]string, error) {
	order, err := os.ReadFile(Order)
	return strings.Fields(string(order)), err
}

// Load loads a module.
func Load(name string) error {
	module, err := os.Open(Module(name))
	if err != nil {
		return err
	}
	defer module.Close()
	return unix.FinitModule(int(module.Fd()), "", 0)
}

// A Log is the kernel's log, which the host reads.
type Log struct{ kmsg *os.File }

// Start mounts devtmpfs, proc and sysfs, and opens the log.
func Start() (*Log, error) {
	for _, mount := range [][2]string{{"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"}} {
		if err := unix.Mount(mount[0], mount[1], mount[0], 0, ""); err != nil {
			return nil, fmt.Errorf("mounting %s: %w", mount[1], err)
		}
	}
	kmsg, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0)
	return &Log{kmsg}, err
}

// Report writes a line. The kernel does not interleave its own messages with it.
func (l *Log) Report(line any) error {
	_, err := fmt.Fprintf(l.kmsg, "<4>%v\n", line) // <4>: a warning
	return err
}
