// SPDX-License-Identifier: GPL-2.0-only

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
	hugeSize   = 1500 << 20 // of a module, bytes
	mostMemory = 200 << 10  // that a process may take, mapped files included, KiB
)

// huge is ring.ko with one more section, which is a hole in the file: it takes no room on the disk. The section headers are behind it.
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

// measured is main for a process that prints the most memory that it took, in KiB. What wait4 says includes the parent's.
func measured() {
	status := run(os.Args[1:], os.Stderr, os.Stderr)
	if self, err := os.ReadFile("/proc/self/status"); err == nil {
		_, most, _ := strings.Cut(string(self), "VmHWM:")
		most, _, _ = strings.Cut(most, "kB")
		fmt.Println(strings.TrimSpace(most))
	}
	os.Exit(status)
}

// What a large module costs is what its DWARF costs: neither memory nor writing grows with the file.
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
			t.Errorf("%v: took %d KiB of memory (%v)", cmd.Args, most, err)
		}
	}
	end := func() []byte { // what is at both ends; the hole would not fit
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
			t.Errorf("takes %d KiB of the disk: the hole was written to", used>>10)
		}
		ends := make([]byte, 64<<10, 64<<10+st.Size()-hugeSize)
		if _, err := f.ReadAt(ends, 0); err != nil {
			t.Fatal(err)
		}
		ends = ends[:cap(ends)]
		if _, err := f.ReadAt(ends[64<<10:], hugeSize); err != nil {
			t.Fatal(err)
		}
		return ends
	}
	btfKo("--btf_base", vmlinux, ring)
	want, err := section(ring, ".BTF")
	if err != nil {
		t.Fatal(err)
	}
	before := end()
	for _, args := range [][]string{{path}, {"--btf_base", vmlinux, path}, {"--btf_base", vmlinux, path}} {
		btfKo(args...)
	}
	if got, err := section(path, ".BTF"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("other BTF than of the small one (%v)", err)
	}
	if after := end(); !bytes.Equal(after[64:64<<10], before[64:64<<10]) {
		t.Error("more has changed than the header")
	}
	btfKo("strip", path)
	if !bytes.Equal(end(), before) {
		t.Error("stripped, it is not what it was")
	}
}
