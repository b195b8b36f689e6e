// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfimage

import (
	"bytes"
	"compress/zlib"
	"debug/elf"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// maxInflated limits the decompressed size of a section, in bytes. It is far above any kernel's
// .debug_info, and far below the memory of a build machine.
const maxInflated = 8 << 30

// maxRatio limits the compression ratio: zlib's maximum. Debugging sections stay below 20.
const maxRatio = 1032

// maxWindow limits the window of a zstd stream, which is allocated at once, in bytes. It is the
// default limit of zstd.
const maxWindow = 128 << 20

// InflateNamed is Inflate for a section by name; nil if there is no such section.
func (img *Image) InflateNamed(name string) ([]byte, error) {
	if s := img.Section(name); s != nil {
		return img.Inflate(s)
	}
	return nil, nil
}

// Inflate returns the contents of a section, decompressed if SHF_COMPRESSED is set (gABI,
// "Compression header"). Errors name file and section.
func (img *Image) Inflate(s *Section) ([]byte, error) {
	raw, err := img.Contents(s)
	if err != nil || s.Flags&elf.SHF_COMPRESSED == 0 {
		return raw, err
	}
	fail := func(format string, args ...any) ([]byte, error) {
		return nil, fmt.Errorf("%s: section %s: %s", img.Path, s.Name, fmt.Sprintf(format, args...))
	}
	head := 12
	if img.Class == elf.ELFCLASS64 {
		head = 24
	}
	if len(raw) < head {
		return fail("truncated compression header")
	}
	kind := elf.CompressionType(img.Order.Uint32(raw))
	size := uint64(img.Order.Uint32(raw[4:]))
	if img.Class == elf.ELFCLASS64 {
		size = img.Order.Uint64(raw[8:])
	}
	if size > maxInflated {
		return fail("claims %d bytes when decompressed, more than the limit of %d",
			size, uint64(maxInflated))
	}
	if size/maxRatio > uint64(len(raw)) {
		return fail("claims %d bytes when decompressed, from %d", size, len(raw))
	}
	var r io.Reader
	switch kind {
	case elf.COMPRESS_ZLIB:
		if r, err = zlib.NewReader(bytes.NewReader(raw[head:])); err != nil {
			return fail("%v", err)
		}
	case elf.COMPRESS_ZSTD:
		d, err := zstd.NewReader(bytes.NewReader(raw[head:]), zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return fail("%v", err)
		}
		defer d.Close()
		r = d
	default:
		return fail("unknown compression %d", kind)
	}
	// Grow with the actual output, so that a false size does not cost memory.
	var out bytes.Buffer
	n, err := io.Copy(&out, io.LimitReader(r, int64(size)+1))
	switch {
	case err != nil:
		return fail("%v", err)
	case uint64(n) > size:
		return fail("decompresses to more than %d bytes", size)
	case uint64(n) < size:
		return fail("decompresses to %d bytes, expected %d", n, size)
	}
	return out.Bytes(), nil
}
