// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package btfdump prints BTF: the raw records as bpftool does (raw.go), or a type as C (c.go).
//
// Rules are those of the kernel's Documentation/bpf/btf.rst. BTF that a kernel would refuse is
// printed too, as long as its records can be located and their names and references are within
// bounds. For C it must be sound, as a type that contains itself cannot be written in C. ReadSound
// therefore verifies it, which takes most of the time, and C uses the records that btfverify found.
// cilium's btf.LoadSpec would read vmlinux once more, in twice the time of btfraw, and cannot read
// a type of more than 65,535 members.
package btfdump
