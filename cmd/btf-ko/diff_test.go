// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// btf-ko never emits duplicate types, so this test writes BTF with two equal INTs by hand.
func TestDiffRedundant(t *testing.T) {
	raw := []byte{0x9f, 0xeb, 1, 0}
	for _, word := range []uint32{24, 0, 32, 32, 5, 1, 1 << 24, 4, 32, 1, 1 << 24, 4, 32} {
		raw = binary.LittleEndian.AppendUint32(raw, word)
	}
	path := filepath.Join(t.TempDir(), "twice.btf")
	if err := os.WriteFile(path, append(raw, "\x00int\x00"...), 0o644); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if status := run([]string{"diff", "-v", path, path}, &stdout, &stderr); status != exitDone || stderr.Len() > 0 {
		t.Errorf("exit status %d\n%s", status, stderr.String())
	}
	_, got, _ := strings.Cut(stdout.String(), "\n\n")
	want := "" +
		"              A   B\n" +
		"      types   2   2\n" +
		"  redundant   1   1\n" +
		"    classes   1   1\n" +
		"      bytes  61  61\n" +
		"\nequal\n" +
		"\nredundant in A:\n[2] INT int repeats [1] of A\n" +
		"\nredundant in B:\n[2] INT int repeats [1] of B\n"
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
