// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package qemu

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCpio(t *testing.T) {
	var got bytes.Buffer
	archive := NewArchive(&got)
	archive.Directory("dev")
	archive.File("init", []byte("hello"))
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	// inode, mode, user, group, links, time, size, device (4 numbers), size of the name, check
	const directory, init, end = "070701" +
		"00000001" + "000041ed" + "00000000" + "00000000" + "00000001" + "00000000" + "00000000" +
		"00000000" + "00000000" + "00000000" + "00000000" + "00000004" + "00000000" +
		"dev\x00" + "\x00\x00", "070701" +
		"00000002" + "000081ed" + "00000000" + "00000000" + "00000001" + "00000000" + "00000005" +
		"00000000" + "00000000" + "00000000" + "00000000" + "00000005" + "00000000" +
		"init\x00" + "\x00" + "hello" + "\x00\x00\x00", "070701" +
		"00000003" + "00000000" + "00000000" + "00000000" + "00000001" + "00000000" + "00000000" +
		"00000000" + "00000000" + "00000000" + "00000000" + "0000000b" + "00000000" +
		"TRAILER!!!\x00" + "\x00\x00\x00"
	if diff := cmp.Diff(directory+init+end, got.String()); diff != "" {
		t.Error(diff)
	}
}
