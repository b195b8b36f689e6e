// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfimage

import (
	"bytes"
	"compress/zlib"
	"debug/elf"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// Compressed by the tools of a kernel build (CONFIG_DEBUG_INFO_COMPRESSED), in both classes and
// byte orders.
func TestInflate(t *testing.T) {
	for _, target := range elftest.Targets {
		t.Run(target.Name, func(t *testing.T) {
			path := elftest.Object(t, target, "ring.c", "-gz=zlib")
			img := open(t, path)
			if s := img.Section(".debug_info"); s == nil || s.Flags&elf.SHF_COMPRESSED == 0 {
				t.Fatal("not compressed: nothing to test")
			}
			f, err := elf.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			compareImages(t, img, f)
		})
	}
}

// chdr returns an image with a section that holds a compression header and data.
func chdr(class elf.Class, order binary.ByteOrder, kind elf.CompressionType, size uint64,
	data []byte) (*Image, *Section) {
	var b []byte
	if class == elf.ELFCLASS64 {
		b = make([]byte, 24, 24+len(data))
		order.PutUint64(b[8:], size)
	} else {
		b = make([]byte, 12, 12+len(data))
		order.PutUint32(b[4:], uint32(size))
	}
	order.PutUint32(b, uint32(kind))
	b = append(b, data...)
	img := &Image{Path: "x.ko", Data: b, Class: class, Order: order}
	return img, &Section{Index: 1, Name: ".debug_info",
		Type: elf.SHT_PROGBITS, Flags: elf.SHF_COMPRESSED, Size: uint64(len(b))}
}

func TestInflateByHand(t *testing.T) {
	want := bytes.Repeat([]byte("debugging information entry "), 1000)
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	if _, err := w.Write(want); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	forms := map[elf.CompressionType][]byte{elf.COMPRESS_ZLIB: z.Bytes(),
		elf.COMPRESS_ZSTD: encoder.EncodeAll(want, nil)}
	for kind, data := range forms {
		for _, class := range []elf.Class{elf.ELFCLASS32, elf.ELFCLASS64} {
			for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
				img, s := chdr(class, order, kind, uint64(len(want)), data)
				if got, err := img.Inflate(s); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%v %v %v: %d bytes, %v", kind, class, order, len(got), err)
				}
			}
		}
	}
	t.Run("not compressed", func(t *testing.T) {
		img, s := chdr(elf.ELFCLASS64, binary.LittleEndian, 0, 0, nil)
		s.Flags = 0
		if got, err := img.Inflate(s); err != nil || &got[0] != &img.Data[0] {
			t.Errorf("a copy, or %v", err)
		}
	})

	n := uint64(len(want))
	for _, test := range []struct {
		name string
		kind elf.CompressionType
		size uint64
		data []byte
		want string
	}{
		{"unknown", 7, n, z.Bytes(), "unknown compression 7"},
		{"larger than the limit", elf.COMPRESS_ZLIB, 1 << 60, z.Bytes(),
			"claims 1152921504606846976 bytes when decompressed, more than the limit of 8589934592"},
		{"impossible ratio", elf.COMPRESS_ZSTD, 1 << 20,
			forms[elf.COMPRESS_ZSTD][:20], "claims 1048576 bytes when decompressed, from 44"},
		{"too few bytes", elf.COMPRESS_ZLIB, n + 1, z.Bytes(),
			"decompresses to 28000 bytes, expected 28001"},
		{"too many bytes", elf.COMPRESS_ZLIB, n - 1, z.Bytes(),
			"decompresses to more than 27999 bytes"},
		{"too few bytes", elf.COMPRESS_ZSTD, n + 1, forms[elf.COMPRESS_ZSTD],
			"decompresses to 28000 bytes, expected 28001"},
		{"too many bytes", elf.COMPRESS_ZSTD, n - 1, forms[elf.COMPRESS_ZSTD],
			"decompresses to more than 27999 bytes"},
		{"truncated", elf.COMPRESS_ZLIB, n, z.Bytes()[:50], "unexpected EOF"},
		{"truncated", elf.COMPRESS_ZSTD, n, forms[elf.COMPRESS_ZSTD][:20], "unexpected EOF"},
		{"not zlib", elf.COMPRESS_ZLIB, n, []byte("something else"), "zlib: invalid header"},
		{"not zstd", elf.COMPRESS_ZSTD, n, []byte("something else"),
			"invalid input: magic number mismatch"},
	} {
		t.Run(test.kind.String()+" "+test.name, func(t *testing.T) {
			img, s := chdr(elf.ELFCLASS64, binary.LittleEndian, test.kind, test.size, test.data)
			got, err := img.Inflate(s)
			if want := "x.ko: section .debug_info: " + test.want; err == nil ||
				err.Error() != want {
				t.Errorf("got:  %d bytes, %v\nwant: %s", len(got), err, want)
			}
		})
	}
	// A zstd stream of one byte with a window of 128 MiB: no more than that is allocated.
	for window, fine := range map[byte]bool{0x88: true, 0x90: false} {
		img, s := chdr(elf.ELFCLASS64, binary.LittleEndian, elf.COMPRESS_ZSTD, 1,
			[]byte{0x28, 0xb5, 0x2f, 0xfd, 0, window, 9, 0, 0, 'x'})
		if got, err := img.Inflate(s); fine != (err == nil) {
			t.Errorf("window %#x: %q, %v", window, got, err)
		}
	}
	img, s := chdr(elf.ELFCLASS64, binary.LittleEndian, elf.COMPRESS_ZLIB, n, nil)
	s.Size = 23
	if _, err := img.Inflate(s); err == nil ||
		!strings.HasSuffix(err.Error(), ": truncated compression header") {
		t.Errorf("got %v", err)
	}
}
