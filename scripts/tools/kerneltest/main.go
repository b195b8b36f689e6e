// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Kerneltest tests the encoder with a kernel. It encodes all modules of the kernel, replaces their
// BTF, boots the kernel in an emulator and loads them. Its exit status is 1 unless
//
//   - a test program passes in that kernel,
//   - the same modules load as with their original BTF,
//   - the BTF of each loaded module is under /sys/kernel/btf, byte for byte,
//   - the second check fails for modules whose BTF has another vmlinux as its base. Kernels with
//     MODULE_ALLOW_BTF_MISMATCH, such as Debian's, load them but publish no BTF.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/scripts/tools/kerneltest/guest"
	"github.com/kbtf/kbtf/scripts/tools/modules"
	"github.com/kbtf/kbtf/scripts/tools/qemu"
)

type options struct {
	encoding
	machine  qemu.Machine
	init     string
	tests    string
	modules  string
	consoles string
	jobs     int

	vmlinux []byte // .BTF of base
}

func main() {
	var o options
	flags := []struct {
		value       *string
		name, usage string
	}{
		{&o.base, "base", "vmlinux with BTF"},
		{&o.debug, "debug", "directory of the modules with DWARF"},
		{&o.modules, "modules", "directory of the modules to load"},
		{&o.machine.Kernel, "kernel", "kernel to boot"},
		{&o.init, "init", "init to boot it with"},
		{&o.tests, "tests", "test program to run in that kernel"},
		{&o.encoder, "encoder", "encoder under test"},
		{&o.scratch, "scratch", "directory for temporary files"},
		{&o.consoles, "consoles", "directory for the messages of the kernel"},
	}
	for _, f := range flags {
		pflag.StringVar(f.value, f.name, "", f.usage)
	}
	pflag.StringVar(&o.machine.Program, "qemu", "qemu-system-x86_64", "emulator")
	pflag.DurationVar(&o.machine.Limit, "limit", 10*time.Minute, "time limit of one boot")
	pflag.IntVarP(&o.jobs, "jobs", "j", 2, "modules to encode at a time")
	pflag.Parse()
	for _, f := range flags {
		if *f.value == "" || pflag.NArg() > 0 {
			fmt.Fprintln(os.Stderr, "usage: kerneltest FLAGS; flags without a default are required")
			pflag.PrintDefaults()
			os.Exit(2)
		}
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "kerneltest:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	var err error
	if o.vmlinux, err = modules.ReadBTF(o.base); err != nil {
		return err
	}
	shipped, err := o.readModules()
	if err != nil {
		return err
	}
	reference, err := o.load("shipped", shipped)
	if err != nil {
		return err
	}
	encoded, err := o.encodeAll(o.encoding, shipped)
	if err != nil {
		return err
	}
	outcomes, err := o.load("encoded", encoded)
	if err != nil {
		return err
	}
	faults := slices.Concat(unpublished(shipped, reference), unpublished(encoded, outcomes),
		differences(reference, outcomes))
	if len(faults) > 0 {
		const most = 20
		return fmt.Errorf("%d faults; the first are:\n%s",
			len(faults), strings.Join(faults[:min(most, len(faults))], "\n"))
	}

	wrong, err := o.withWrongBase(o.vmlinux)
	if err != nil {
		return err
	}
	mismatched, err := o.encodeAll(wrong, independent(shipped, outcomes))
	if err != nil {
		return err
	}
	outcomes, err = o.load("mismatched", mismatched)
	if err != nil {
		return err
	}
	if faults = unpublished(mismatched, outcomes); len(faults) == 0 || len(faults) != len(mismatched) {
		return fmt.Errorf("BTF for another vmlinux: refused for %d of %d modules instead of all",
			len(faults), len(mismatched))
	}
	return nil
}

// readModules returns the modules in load order.
func (o options) readModules() ([]*modules.Module, error) {
	paths, err := modules.Find(o.modules)
	if err != nil {
		return nil, err
	}
	list := make([]*modules.Module, len(paths))
	err = modules.InParallel(o.jobs, len(paths), func(i int) (err error) {
		list[i], err = modules.Read(o.modules, paths[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	return modules.LoadOrder(list)
}

// encodeAll returns the modules with the encoder's BTF.
func (o options) encodeAll(e encoding, list []*modules.Module) ([]*modules.Module, error) {
	began, size := time.Now(), 0
	encoded := make([]*modules.Module, len(list))
	err := modules.InParallel(o.jobs, len(list), func(i int) (err error) {
		encoded[i], err = e.encode(list[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, m := range encoded {
		size += len(m.BTF)
	}
	fmt.Printf("%-10s  %4d modules encoded, %d bytes of BTF, %s\n", "", len(encoded), size, since(began))
	return encoded, nil
}

// load boots the kernel and loads the modules. It writes the messages of the kernel to a file.
func (o options) load(what string, list []*modules.Module) ([]outcome, error) {
	initramfs := filepath.Join(o.scratch, "initramfs")
	tests, err := os.ReadFile(o.tests)
	if err != nil {
		return nil, err
	}
	if err := qemu.WriteInitramfs(initramfs, o.init, list, map[string][]byte{guest.Tests: tests}); err != nil {
		return nil, err
	}
	began := time.Now()
	console, err := o.boot(initramfs, len(list))
	path := filepath.Join(o.consoles, what+".console")
	if err := os.MkdirAll(o.consoles, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, console.text, 0o644); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if console.vmlinux != guest.Sum(o.vmlinux) {
		return nil, fmt.Errorf("%s: its .BTF is not that of %s: fetch both again", o.base, o.machine.Kernel)
	}
	loaded, published := 0, 0
	for _, o := range console.outcomes {
		if o.Loaded() {
			loaded++
		}
		if o.Sum != "" {
			published++
		}
	}
	fmt.Printf("%-10s  %4d modules, %d loaded, %d published, %s\n", what, len(list), loaded, published, since(began))
	return console.outcomes, nil
}

func since(began time.Time) string { return fmt.Sprintf("%.0f s", time.Since(began).Seconds()) }
