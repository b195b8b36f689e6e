// SPDX-License-Identifier: GPL-2.0-only

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

// Faults are injected into the real program by strace: a system call fails, or the process is killed at it, at the first time that it
// is made, the second, and so on. Whatever happens, the files are as before or as they are to be, and the next run makes them so.

var thorough = flag.Bool("thorough", false, "inject faults into every call, not only into the first few")

// firstCalls is the number of calls of a kind that get a fault. The build tag real raises it.
var firstCalls = 3

// A task is what is done when a fault comes.
type task struct {
	name  string
	args  []string // of btf-ko
	files []string // that it writes
}

var faultTasks = []task{
	{"attach", []string{"--btf_base", "vmlinux", "ring.ko"}, []string{"ring.ko"}},
	{"attach again", []string{"--btf_base", "vmlinux", "encoded.ko"}, []string{"encoded.ko"}},
	{"in place of a signature", []string{"--strip_signature", "--btf_base", "vmlinux", "signed.ko"}, []string{"signed.ko"}},
	{"detached", []string{"--btf_base", "vmlinux", "--btf_encode_detached", "new.btf", "ring.ko"}, []string{"new.btf"}},
	{"detached, over another", []string{"--btf_base", "vmlinux", "--btf_encode_detached", "old.btf", "ring.ko"}, []string{"old.btf"}},
	{"strip", []string{"strip", "encoded.ko"}, []string{"encoded.ko"}},
	{"strip another program's", []string{"strip", "foreign.ko"}, []string{"foreign.ko"}},
	{"debug file", []string{"--btf_base", "vmlinux", "--debug_file", "whole.ko", "stripped.ko"}, []string{"stripped.ko"}},
	{"base", []string{"base", "vmlinux"}, []string{"vmlinux.btfbase"}},
	{"two modules", []string{"-j1", "--btf_base", "vmlinux", "ring.ko", "echo.ko"}, []string{"ring.ko", "echo.ko"}},
}

// An injection is what strace's -e inject= takes, but for when.
type injection struct {
	call, what string
}

func faults() (list []injection) {
	for _, call := range []string{"openat", "read", "write", "pwrite64", "ftruncate", "fchmod", "fchown", "fsetxattr", "flock", "renameat", "unlinkat", "utimensat", "close", "munmap"} {
		list = append(list, injection{call, "signal=SIGKILL"})
	}
	for _, call := range []string{"write", "pwrite64"} {
		list = append(list, injection{call, "error=ENOSPC"}, injection{call, "error=EIO"})
	}
	return append(list, injection{"openat", "error=EMFILE"}, injection{"openat", "error=EACCES"}, injection{"read", "error=EIO"}, injection{"pread64", "error=EIO"},
		injection{"mmap", "error=ENODEV"}, injection{"mmap", "error=ENOMEM"}, injection{"ftruncate", "error=EIO"}, injection{"fchmod", "error=EPERM"},
		injection{"fchown", "error=EPERM"}, injection{"renameat", "error=EXDEV"}, injection{"renameat", "error=EACCES"}, injection{"utimensat", "error=EPERM"},
		injection{"flock", "error=ENOLCK"}, injection{"newfstatat", "error=EIO"}, injection{"fstat", "error=EIO"})
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

// signed is a module with a signature of 700 bytes.
func signed(module []byte) []byte {
	const size = 700
	info := [12]byte{10: size >> 8, 11: size & 0xff} // struct module_signature
	return slices.Concat(module, make([]byte, size), info[:], []byte("~Module signature appended~\n"))
}

// faultFixture is buildFixture's, with a module that has BTF of another base, a signed one, one with
// BTF by another program, a stripped one and what it was, and output of an earlier run.
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
	before, after map[string][]byte // the files that the task writes
	names         []string          // all files afterwards
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

// run runs the task under a tracer's command line, or as it is.
func (f *faultRun) run(dir string, tracer ...string) (output []byte, err error) {
	words := slices.Concat(tracer, []string{f.program}, f.args)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "KBTF_BASE_CACHE=off", "GOMAXPROCS=1", "MAKEFLAGS=")
	return cmd.CombinedOutput()
}

// inject injects a fault at the first call, the second, until there is none, and returns how often.
func (f *faultRun) inject(x injection) (injected int64) {
	most, missed := firstCalls, 0
	if *thorough {
		most = 200
	}
	for when := 1; when <= most && missed < 2; when++ {
		dir := f.copy()
		log := filepath.Join(f.t.TempDir(), "log")
		output, err := f.run(dir, "strace", "-f", "-o", log, "-e", "trace="+x.call, "-e", fmt.Sprintf("inject=%s:%s:when=%d", x.call, x.what, when))
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
		if !asBefore && killed { // killed while attaching, or detaching: bytes that belong to nothing may be behind the end
			for _, whole := range [][]byte{f.before[name], f.after[name]} {
				rest, ok := bytes.CutPrefix(b, whole)
				asBefore = asBefore || ok && len(whole) > 0 && bytes.HasPrefix(rest, []byte("kbtf attaching 1"))
			}
		}
		if !asBefore && !bytes.Equal(b, f.after[name]) && !f.inBetween(dir, name) {
			t.Errorf("%s: %s is neither as before nor as it is to be", what, name)
		}
		if err == nil && !bytes.Equal(b, f.after[name]) {
			t.Errorf("%s: no error, but %s is not as it is to be", what, name)
		}
	}
	if !killed {
		if strings.Contains(string(output), "goroutine ") && !strings.Contains(what, "mmap") { // the runtime's own memory
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
			t.Errorf("%s: after the next run %s is not as it is to be", what, name)
		}
	}
	if !slices.Equal(names, f.names) {
		t.Errorf("%s: after the next run there are %v, want %v", what, names, f.names)
	}
}

// inBetween tells whether a module that was encoded before is whole, with the old BTF or the new one: see Attach.
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
		if want, err := section(path, ".BTF"); err == nil && bytes.Equal(got, want) { // the signed one has none before
			return true
		}
	}
	return false
}
