// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package bzimage

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"os/exec"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/kbtf/kbtf/internal/bzimage/bzimagetest"
)

const vmlinux = "\x7fELF and so on"

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
		data := bzimagetest.Image(payload)
		if got, err := Vmlinux(data); err != nil || string(got) != vmlinux {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		if got := Release(data); got != bzimagetest.Release {
			t.Errorf("%s: release %q", name, got)
		}
	}
}

func TestDamagedImages(t *testing.T) {
	whole := bzimagetest.Image(append(xz(t), 0, 0, 0, 0))
	for n := range len(whole) {
		if got, err := Vmlinux(whole[:n]); err == nil && string(got) != vmlinux {
			t.Errorf("no error for the first %d bytes: %q", n, got)
		}
		Release(whole[:n])
	}
	for _, test := range []struct {
		payload, err string
	}{
		{"what is this", "vmlinux: compressed in an unknown format: 77 68 61 74"},
		{"\xfd7zXZ\x00 and garbage", "xz: exit status 1"},
		{"\x1f\x8b and garbage", "gzip: "},
		{"", "is outside the file"},
		{"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00",
			"the payload is not an ELF file"},
	} {
		_, err := Vmlinux(bzimagetest.Image([]byte(test.payload)))
		if err == nil || !strings.Contains(err.Error(), test.err) {
			t.Errorf("%q: %v, want %q", test.payload, err, test.err)
		}
	}
}
