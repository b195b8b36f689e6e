// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package bzimage extracts vmlinux from a bootable x86 kernel, such as /boot/vmlinuz. This is often the only
// file with the BTF of a kernel that is not running. The layout is documented in
// Documentation/arch/x86/boot.rst.
package bzimage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/kbtf/kbtf/internal/decompress"
)

// Offsets of the fields of the real-mode header, in bytes.
const (
	setupSects    = 0x1f1 // sectors of real-mode code after the boot sector; 0 means 4
	headerMagic   = 0x202
	version       = 0x206
	kernelVersion = 0x20e // offset of a string, minus 0x200
	payloadOffset = 0x248 // from the start of the protected-mode code
	payloadLength = 0x24c
	headerEnd     = 0x250

	sector = 512
)

// Is reports whether a file is a bootable x86 kernel.
func Is(data []byte) bool {
	return len(data) >= headerEnd && string(data[headerMagic:headerMagic+4]) == "HdrS"
}

// Release returns the kernel release, or "" if the file does not contain it.
func Release(data []byte) string {
	if !Is(data) {
		return ""
	}
	at := int(binary.LittleEndian.Uint16(data[kernelVersion:]))
	if at == 0 || at+sector >= len(data) {
		return ""
	}
	text, _, _ := bytes.Cut(data[at+sector:min(at+sector+256, len(data))], []byte{0})
	release, _, _ := bytes.Cut(text, []byte(" "))
	return string(release)
}

// maxVmlinux limits the decompressed size of vmlinux in bytes, to twenty times the usual size.
const maxVmlinux = 1 << 30

// Vmlinux returns the decompressed vmlinux as it is booted: with .BTF, without symbols and
// debugging sections. Errors do not name the file.
func Vmlinux(data []byte) ([]byte, error) {
	vmlinux, err := payload(data)
	if err == nil && !bytes.HasPrefix(vmlinux, []byte("\x7fELF")) {
		return nil, errors.New("the payload is not an ELF file")
	}
	return vmlinux, err
}

func payload(data []byte) ([]byte, error) {
	if !Is(data) {
		return nil, errors.New("not a bootable x86 kernel")
	}
	if v := binary.LittleEndian.Uint16(data[version:]); v < 0x208 {
		return nil, fmt.Errorf("boot protocol %d.%02d does not locate vmlinux", v>>8, v&0xff)
	}
	sectors := uint64(data[setupSects])
	if sectors == 0 {
		sectors = 4
	}
	at := (sectors+1)*sector + uint64(binary.LittleEndian.Uint32(data[payloadOffset:]))
	length := uint64(binary.LittleEndian.Uint32(data[payloadLength:]))
	if at > uint64(len(data)) || length > uint64(len(data))-at || length < 4 {
		return nil, fmt.Errorf("vmlinux at %#x, %d bytes, is outside the file", at, length)
	}
	payload := data[at : at+length]
	if bytes.HasPrefix(payload, []byte("\x7fELF")) {
		return payload, nil
	}
	if decompress.Program(payload) != "gzip" {
		payload = payload[:length-4] // strip the size of vmlinux, which is part of a gzip stream
	}
	vmlinux, err := decompress.Data(payload, maxVmlinux)
	if err != nil {
		return nil, fmt.Errorf("vmlinux: %w", err)
	}
	return vmlinux, nil
}
