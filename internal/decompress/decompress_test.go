// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package decompress

import (
	"bytes"
	"compress/gzip"
	"os/exec"
	"strings"
	"testing"
)

const text = "types and strings, types and strings, types and strings\n"

// compressed returns the output of a program.
func compressed(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return out
}

func TestData(t *testing.T) {
	for _, program := range []string{"gzip", "zstd", "xz"} {
		data := compressed(t, program, "-c")
		if got := Program(data); got != program {
			t.Errorf("%s: program %q", program, got)
		}
		if got, err := Data(data, int64(len(text))); err != nil || string(got) != text {
			t.Errorf("%s: %q, %v", program, got, err)
		}
		if got, err := Data(data, int64(len(text))-1); err == nil {
			t.Errorf("%s: %q is longer than the limit", program, got)
		}
		for n := range data {
			if got, err := Data(data[:n], 1<<20); err == nil && string(got) != text {
				t.Errorf("%s: cut off after %d bytes: %q and no error", program, n, got)
			}
		}
	}
	if Program([]byte("\x7fELF")) != "" {
		t.Error("ELF is no compression")
	}
	t.Setenv("PATH", t.TempDir())
	for data, want := range map[string]string{
		"what": "compressed in an unknown format: 77 68 61 74",
		"BZh":  "compressed with bzip2, which is not installed",
	} {
		if _, err := Data([]byte(data), 1); err == nil || err.Error() != want {
			t.Errorf("%q: %v", data, err)
		}
	}
}

// What is compressed can claim to be long: reading ends at the limit.
func TestLimit(t *testing.T) {
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
	_, err := Data(bomb.Bytes(), 1<<20)
	if err == nil || err.Error() != "gzip: decompresses to more than 1048576 bytes" {
		t.Error(err)
	}
}
