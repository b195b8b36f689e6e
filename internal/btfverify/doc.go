// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package btfverify reports whether a kernel accepts BTF, and whether the BTF is sound against its
// base.
//
// A kernel that loads a module checks only the form of its .BTF: header, sections, records, names,
// chains of modifiers. It does not follow references, and BTF does not identify the base that it
// was encoded against. So there are two kinds of checks here:
//
//   - what kernels refuse: section.go, record.go, name.go and chain.go. The differences between
//     kernels are one table, kernel.go;
//   - what no kernel detects but readers fail on: references that do not exist or are of the
//     wrong kind (reference.go), types that contain themselves (cycle.go), members that do not fit
//     (layout.go).
//
// Both kinds detect a wrong base, in which the ids and name offsets refer to other types and
// strings. Encoders write each string once and in full, so a name offset inside a string indicates
// a wrong base (name.go), and so does a struct that refers to a FUNC, or to a type larger than
// itself. docs/verify-and-diff.md lists how many of a kernel's modules are detected.
//
// Rules are those of the kernel's Documentation/bpf/btf.rst; what is not in there was observed by
// loading BTF (kernel_real_test.go). The package checks the encoder, so it shares no code with it:
// it reads BTF with btfraw.
package btfverify
