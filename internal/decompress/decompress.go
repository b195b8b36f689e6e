// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package decompress decompresses what kernels and their modules are compressed with. gzip and zstd
// are decompressed here. xz and the older formats are decompressed by their programs, which systems
// that use these formats have.
package decompress

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os/exec"

	"github.com/klauspost/compress/zstd"
)

// formats are recognised by their magic.
var formats = []struct {
	magic, program string
	open           func(data []byte) (io.ReadCloser, error) // nil: the program decompresses
}{
	{"\x1f\x8b", "gzip", openGzip},
	{"\x28\xb5\x2f\xfd", "zstd", openZstd},
	{"\xfd7zXZ\x00", "xz", nil},
	{"\x02\x21\x4c\x18", "lz4", nil},
	{"BZh", "bzip2", nil},
	{"\x5d\x00\x00\x00", "lzma", nil},
	{"\x89LZO\x00", "lzop", nil},
}

// Program returns the name of the program that decompresses the data, or "" if it is not
// compressed.
func Program(data []byte) string {
	for _, f := range formats {
		if bytes.HasPrefix(data, []byte(f.magic)) {
			return f.program
		}
	}
	return ""
}

// Data decompresses data to at most limit bytes. What follows the end of a gzip stream is ignored.
func Data(data []byte, limit int64) ([]byte, error) {
	for _, f := range formats {
		if !bytes.HasPrefix(data, []byte(f.magic)) {
			continue
		}
		if f.open == nil {
			return run(f.program, data, limit)
		}
		r, err := f.open(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.program, err)
		}
		defer r.Close()
		out, err := readAll(r, limit)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.program, err)
		}
		return out, nil
	}
	return nil, fmt.Errorf("compressed in an unknown format: % x", data[:min(4, len(data))])
}

func openGzip(data []byte) (io.ReadCloser, error) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err == nil {
		r.Multistream(false)
	}
	return r, err
}

// maxWindow is the largest window of a zstd stream, in bytes: that of zstd --ultra --long=28.
const maxWindow = 1 << 28

func openZstd(data []byte) (io.ReadCloser, error) {
	r, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, err
	}
	return r.IOReadCloser(), nil
}

// readAll is io.ReadAll up to a limit, in bytes.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	all, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(all)) > limit {
		err = fmt.Errorf("decompresses to more than %d bytes", limit)
	}
	return all, err
}

func run(program string, data []byte, limit int64) ([]byte, error) {
	cmd := exec.Command(program, "-dc")
	cmd.Stdin = bytes.NewReader(data)
	var message bytes.Buffer
	cmd.Stderr = &message
	pipe, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if errors.Is(err, exec.ErrNotFound) {
		return nil, fmt.Errorf("compressed with %s, which is not installed", program)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	out, err := readAll(pipe, limit)
	if err != nil {
		_ = cmd.Process.Kill()
	}
	if ended := cmd.Wait(); err == nil && ended != nil {
		first, _, _ := bytes.Cut(bytes.TrimSpace(message.Bytes()), []byte("\n"))
		err = fmt.Errorf("%s: %w: %s", program, ended, first)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}
