// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package qemu writes initramfs archives and boots kernels with them.
package qemu

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"time"
)

// A Machine boots a kernel in an emulator.
type Machine struct {
	Program string // qemu-system-x86_64
	Kernel  string // bzImage
	Limit   time.Duration
}

// args returns qemu's arguments. Results must not depend on the host, so they use neither KVM nor
// devices of the host.
func (m Machine) args(initramfs string) []string {
	return []string{
		"-accel", "tcg", "-machine", "q35", "-cpu", "max", "-smp", "1", "-m", "2G",
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio",
		"-kernel", m.Kernel, "-initrd", initramfs,
		// The console has warnings and the lines that init writes to the kernel's log.
		"-append", "console=ttyS0 loglevel=5 log_buf_len=16M printk.devkmsg=on panic=-1",
	}
}

// Boot runs the kernel with an initramfs until it turns the machine off or restarts it.
func (m Machine) Boot(initramfs string, console io.Writer) error {
	ctx, cancel := context.WithTimeout(context.Background(), m.Limit)
	defer cancel()
	qemu := exec.CommandContext(ctx, m.Program, m.args(initramfs)...)
	qemu.Stdout, qemu.Stderr = console, console
	err := qemu.Run()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("the test kernel is still running after %v", m.Limit)
	case err != nil:
		return fmt.Errorf("%s: %w", m.Program, err)
	}
	return nil
}
