// SPDX-License-Identifier: GPL-2.0-only

// Bpftest boots a kernel and lets BPF programs use the BTF of its modules. What is
// checked is said in init. It exits with status 1 unless all of it holds.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/scripts/tools/bpftest/guest"
	"github.com/kbtf/kbtf/scripts/tools/modules"
	"github.com/kbtf/kbtf/scripts/tools/qemu"
)

type options struct {
	machine        qemu.Machine
	init, programs string
	initramfs      string
	console        string
	withoutModBTF  bool
	modules        []string
}

func main() {
	var o options
	pflag.StringVar(&o.machine.Kernel, "kernel", "", "kernel to boot")
	pflag.StringVar(&o.init, "init", "", "init to boot it with")
	pflag.StringVar(&o.programs, "programs", "", "BPF programs, compiled")
	pflag.StringVar(&o.initramfs, "initramfs", "", "file for what is booted")
	pflag.StringVar(&o.console, "console", "", "file to keep what the kernel printed in")
	pflag.BoolVar(&o.withoutModBTF, "no-module-btf", false, "the kernel knows no BTF of modules")
	pflag.StringVar(&o.machine.Program, "qemu", "qemu-system-x86_64", "emulator")
	pflag.DurationVar(&o.machine.Limit, "limit", 5*time.Minute, "time that the boot may take")
	pflag.Parse()
	o.modules = pflag.Args()
	if o.machine.Kernel == "" || o.init == "" || o.programs == "" || o.initramfs == "" || o.console == "" {
		fmt.Fprintln(os.Stderr, "usage: bpftest FLAGS MODULE...; each that has no default is needed")
		pflag.PrintDefaults()
		os.Exit(2)
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bpftest:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	if err := o.writeInitramfs(); err != nil {
		return err
	}
	var console bytes.Buffer
	err := o.machine.Boot(o.initramfs, &console)
	if err := os.WriteFile(o.console, console.Bytes(), 0o644); err != nil {
		return err
	}
	failures, ended := 0, false
	for line := range strings.Lines(console.String()) {
		switch r, ok := guest.Parse(line); {
		case !ok:
		case r == guest.End:
			ended = true
		case r.Failure != "":
			fmt.Printf("FAIL  %s: %s\n", r.What, r.Failure)
			failures++
		default:
			fmt.Printf("ok    %s\n", r.What)
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("%w: see %s", err, o.console)
	case !ended:
		return fmt.Errorf("the test kernel stopped before the end: see %s", o.console)
	case failures > 0:
		return fmt.Errorf("%d checks failed: see %s", failures, o.console)
	}
	return nil
}

func (o options) writeInitramfs() error {
	var list []*modules.Module
	for _, path := range o.modules {
		m, err := modules.Read(filepath.Dir(path), filepath.Base(path))
		if err != nil {
			return err
		}
		list = append(list, m)
	}
	list, err := modules.LoadOrder(list)
	if err != nil {
		return err
	}
	file, err := os.Create(o.initramfs)
	if err != nil {
		return err
	}
	defer file.Close()
	buffer := bufio.NewWriter(file)
	archive := qemu.NewArchive(buffer)
	for _, directory := range []string{"dev", "proc", "sys", guest.Modules} {
		archive.Directory(directory)
	}
	for _, f := range []struct{ name, path string }{{"init", o.init}, {guest.Programs, o.programs}} {
		data, err := os.ReadFile(f.path)
		if err != nil {
			return err
		}
		archive.File(f.name, data)
	}
	if o.withoutModBTF {
		archive.File(guest.NoModuleBTF, nil)
	}
	var order []byte
	for _, m := range list {
		order = fmt.Appendln(order, m.Name)
		archive.File(guest.Module(m.Name), m.Data)
	}
	archive.File(guest.Order, order)
	if err := archive.Close(); err != nil {
		return err
	}
	return buffer.Flush()
}
