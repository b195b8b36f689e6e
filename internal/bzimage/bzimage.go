// SPDX-License-Identifier: GPL-2.0-only

// Package bzimage extracts vmlinux from a bootable x86 kernel, such as /boot/vmlinuz: often the
// only file with the BTF of a kernel that is not running. The layout is documented in
// Documentation/arch/x86/boot.rst.
package bzimage

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os/exec"

	"github.com/klauspost/compress/zstd"
)

// Offsets of the fields of the real-mode header, in bytes.
const (
	setupSects    = 0x1f1 // sectors of real-mode code after the boot sector; 0 stands for 4
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

// Release returns the kernel release, "" if the file does not have it.
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

// programs decompress the formats that are not supported here.
var programs = []struct{ magic, program string }{
	{"\xfd7zXZ\x00", "xz"},
	{"\x02\x21\x4c\x18", "lz4"},
	{"BZh", "bzip2"},
	{"\x5d\x00\x00\x00", "lzma"},
	{"\x89LZO\x00", "lzop"},
}

// maxVmlinux limits the decompressed size of vmlinux in bytes. It is twenty times that of usual
// kernels.
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
	if bytes.HasPrefix(payload, []byte("\x1f\x8b")) {
		r, err := gzip.NewReader(bytes.NewReader(payload))
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		r.Multistream(false)
		return readAll(r, maxVmlinux)
	}
	payload = payload[:length-4] // strip the size of vmlinux, which is part of a gzip stream
	if bytes.HasPrefix(payload, []byte("\x28\xb5\x2f\xfd")) {
		r, err := zstd.NewReader(bytes.NewReader(payload), zstd.WithDecoderMaxWindow(1<<28))
		if err != nil {
			return nil, fmt.Errorf("zstd: %w", err)
		}
		defer r.Close()
		return readAll(r, maxVmlinux)
	}
	for _, p := range programs {
		if bytes.HasPrefix(payload, []byte(p.magic)) {
			return run(p.program, payload)
		}
	}
	return nil, fmt.Errorf("unknown compression of vmlinux: % x", payload[:min(4, len(payload))])
}

// readAll is io.ReadAll with a limit in bytes.
func readAll(r io.Reader, limit int) ([]byte, error) {
	all, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err == nil && len(all) > limit {
		err = fmt.Errorf("vmlinux decompresses to more than %d bytes", limit)
	}
	return all, err
}

func run(program string, payload []byte) ([]byte, error) {
	cmd := exec.Command(program, "-dc")
	cmd.Stdin = bytes.NewReader(payload)
	var message bytes.Buffer
	cmd.Stderr = &message
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if errors.Is(err, exec.ErrNotFound) {
		return nil, fmt.Errorf("vmlinux is compressed with %s, which is not installed", program)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	vmlinux, err := readAll(out, maxVmlinux)
	if err != nil {
		_ = cmd.Process.Kill()
	}
	if ended := cmd.Wait(); err == nil && ended != nil {
		first, _, _ := bytes.Cut(bytes.TrimSpace(message.Bytes()), []byte("\n"))
		err = fmt.Errorf("%s: %w: %s", program, ended, first)
	}
	return vmlinux, err
}
