// SPDX-License-Identifier: GPL-2.0-only

// Package elftest compiles the C sources of testdata/c into ELF files for tests: for this machine, and for others that differ from
// it in byte order, word size and relocations.
package elftest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Target is a compiler and what it compiles for.
type Target struct {
	Name  string
	CC    string
	Flags []string
	// NoLLD: the oldest ld.lld that is supported cannot link for this machine.
	NoLLD bool
}

// Targets are those that tests go over.
var Targets = []Target{
	{Name: "gcc", CC: "gcc", Flags: []string{"-m64"}},
	clang("x86_64-linux-gnu"),        // 64-bit little endian, RELA
	clang("aarch64-linux-gnu"),       //
	clang("powerpc64le-linux-gnu"),   //
	clang("riscv64-linux-gnu"),       // relocations that add and subtract
	clang("mips64el-linux-gnuabi64"), // an r_info of its own
	{Name: "s390x-linux-gnu", CC: "clang", Flags: []string{"--target=s390x-linux-gnu"}, NoLLD: true}, // 64-bit big endian
	clang("i386-linux-gnu"),      // 32-bit little endian, REL
	clang("arm-linux-gnueabihf"), //
	clang("powerpc-linux-gnu"),   // 32-bit big endian, RELA
	clang("mips-linux-gnu"),      // 32-bit big endian, REL
}

func clang(triple string) Target {
	return Target{Name: triple, CC: "clang", Flags: []string{"--target=" + triple}}
}

// packages are the Debian packages of commands.
var packages = map[string]string{"gcc": "gcc", "clang": "clang", "ld": "binutils", "ld.lld": "lld", "as": "binutils",
	"objcopy": "binutils", "llvm-objcopy": "llvm", "readelf": "binutils", "strip": "binutils"}

// Run runs a command in a directory.
func Run(t testing.TB, dir, name string, args ...string) (stdout string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("%s is missing: install it, on Debian and Ubuntu with: apt-get install %s", name, packages[name])
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, stderr.String())
	}
	return string(out)
}

// Object compiles a source of testdata/c, as the kernel would: no startup files, no position-independent code. It works in tests of
// packages that are two directories below the top.
func Object(t testing.TB, target Target, source string, flags ...string) (path string) {
	t.Helper()
	dir := t.TempDir()
	from, err := filepath.Abs(filepath.Join("..", "..", "testdata", "c", source))
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"-c", "-g", "-O2", "-ffreestanding", "-fno-pic", "-fno-asynchronous-unwind-tables", "-w",
		"-o", "x.o"}, target.Flags...)
	Run(t, dir, target.CC, append(append(args, flags...), from)...)
	return filepath.Join(dir, "x.o")
}

// Read gives the bytes of a file.
func Read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
