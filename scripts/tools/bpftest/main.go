// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Bpftest boots a kernel whose init checks that BPF programs can use the BTF of its modules, and
// prints the results. Its exit status is 1 if a check fails.
package main

import (
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
	pflag.StringVar(&o.initramfs, "initramfs", "", "file to write the initramfs to")
	pflag.StringVar(&o.console, "console", "", "file for the messages of the kernel")
	pflag.BoolVar(&o.withoutModBTF, "no-module-btf", false, "the kernel does not support BTF of modules")
	pflag.StringVar(&o.machine.Program, "qemu", "qemu-system-x86_64", "emulator")
	pflag.DurationVar(&o.machine.Limit, "limit", 5*time.Minute, "time limit of the boot")
	pflag.Parse()
	o.modules = pflag.Args()
	if o.machine.Kernel == "" || o.init == "" || o.programs == "" || o.initramfs == "" || o.console == "" {
		fmt.Fprintln(os.Stderr, "usage: bpftest FLAGS MODULE...; flags without a default are required")
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
	files := make(map[string][]byte)
	if files[guest.Programs], err = os.ReadFile(o.programs); err != nil {
		return err
	}
	if o.withoutModBTF {
		files[guest.NoModuleBTF] = nil
	}
	return qemu.WriteInitramfs(o.initramfs, o.init, list, files)
}
