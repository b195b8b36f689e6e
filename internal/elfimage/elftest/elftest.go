// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package elftest compiles the C sources of testdata/c into ELF files for tests, for machines that
// differ in byte order, word size and relocations.
package elftest

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A Target is a compiler, its machine, and the tools for that machine.
type Target struct {
	Name    string
	CC      string
	Flags   []string
	LD      []string // the linker with its flags; nil if it cannot link for this machine
	Objcopy string
	Bits    int // word size: 32 or 64
}

// Targets of the hermetic tests: GCC and binutils for both byte orders and word sizes.
var (
	GCC = Target{"gcc", "gcc", []string{"-m64"}, []string{"ld"}, "objcopy", 64}
	// I386 has REL relocations, the others RELA.
	I386  = Target{"gcc -m32", "gcc", []string{"-m32"}, []string{"ld", "-melf_i386"}, "objcopy", 32}
	S390X = Target{"s390x", "s390x-linux-gnu-gcc", nil,
		[]string{"s390x-linux-gnu-ld"}, "s390x-linux-gnu-objcopy", 64}
	S390 = Target{"s390x -m31", "s390x-linux-gnu-gcc", []string{"-m31"},
		[]string{"s390x-linux-gnu-ld", "-melf_s390"}, "s390x-linux-gnu-objcopy", 32}
)

// Targets are the targets that tests iterate over. The build tag real adds clang's.
var Targets = []Target{GCC, I386, S390X, S390}

// Native are the targets for x86-64 among them, whose objects can be linked with each other.
var Native = []Target{GCC}

// packages maps commands to their Debian packages.
var packages = map[string]string{
	"gcc": "gcc", "clang": "clang", "ld": "binutils", "ld.lld": "lld", "as": "binutils",
	"objcopy": "binutils", "llvm-objcopy": "llvm", "readelf": "binutils", "strip": "binutils",
	"s390x-linux-gnu-gcc":     "gcc-s390x-linux-gnu",
	"s390x-linux-gnu-ld":      "binutils-s390x-linux-gnu",
	"s390x-linux-gnu-objcopy": "binutils-s390x-linux-gnu",
}

// Run runs a command in a directory and returns its standard output.
func Run(t testing.TB, dir, name string, args ...string) (stdout string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("%s is missing: install it, on Debian and Ubuntu with: apt-get install %s",
			name, packages[name])
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

// Link runs the target's linker in a directory.
func (t Target) Link(tb testing.TB, dir string, args ...string) {
	tb.Helper()
	Run(tb, dir, t.LD[0], slices.Concat(t.LD[1:], args)...)
}

// Object compiles a source of testdata/c with kernel flags: freestanding, without
// position-independent code. It returns the path of the object file. It works in tests of packages
// two directories below the top.
func Object(t testing.TB, target Target, source string, flags ...string) (path string) {
	t.Helper()
	dir := t.TempDir()
	from, err := filepath.Abs(filepath.Join("..", "..", "testdata", "c", source))
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"-c", "-g", "-O2", "-ffreestanding", "-fno-pic",
		"-fno-asynchronous-unwind-tables", "-w",
		"-o", "x.o"}, target.Flags...)
	Run(t, dir, target.CC, append(append(args, flags...), from)...)
	return filepath.Join(dir, "x.o")
}

// Read returns the contents of a file.
func Read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
