// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package bzimagetest makes bootable kernels for tests.
package bzimagetest

import "encoding/binary"

// Release is that of the kernels made here.
const Release = "6.12.1-test"

// Image returns a bootable kernel with a payload, that is a vmlinux as it is or compressed.
// Offsets are those of Documentation/arch/x86/boot.rst.
func Image(payload []byte) []byte {
	const sector, offset = 512, 0x100
	data := make([]byte, 2*sector+offset)
	data[0x1f1] = 1 // one sector of real-mode code
	copy(data[0x202:], "HdrS")
	le := binary.LittleEndian
	le.PutUint16(data[0x206:], 0x20f) // version
	le.PutUint16(data[0x20e:], 0x100) // kernel_version, less 0x200
	copy(data[0x300:], Release+" (me@here) #1\x00")
	le.PutUint32(data[0x248:], offset) // payload_offset
	le.PutUint32(data[0x24c:], uint32(len(payload)))
	return append(append(data, payload...), "and what follows"...)
}
