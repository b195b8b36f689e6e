// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Init is the first process of the test kernel. It runs the test program, loads the modules of the
// initramfs, and reports for each whether it is loaded, and the checksum of its BTF.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/kbtf/kbtf/scripts/tools/kerneltest/guest"
	machine "github.com/kbtf/kbtf/scripts/tools/qemu/guest"
)

func main() {
	if err := run(); err != nil {
		fmt.Println("init:", err)
	}
	// If this fails, the kernel panics as its init exits, and the host sees that.
	fmt.Println("init: power off:", unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF))
}

func run() error {
	log, err := machine.Start()
	if err != nil {
		return err
	}
	names, err := machine.ModuleNames()
	if err != nil {
		return err
	}
	tests := exec.Command("/"+guest.Tests, "-test.run", "RunningKernel")
	tests.Stdout, tests.Stderr = os.Stdout, os.Stdout
	if err := tests.Run(); err != nil {
		return fmt.Errorf("tests: %w", err)
	}
	vmlinux := guest.Result{Name: guest.Vmlinux}
	if vmlinux.Sum, err = btfSum(vmlinux.Name); err != nil {
		return err
	}
	if err := log.Report(vmlinux); err != nil {
		return err
	}
	for _, name := range names {
		result, err := load(name)
		if err != nil {
			return err
		}
		if err := log.Report(result); err != nil {
			return err
		}
	}
	return log.Report(guest.End)
}

func load(name string) (result guest.Result, err error) {
	result.Name = name
	if err := machine.Load(name); err != nil {
		if !errors.As(err, &result.Errno) {
			return result, err
		}
		return result, nil
	}
	result.Sum, err = btfSum(name)
	return result, err
}

// btfSum returns the checksum of the published BTF, or "" if there is none.
func btfSum(name string) (string, error) {
	btf, err := os.ReadFile(filepath.Join("/sys/kernel/btf", name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return guest.Sum(btf), err
}
