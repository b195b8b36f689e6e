// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// A module as distributions ship it: stripped, signed, with BTF from another encoder.
func TestShippedModule(t *testing.T) {
	dir := buildFixture(t, 5)
	elftest.Run(t, dir, "ld", "-r", "--build-id=sha1", "-o", "whole.ko", "ring.ko")
	elftest.Run(t, dir, "strip", "-g", "-o", "stripped.ko", "whole.ko")
	elftest.Run(t, dir, "objcopy", "--dump-section", ".BTF=other.btf", "vmlinux", "ignored")
	elftest.Run(t, dir, "objcopy", "--add-section", ".BTF=other.btf", "stripped.ko", "ring.ko")
	elftest.Run(t, dir, "mkdir", "-p", "debug/lib/modules")
	elftest.Run(t, dir, "objcopy", "--only-keep-debug", "whole.ko", "debug/lib/modules/ring.ko")
	shipped := filepath.Join(dir, "ring.ko")
	if err := os.WriteFile(shipped, signed(elftest.Read(t, shipped)), 0o644); err != nil {
		t.Fatal(err)
	}
	encodeShipped(t, filepath.Join(dir, "vmlinux"), shipped,
		filepath.Join(dir, "debug/lib/modules/ring.ko"), filepath.Join(dir, "debug"))
}

// encodeShipped encodes a copy of a stripped and signed module with the DWARF below a folder of debug
// files, and compares the result with the BTF of the module's own debug file.
func encodeShipped(t *testing.T, vmlinux, module, debugFile, debugFolder string) {
	t.Helper()
	shipped, dir := elftest.Read(t, module), t.TempDir()
	path, want := filepath.Join(dir, filepath.Base(module)), filepath.Join(dir, "want.btf")
	if err := os.WriteFile(path, shipped, 0o644); err != nil {
		t.Fatal(err)
	}
	btfKo := func(args ...string) (string, int) {
		var stderr bytes.Buffer
		status := run(append([]string{"--btf_base", vmlinux, "--base_cache", "off"}, args...), &stderr, &stderr)
		return stderr.String(), status
	}
	if out, status := btfKo("--btf_encode_detached", want, debugFile); status != exitDone {
		t.Fatal(out)
	}
	if out, status := btfKo("--debug_file", debugFolder, path); status != exitFailed ||
		!strings.Contains(out, "--strip_signature") || !bytes.Equal(elftest.Read(t, path), shipped) {
		t.Errorf("signed: exit status %d, %s", status, out)
	}
	if out, status := btfKo("--strip_signature", "--debug_file", debugFolder, path); status != exitDone {
		t.Fatal(out)
	}
	if got, err := section(path, ".BTF"); err != nil || !bytes.Equal(got, elftest.Read(t, want)) {
		t.Errorf("the BTF differs from that of the debug file (%v)", err)
	}
	var out bytes.Buffer
	if status := run([]string{"verify", "--btf_base", vmlinux, path}, &out, &out); status != exitDone {
		t.Errorf("verify: %s", out.String())
	}
	if sections := elftest.Run(t, dir, "readelf", "-SW", path); strings.Count(sections, " .BTF ") != 1 {
		t.Errorf("want one section .BTF:\n%s", sections)
	}
}
