// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// strace injects faults into the program: the Nth system call of a kind fails, or kills the process. After
// each fault, a file must have either its old or its new contents, and the next run must succeed.

var thorough = flag.Bool("thorough", false, "inject faults into all calls, not only the first few")

// firstCalls is the number of calls of each kind to inject faults into. The build tag real raises it.
var firstCalls = 3

// A task is a run of btf-ko to inject faults into.
type task struct {
	name  string
	args  []string // arguments of btf-ko
	files []string // files that it writes
}

var faultTasks = []task{
	{"attach", []string{"--btf_base", "vmlinux", "ring.ko"}, []string{"ring.ko"}},
	{"attach again", []string{"--btf_base", "vmlinux", "encoded.ko"}, []string{"encoded.ko"}},
	{"in place of a signature", []string{"--strip_signature", "--btf_base", "vmlinux", "signed.ko"},
		[]string{"signed.ko"}},
	{"detached", []string{"--btf_base", "vmlinux", "--btf_encode_detached", "new.btf", "ring.ko"}, []string{"new.btf"}},
	{"detached, over another", []string{"--btf_base", "vmlinux", "--btf_encode_detached", "old.btf", "ring.ko"},
		[]string{"old.btf"}},
	{"strip", []string{"strip", "encoded.ko"}, []string{"encoded.ko"}},
	{"strip another program's", []string{"strip", "foreign.ko"}, []string{"foreign.ko"}},
	{"debug file", []string{"--btf_base", "vmlinux", "--debug_file", "whole.ko", "stripped.ko"},
		[]string{"stripped.ko"}},
	{"base", []string{"base", "vmlinux"}, []string{"vmlinux.btfbase"}},
	{"two modules", []string{"-j1", "--btf_base", "vmlinux", "ring.ko", "echo.ko"}, []string{"ring.ko", "echo.ko"}},
}

// An injection is an argument of strace's -e inject=, without "when".
type injection struct {
	call, what string
}

func faults() (list []injection) {
	for _, call := range []string{
		"openat", "read", "write", "pwrite64", "ftruncate", "fchmod", "fchown", "fsetxattr", "flock",
		"renameat", "unlinkat", "utimensat", "close", "munmap",
	} {
		list = append(list, injection{call, "signal=SIGKILL"})
	}
	for _, call := range []string{"write", "pwrite64"} {
		list = append(list, injection{call, "error=ENOSPC"}, injection{call, "error=EIO"})
	}
	return append(list, []injection{
		{"openat", "error=EMFILE"}, {"openat", "error=EACCES"}, {"read", "error=EIO"}, {"pread64", "error=EIO"},
		{"mmap", "error=ENODEV"}, {"mmap", "error=ENOMEM"}, {"ftruncate", "error=EIO"}, {"fchmod", "error=EPERM"},
		{"fchown", "error=EPERM"}, {"renameat", "error=EXDEV"}, {"renameat", "error=EACCES"},
		{"utimensat", "error=EPERM"}, {"flock", "error=ENOLCK"}, {"newfstatat", "error=EIO"}, {"fstat", "error=EIO"},
	}...)
}

func TestFaults(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Fatal("strace is not installed: scripts/setup test installs it")
	}
	program := filepath.Join(t.TempDir(), "btf-ko")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	fixture := faultFixture(t)
	var injected atomic.Int64
	for _, job := range faultTasks {
		t.Run(job.name, func(t *testing.T) {
			t.Parallel()
			f := faultRun{t: t, program: program, task: job, fixture: fixture}
			f.before, _ = f.snapshot(fixture)
			dir := f.copy()
			if out, err := f.run(dir); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			f.after, f.names = f.snapshot(dir)
			for _, x := range faults() {
				injected.Add(f.inject(x))
			}
		})
	}
	t.Cleanup(func() { t.Logf("%d faults injected", injected.Load()) })
}

// signed appends a signature of 700 bytes to a module.
func signed(module []byte) []byte {
	const size = 700
	info := [12]byte{10: size >> 8, 11: size & 0xff} // struct module_signature
	return slices.Concat(module, make([]byte, size), info[:], []byte("~Module signature appended~\n"))
}

// faultFixture extends buildFixture's files by modules with BTF from another base, with a signature and
// with BTF from another program, a stripped module with its original, and output of an earlier run.
func faultFixture(t *testing.T) (dir string) {
	t.Helper()
	dir = buildFixture(t, 5)
	ring, err := os.ReadFile(filepath.Join(dir, "ring.ko"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("encoded.ko", ring)
	write("signed.ko", signed(ring))
	write("old.btf", []byte("of an earlier run"))
	var stderr bytes.Buffer
	if status := run([]string{filepath.Join(dir, "encoded.ko")}, &stderr, &stderr); status != exitDone { // without a base
		t.Fatalf("exit status %d\n%s", status, stderr.String())
	}
	for _, args := range [][]string{
		{"objcopy", "--add-section", ".BTF=old.btf", "ring.ko", "foreign.ko"},
		{"ld", "-r", "--build-id=sha1", "-o", "whole.ko", "ring.ko"},
		{"strip", "-g", "-o", "stripped.ko", "whole.ko"},
	} {
		elftest.Run(t, dir, args[0], args[1:]...)
	}
	return dir
}

// A faultRun injects faults into one task.
type faultRun struct {
	t       *testing.T
	program string
	task
	fixture       string
	before, after map[string][]byte // files that the task writes
	names         []string          // all files after a run without faults
}

func (f *faultRun) copy() string {
	dir := f.t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(f.fixture)); err != nil {
		f.t.Fatal(err)
	}
	return dir
}

func (f *faultRun) snapshot(dir string) (files map[string][]byte, names []string) {
	files = map[string][]byte{}
	for _, name := range f.files {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			f.t.Fatal(err)
		}
		files[name] = b
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return files, names
}

// run runs the task, under a tracer if there is one.
func (f *faultRun) run(dir string, tracer ...string) (output []byte, err error) {
	words := slices.Concat(tracer, []string{f.program}, f.args)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "KBTF_BASE_CACHE=off", "GOMAXPROCS=1", "MAKEFLAGS=")
	return cmd.CombinedOutput()
}

// inject injects a fault into the first call, the second and so on, and returns the number of faults.
func (f *faultRun) inject(x injection) (injected int64) {
	most, missed := firstCalls, 0
	if *thorough {
		most = 200
	}
	for when := 1; when <= most && missed < 2; when++ {
		dir := f.copy()
		log := filepath.Join(f.t.TempDir(), "log")
		output, err := f.run(dir, "strace", "-f", "-o", log, "-e", "trace="+x.call,
			"-e", fmt.Sprintf("inject=%s:%s:when=%d", x.call, x.what, when))
		trace, readErr := os.ReadFile(log)
		if readErr != nil {
			f.t.Fatalf("strace: %v\n%s", readErr, output)
		}
		if !bytes.Contains(trace, []byte("INJECTED")) && !bytes.Contains(trace, []byte("killed by SIGKILL")) {
			missed++
			continue
		}
		injected++
		what := fmt.Sprintf("%s %s, time %d (%v: %s)", x.call, x.what, when, err, strings.TrimSpace(string(output)))
		f.check(dir, what, x.what == "signal=SIGKILL", err, output)
	}
	return injected
}

func (f *faultRun) check(dir, what string, killed bool, err error, output []byte) {
	t := f.t
	t.Helper()
	now, names := f.snapshot(dir)
	for name, b := range now {
		asBefore := bytes.Equal(b, f.before[name])
		if !asBefore && killed { // killed while attaching or detaching: the file may have an unfinished tail
			for _, whole := range [][]byte{f.before[name], f.after[name]} {
				rest, ok := bytes.CutPrefix(b, whole)
				asBefore = asBefore || ok && len(whole) > 0 && bytes.HasPrefix(rest, []byte("kbtf attaching 1"))
			}
		}
		if !asBefore && !bytes.Equal(b, f.after[name]) && !f.inBetween(dir, name) {
			t.Errorf("%s: %s has neither the old nor the new contents", what, name)
		}
		if err == nil && !bytes.Equal(b, f.after[name]) {
			t.Errorf("%s: no error, but %s does not have the new contents", what, name)
		}
	}
	if !killed {
		if strings.Contains(string(output), "goroutine ") && !strings.Contains(what, "mmap") { // the runtime itself panics
			t.Errorf("%s: a panic", what)
		}
		for _, name := range names {
			if !slices.Contains(f.names, name) {
				t.Errorf("%s: left %s", what, name)
			}
		}
	}
	if out, err := f.run(dir); err != nil {
		t.Errorf("%s: the next run: %v\n%s", what, err, out)
	}
	now, names = f.snapshot(dir)
	for name, b := range now {
		if !bytes.Equal(b, f.after[name]) {
			t.Errorf("%s: after the next run, %s does not have the new contents", what, name)
		}
	}
	if !slices.Equal(names, f.names) {
		t.Errorf("%s: after the next run: files %v, want %v", what, names, f.names)
	}
}

// inBetween reports whether a module that already had BTF or a signature has the old BTF or the new one,
// although its other bytes differ: see Attach.
func (f *faultRun) inBetween(dir, name string) bool {
	if name != "encoded.ko" && name != "signed.ko" {
		return false
	}
	got, err := section(filepath.Join(dir, name), ".BTF")
	if err != nil {
		return false
	}
	for _, whole := range []map[string][]byte{f.before, f.after} {
		path := filepath.Join(f.t.TempDir(), name)
		if err := os.WriteFile(path, whole[name], 0o644); err != nil {
			f.t.Fatal(err)
		}
		if want, err := section(path, ".BTF"); err == nil && bytes.Equal(got, want) { // signed.ko has no BTF before
			return true
		}
	}
	return false
}
