// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Btfload reads all types of vmlinux and of modules with cilium/ebpf, which is independent of the
// encoder.
package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/cilium/ebpf/btf"

	"github.com/kbtf/kbtf/scripts/tools/modules"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: btfload VMLINUX [MODULE...]")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "btfload:", err)
		os.Exit(1)
	}
}

func run(vmlinux string, paths []string) error {
	base, err := btf.LoadSpec(vmlinux)
	if err != nil {
		return fmt.Errorf("%s: %w", vmlinux, err)
	}
	n, err := inflate(base)
	if err != nil {
		return fmt.Errorf("%s: %w", vmlinux, err)
	}
	fmt.Printf("%s: %d types\n", vmlinux, n)
	for _, module := range paths {
		raw, err := modules.ReadBTF(module)
		if err != nil {
			return err
		}
		split, err := btf.LoadSplitSpecFromReader(bytes.NewReader(raw), base)
		if err != nil {
			return fmt.Errorf("%s: %w", module, err)
		}
		if n, err = inflate(split); err != nil {
			return fmt.Errorf("%s: %w", module, err)
		}
		fmt.Printf("%s: %d types, %d bytes\n", module, n, len(raw))
	}
	return nil
}

// inflate reads all types of a spec, and returns their number without declaration tags.
func inflate(spec *btf.Spec) (int, error) {
	n := 0
	for _, err := range spec.All() {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}
