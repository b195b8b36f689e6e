// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbtf_test

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/cilium/ebpf/btf"

	"github.com/kbtf/kbtf"
)

// kernel builds a small vmlinux with BTF, and a module without, in a temporary directory.
func kernel() (vmlinux, module string) {
	dir, err := os.MkdirTemp("", "kbtf")
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range []string{"vmlinux", "ring"} {
		gcc := exec.Command("gcc", "-g", "-O2", "-ffreestanding", "-fno-pic", "-c",
			"-o", filepath.Join(dir, name), filepath.Join("testdata/c", name+".c"))
		if out, err := gcc.CombinedOutput(); err != nil {
			log.Fatalf("%v: %s", err, out)
		}
	}
	vmlinux, module = filepath.Join(dir, "vmlinux"), filepath.Join(dir, "ring")
	raw, err := kbtf.EncodeFile(vmlinux, nil, kbtf.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if err := kbtf.Attach(vmlinux, raw, nil, kbtf.Options{}); err != nil {
		log.Fatal(err)
	}
	return vmlinux, module
}

// Encode a module, verify the BTF and attach it.
func Example() {
	vmlinux, module := kernel()
	defer os.RemoveAll(filepath.Dir(module))

	base, err := kbtf.OpenBase(vmlinux)
	if err != nil {
		log.Fatal(err)
	}
	raw, err := kbtf.EncodeFile(module, base, kbtf.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if err := kbtf.Verify(raw, base, ""); err != nil {
		log.Fatal(err)
	}
	if err := kbtf.Attach(module, raw, base, kbtf.Options{}); err != nil {
		log.Fatal(err)
	}

	// Read the BTF with cilium/ebpf.
	kernelTypes, err := btf.LoadSpec(vmlinux)
	if err != nil {
		log.Fatal(err)
	}
	moduleTypes, err := btf.LoadSplitSpecFromReader(bytes.NewReader(raw), kernelTypes)
	if err != nil {
		log.Fatal(err)
	}
	var ring *btf.Struct
	if err := moduleTypes.TypeByName("ring", &ring); err != nil {
		log.Fatal(err)
	}
	fmt.Println(ring.Name, "has", len(ring.Members), "members, the first of type", ring.Members[0].Type.TypeName())
	// Output: ring has 5 members, the first of type device
}

// Encode a module in memory, without changing a file.
func ExampleEncode() {
	vmlinux, module := kernel()
	defer os.RemoveAll(filepath.Dir(module))

	base, err := kbtf.OpenBase(vmlinux)
	if err != nil {
		log.Fatal(err)
	}
	data, err := os.ReadFile(module)
	if err != nil {
		log.Fatal(err)
	}
	split, err := kbtf.Encode(bytes.NewReader(data), base, kbtf.Options{Threads: 2})
	if err != nil {
		log.Fatal(err)
	}
	full, err := kbtf.Encode(bytes.NewReader(data), nil, kbtf.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("split BTF is smaller:", len(split) < len(full))
	// Output: split BTF is smaller: true
}
