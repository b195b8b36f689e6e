// SPDX-License-Identifier: GPL-2.0-only

// Kerneltest lets a kernel judge the encoder. It encodes all modules of a kernel, puts
// the BTF into the modules as they are shipped, boots the kernel in an emulator and loads
// them. It exits with status 1 unless
//
//   - the same modules load as with the BTF that they were shipped with,
//   - each module that loads has its BTF under /sys/kernel/btf, byte for byte,
//   - the second check fails for modules whose BTF was made for another vmlinux. A kernel
//     with MODULE_ALLOW_BTF_MISMATCH, as Debian's, loads them but publishes no BTF.
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
		{&o.encoder, "encoder", "encoder under test"},
		{&o.resolver, "resolver", "resolve_btfids of that kernel"},
		{&o.scratch, "scratch", "directory for temporary files"},
		{&o.consoles, "consoles", "directory to keep what the kernel printed in"},
	}
	for _, f := range flags {
		pflag.StringVar(f.value, f.name, "", f.usage)
	}
	pflag.StringVar(&o.machine.Program, "qemu", "qemu-system-x86_64", "emulator")
	pflag.DurationVar(&o.machine.Limit, "limit", 10*time.Minute, "time that one boot may take")
	pflag.IntVarP(&o.jobs, "jobs", "j", 2, "modules to encode at a time")
	pflag.Parse()
	for _, f := range flags {
		if *f.value == "" || pflag.NArg() > 0 {
			fmt.Fprintln(os.Stderr, "usage: kerneltest FLAGS; each that has no default is needed")
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
	faults := slices.Concat(unpublished(shipped, reference), unpublished(encoded, outcomes), differences(reference, outcomes))
	if len(faults) > 0 {
		const most = 20
		return fmt.Errorf("%d faults, of which the first are:\n%s", len(faults), strings.Join(faults[:min(most, len(faults))], "\n"))
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
		return fmt.Errorf("BTF for another vmlinux: the check failed for %d of %d modules; it should for all, and there should be some",
			len(faults), len(mismatched))
	}
	return nil
}

// readModules returns the modules in an order in which they can be loaded.
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

// encodeAll returns the modules with BTF that the encoder made.
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

// load boots the kernel and loads the modules. What the kernel prints is kept.
func (o options) load(what string, list []*modules.Module) ([]outcome, error) {
	initramfs := filepath.Join(o.scratch, "initramfs")
	if err := o.initramfs(initramfs, list); err != nil {
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
		return nil, fmt.Errorf("%s: its .BTF is not that of %s; get both anew", o.base, o.machine.Kernel)
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
