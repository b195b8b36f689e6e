// SPDX-License-Identifier: GPL-2.0-only

package bzimage

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"os/exec"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

const vmlinux = "\x7fELF and so on"

// image returns a bootable kernel with a payload and one sector of real-mode code.
func image(payload []byte) []byte {
	const offset = 0x100
	data := make([]byte, 2*sector+offset)
	data[setupSects] = 1
	copy(data[headerMagic:], "HdrS")
	le := binary.LittleEndian
	le.PutUint16(data[version:], 0x20f)
	le.PutUint16(data[kernelVersion:], 0x100)
	copy(data[0x300:], "6.12.1-test (me@here) #1\x00")
	le.PutUint32(data[payloadOffset:], offset)
	le.PutUint32(data[payloadLength:], uint32(len(payload)))
	return append(append(data, payload...), "and what follows"...)
}

func gzipped(t testing.TB) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write([]byte(vmlinux)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstandard(t testing.TB) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll([]byte(vmlinux), nil)
}

func xz(t testing.TB) []byte {
	cmd := exec.Command("xz", "--check=crc32")
	cmd.Stdin = strings.NewReader(vmlinux)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestVmlinux(t *testing.T) {
	size := binary.LittleEndian.AppendUint32(nil, uint32(len(vmlinux)))
	for name, payload := range map[string][]byte{
		"none": []byte(vmlinux),
		"gzip": gzipped(t),
		"zstd": append(zstandard(t), size...),
		"xz":   append(xz(t), size...),
	} {
		data := image(payload)
		if got, err := Vmlinux(data); err != nil || string(got) != vmlinux {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		if got := Release(data); got != "6.12.1-test" {
			t.Errorf("%s: release %q", name, got)
		}
	}
}

// The payload must be ELF, of a reasonable size.
func TestVmlinuxTooLarge(t *testing.T) {
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	for range 64 {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(&bomb)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := readAll(r, 1<<20); err == nil || err.Error() != "vmlinux decompresses to "+
		"more than 1048576 bytes" || len(got) > 1<<20+1 {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if got, err := readAll(strings.NewReader(vmlinux), len(vmlinux)); err != nil ||
		string(got) != vmlinux {
		t.Errorf("%q, %v", got, err)
	}
}

func TestDamagedImages(t *testing.T) {
	whole := image(append(xz(t), 0, 0, 0, 0))
	for n := range len(whole) {
		if got, err := Vmlinux(whole[:n]); err == nil && string(got) != vmlinux {
			t.Errorf("no error for the first %d bytes: %q", n, got)
		}
		Release(whole[:n])
	}
	for _, test := range []struct {
		payload, err string
	}{
		{"what is this", "unknown compression of vmlinux: 77 68 61 74"},
		{"\xfd7zXZ\x00 and garbage", "xz: exit status 1"},
		{"\x1f\x8b and garbage", "gzip: "},
		{"", "is outside the file"},
		{"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00",
			"the payload is not an ELF file"},
	} {
		if _, err := Vmlinux(image([]byte(test.payload))); err == nil ||
			!strings.Contains(err.Error(), test.err) {
			t.Errorf("%q: %v, not %q", test.payload, err, test.err)
		}
	}
}
