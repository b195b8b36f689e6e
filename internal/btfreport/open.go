// SPDX-License-Identifier: GPL-2.0-only

package btfreport

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/kbtf/kbtf/internal/elfimage"
)

// maxModule bounds what a compressed module may unfold to, in bytes.
const maxModule = 1 << 30

// open maps a module, or reads one that CONFIG_MODULE_COMPRESS has packed.
func open(path string) (*elfimage.Image, error) {
	var unpack func(io.Reader) (io.ReadCloser, error)
	switch {
	case strings.HasSuffix(path, ".gz"):
		unpack = func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }
	case strings.HasSuffix(path, ".zst"):
		unpack = func(r io.Reader) (io.ReadCloser, error) {
			d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxModule))
			if err != nil {
				return nil, err
			}
			return d.IOReadCloser(), nil
		}
	case strings.HasSuffix(path, ".xz"):
		return openXZ(path)
	default:
		return elfimage.Open(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, cause(err))
	}
	defer f.Close()
	r, err := unpack(f)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot unpack: %w", path, err)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxModule))
	if err != nil {
		return nil, fmt.Errorf("%s: cannot unpack: %w", path, err)
	}
	return elfimage.Parse(path, data)
}

// openXZ uses the program xz: it is where modules are packed by it, since kmod's depmod or the kernel's build needed it.
func openXZ(path string) (*elfimage.Image, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.Command("xz", "--decompress", "--stdout", "--", path)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		reason, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n")
		if reason == "" {
			reason = err.Error()
		}
		return nil, fmt.Errorf("%s: cannot unpack with xz (package xz-utils): %s", path, strings.TrimPrefix(reason, "xz: "))
	}
	return elfimage.Parse(path, stdout.Bytes())
}
