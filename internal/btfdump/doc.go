// SPDX-License-Identifier: GPL-2.0-only

// Package btfdump prints BTF: the raw records as bpftool does (raw.go), or a type as C (c.go).
//
// Rules are those of the kernel's Documentation/bpf/btf.rst. BTF that a kernel would refuse is printed too, as long as its
// records can be told apart and their names and references are within bounds.
package btfdump
