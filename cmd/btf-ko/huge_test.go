// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

const (
	hugeSize   = 1500 << 20 // size of the module, bytes
	mostMemory = 200 << 10  // limit of a process, including mapped files, KiB
)

// huge writes a copy of ring.ko with one more section, which is a hole in the file, followed by the section
// headers.
func huge(t *testing.T, dir string) (path string) {
	t.Helper()
	small := elftest.Read(t, filepath.Join(dir, "ring.ko"))
	le := binary.LittleEndian
	n := le.Uint16(small[60:])
	headers := bytes.Clone(small[le.Uint64(small[40:]):][:shdrSize*int(n)])
	header := make([]byte, shdrSize)
	le.PutUint32(header[shType:], uint32(elf.SHT_PROGBITS))
	le.PutUint64(header[shOffset:], uint64(len(small)))
	le.PutUint64(header[shSize:], hugeSize-uint64(len(small)))
	le.PutUint64(small[40:], hugeSize)
	le.PutUint16(small[60:], n+1)
	path = filepath.Join(dir, "huge.ko")
	if err := os.WriteFile(path, small, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(append(headers, header...), hugeSize); err != nil {
		t.Fatal(err)
	}
	return path
}

// measured is main, but also prints the peak resident set size in KiB. wait4 would include the parent's.
func measured() {
	status := run(os.Args[1:], os.Stderr, os.Stderr)
	if self, err := os.ReadFile("/proc/self/status"); err == nil {
		_, most, _ := strings.Cut(string(self), "VmHWM:")
		most, _, _ = strings.Cut(most, "kB")
		fmt.Println(strings.TrimSpace(most))
	}
	os.Exit(status)
}

// Memory and disk writes depend on the size of the DWARF, not on the size of the module.
func TestHugeModule(t *testing.T) {
	dir := buildFixture(t, 5)
	vmlinux, ring := filepath.Join(dir, "vmlinux"), filepath.Join(dir, "ring.ko")
	path := huge(t, dir)
	btfKo := func(args ...string) {
		t.Helper()
		program, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(program, args...)
		cmd.Args[0] = "btf-ko-measured" // see TestMain
		cmd.Env = append(os.Environ(), "KBTF_BASE_CACHE=off")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
		}
		most, err := strconv.Atoi(strings.TrimSpace(string(out)))
		t.Logf("%v: %d KiB", args, most)
		if err != nil || most > mostMemory {
			t.Errorf("%v: used %d KiB of memory (%v)", cmd.Args, most, err)
		}
	}
	ends := func() []byte { // reads the file except for the hole
		t.Helper()
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		st, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if used := st.Sys().(*syscall.Stat_t).Blocks * 512; used > 1<<20 {
			t.Errorf("uses %d KiB of disk space: the hole was written to", used>>10)
		}
		data := make([]byte, 64<<10, 64<<10+st.Size()-hugeSize)
		if _, err := f.ReadAt(data, 0); err != nil {
			t.Fatal(err)
		}
		data = data[:cap(data)]
		if _, err := f.ReadAt(data[64<<10:], hugeSize); err != nil {
			t.Fatal(err)
		}
		return data
	}
	btfKo("--btf_base", vmlinux, ring)
	want, err := section(ring, ".BTF")
	if err != nil {
		t.Fatal(err)
	}
	before := ends()
	for _, args := range [][]string{{path}, {"--btf_base", vmlinux, path}, {"--btf_base", vmlinux, path}} {
		btfKo(args...)
	}
	if got, err := section(path, ".BTF"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("BTF differs from that of ring.ko (%v)", err)
	}
	if after := ends(); !bytes.Equal(after[64:64<<10], before[64:64<<10]) {
		t.Error("more than the header has changed")
	}
	btfKo("strip", path)
	if !bytes.Equal(ends(), before) {
		t.Error("strip does not restore the original bytes")
	}
}
