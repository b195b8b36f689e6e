// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package btfverify reports whether a kernel accepts BTF, and whether the BTF is sound against its
// base.
//
// A kernel that loads a module looks at the form of its .BTF only: header, sections, records,
// names, chains of modifiers. It does not follow references, and nothing identifies the base that
// the module was encoded against. So there are checks of two kinds here:
//
//   - what kernels refuse: section.go, record.go, name.go and chain.go. The differences between
//     kernels are one table, kernel.go;
//   - what no kernel notices, and readers fall over: references that do not exist or are of the
//     wrong kind (reference.go), types that contain themselves (cycle.go), members that do not fit
//     (layout.go).
//
// A wrong base shows itself in both: ids and name offsets below its end mean something else there.
// Encoders write each string once and whole, so a name that begins inside of a string was not meant
// (name.go); the reference of a struct to a FUNC, or to a type that is longer than the struct, was
// not either. docs/verify-and-diff.md says how many of a kernel's modules are noticed.
//
// Rules are those of the kernel's Documentation/bpf/btf.rst; what is not in there was observed by
// loading BTF (kernel_real_test.go). The package judges an encoder, so it shares no code with it:
// it reads BTF with btfraw.
package btfverify
