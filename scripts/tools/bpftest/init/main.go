// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Init is the only process of bpftest's kernel. It loads the modules of the initramfs, reads their
// BTF from the kernel, attaches BPF programs to their functions, runs the programs, and reports
// each result.
package main

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/kbtf/kbtf/scripts/tools/bpftest/guest"
	machine "github.com/kbtf/kbtf/scripts/tools/qemu/guest"
)

func main() {
	if err := run(); err != nil {
		fmt.Println("init:", err)
	}
	// Some kernels cannot turn the machine off. The emulator exits at a restart.
	fmt.Println("init: restart:", unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART))
}

func run() error {
	log, err := machine.Start()
	if err != nil {
		return err
	}
	report := func(r guest.Result) { _ = log.Report(r) } // the host notices missing results
	check := func(what string, err error) {
		r := guest.Result{What: what}
		if err != nil {
			r.Failure = strings.Join(strings.Fields(err.Error()), " ")
		}
		report(r)
	}

	names, err := machine.ModuleNames()
	if err != nil {
		return err
	}
	_, err = os.Stat(guest.NoModuleBTF)
	moduleBTF := err != nil

	check("vmlinux: its BTF is read from the kernel", readable("vmlinux", btf.LoadKernelSpec))
	for _, name := range names {
		check(name+": loads", machine.Load(name))
	}
	if !moduleBTF {
		check("the kernel has no BTF of modules", noModuleBTF())
		report(guest.End)
		return nil
	}
	for _, name := range names {
		fromKernel := func() (*btf.Spec, error) { return btf.LoadKernelModuleSpec(name) }
		check(name+": its BTF is read from the kernel", readable(name, fromKernel))
		check(name+": the kernel has the BTF of the module", published(name))
	}
	check("each module's BTF has an id", haveIDs(names))
	// Before 5.11, maps count as locked memory. Package rlimit needs /proc before it is mounted.
	unlimited := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	if err := unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unlimited); err != nil {
		return fmt.Errorf("lifting the limit of locked memory: %w", err)
	}
	if slices.Contains(names, "kbtf_sample") {
		check("kbtf_sample: fentry, CO-RE and kfunc", attach("push,pushed", pushToSample))
	}
	if slices.Contains(names, "tun") {
		check("tun: fexit and CO-RE", attach("opened", openTun))
	}
	if slices.Contains(names, "nf_conntrack") {
		check("nf_conntrack: kfuncs", lookUpConnection())
	}
	report(guest.End)
	return nil
}

// readable reads all types of a spec.
func readable(name string, get func() (*btf.Spec, error)) error {
	if _, err := os.Stat(filepath.Join(guest.Published, name)); err != nil {
		return err
	}
	spec, err := get()
	if err != nil {
		return err
	}
	n := 0
	for _, err := range spec.All() {
		if err != nil {
			return err
		}
		n++
	}
	if n < 2 { // void is one
		return errors.New("no types")
	}
	return nil
}

// published compares the kernel's BTF of a module with its .BTF. With .BTF.base, the kernel changes
// the type ids.
func published(name string) error {
	shown, err := os.ReadFile(filepath.Join(guest.Published, name))
	if err != nil {
		return err
	}
	module, err := elf.Open(machine.Module(name))
	if err != nil {
		return err
	}
	defer module.Close()
	section := module.Section(".BTF")
	if section == nil {
		return errors.New("no .BTF")
	}
	own, err := section.Data()
	if err != nil {
		return err
	}
	if module.Section(".BTF.base") == nil && !bytes.Equal(own, shown) {
		return fmt.Errorf("%d bytes, which differ from the %d bytes of .BTF", len(shown), len(own))
	}
	return nil
}

func noModuleBTF() error {
	entries, err := os.ReadDir(guest.Published)
	if err == nil && (len(entries) != 1 || entries[0].Name() != "vmlinux") {
		err = fmt.Errorf("%s has %v", guest.Published, entries)
	}
	return err
}

// haveIDs checks that the modules' BTF is among all BTF objects, where BPF loaders look for it.
func haveIDs(names []string) error {
	missing := slices.Clone(names)
	it := new(btf.HandleIterator)
	for it.Next() {
		info, err := it.Handle.Info()
		if err != nil {
			return err
		}
		missing = slices.DeleteFunc(missing, func(name string) bool {
			return info.IsModule() && name == info.Name
		})
	}
	if err := it.Err(); err != nil {
		return err
	}
	if len(missing) > 0 {
		return fmt.Errorf("missing: %s", strings.Join(missing, ", "))
	}
	return nil
}

// load loads programs by name.
func load(programs ...string) (*ebpf.Collection, error) {
	spec, err := ebpf.LoadCollectionSpec(guest.Programs)
	if err != nil {
		return nil, err
	}
	for name := range spec.Programs {
		if !slices.Contains(programs, name) {
			delete(spec.Programs, name)
		}
	}
	return ebpf.NewCollection(spec)
}

// attach loads and attaches programs by name, and calls trigger to run them.
func attach(programs string, trigger func(variables map[string]*ebpf.Variable) error) error {
	wanted := strings.Split(programs, ",")
	collection, err := load(wanted...)
	if err != nil {
		return err
	}
	defer collection.Close()
	for _, name := range wanted {
		l, err := link.AttachTracing(link.TracingOptions{Program: collection.Programs[name]})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		defer l.Close()
	}
	return trigger(collection.Variables)
}

// equal compares variables of the programs with their expected values.
func equal(variables map[string]*ebpf.Variable, want map[string]uint64) error {
	var errs []error
	for name, value := range want {
		if got, err := get(variables, name); err != nil || got != value {
			errs = append(errs, fmt.Errorf("%s is %#x, not %#x (%v)", name, got, value, err))
		}
	}
	return errors.Join(errs...)
}

func get(variables map[string]*ebpf.Variable, name string) (value uint64, err error) {
	v, ok := variables[name]
	if !ok {
		return 0, fs.ErrNotExist
	}
	err = v.Get(&value)
	return value, err
}

func pushToSample(variables map[string]*ebpf.Variable) error {
	for range 2 {
		if err := os.WriteFile("/sys/module/kbtf_sample/parameters/push", []byte("21"), 0); err != nil {
			return err
		}
	}
	const first = 0x6b627466 // testdata/kmod/kbtf_sample.c
	return equal(variables, map[string]uint64{
		"pushes": 2, "sample_value": first + 21, "sample_more": 21, "sample_twice": 42,
	})
}

func openTun(variables map[string]*ebpf.Variable) error {
	tun, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer tun.Close()
	file, err := get(variables, "tun_file")
	if err != nil {
		return err
	}
	if file == 0 {
		return errors.New("the program did not run")
	}
	// The socket of tun refers to the file that was opened.
	return equal(variables, map[string]uint64{"opens": 1, "tun_socket_file": file})
}

// lookUpConnection runs a program that calls kfuncs of nf_conntrack. There is no connection.
func lookUpConnection() error {
	collection, err := load("look_up")
	if err != nil {
		return err
	}
	defer collection.Close()
	if _, err := collection.Programs["look_up"].Run(&ebpf.RunOptions{Data: make([]byte, 64)}); err != nil {
		return err
	}
	return equal(collection.Variables, map[string]uint64{"ct_error": uint64(unix.ENOENT)})
}
