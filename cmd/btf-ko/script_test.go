// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kbtf/kbtf/internal/tooltest"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"btf-ko": main, "pahole": main, "resolve_btfids": main, "btf-ko-measured": measured,
	})
}

// TestScripts runs testdata/script-btf-ko. Each script starts with the files of buildFixture in its
// directory. Besides testscript's own commands, it can use those in scriptCommands.
func TestScripts(t *testing.T) {
	fixture, bpftool := buildFixture(t, 5), tooltest.Bpftool(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/script-btf-ko",
		RequireExplicitExec: true,
		Cmds:                scriptCommands,
		// With coverage, programs write another file on exit, which also hits limits of the file size.
		Condition: func(name string) (bool, error) {
			if name != "cover" {
				return false, fmt.Errorf("unknown condition %s", name)
			}
			return testing.CoverMode() != "", nil
		},
		Setup: func(env *testscript.Env) error {
			tools := filepath.Join(env.WorkDir, "tools")
			if err := os.Mkdir(tools, 0o755); err != nil {
				return err
			}
			if err := os.Symlink(bpftool, filepath.Join(tools, "bpftool")); err != nil {
				return err
			}
			env.Setenv("PATH", tools+":"+env.Getenv("PATH"))
			env.Values["kept"] = map[string][]byte{}
			return os.CopyFS(env.WorkDir, os.DirFS(fixture))
		},
	})
}

// buildFixture compiles testdata/c with a version of DWARF: vmlinux with BTF, vmlinux.plain without, and the
// modules ring.ko and echo.ko.
func buildFixture(t testing.TB, dwarf int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	command := func(name string, args ...string) {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
		}
	}
	sources, err := filepath.Abs("../../testdata/c")
	if err != nil {
		t.Fatal(err)
	}
	for _, unit := range []string{"vmlinux", "ring", "echo"} {
		command("gcc", "-c", fmt.Sprintf("-gdwarf-%d", dwarf), "-O2", "-ffreestanding", "-fno-pic", "-fno-pie",
			"-fno-asynchronous-unwind-tables", "-fdebug-prefix-map="+sources+"=.",
			"-o", unit+".o", filepath.Join(sources, unit+".c"))
	}
	command("ld", "-e", "start_kernel", "-o", "vmlinux.plain", "vmlinux.o")
	command("ld", "-r", "-o", "ring.ko", "ring.o")
	command("ld", "-r", "-o", "echo.ko", "echo.o")
	command("cp", "vmlinux.plain", "vmlinux")
	var stderr bytes.Buffer
	if status := run([]string{filepath.Join(dir, "vmlinux")}, &stderr, &stderr); status != exitDone {
		t.Fatalf("btf-ko vmlinux: exit status %d\n%s", status, stderr.String())
	}
	return dir
}

var scriptCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"exits":   exits,
	"keep":    keep,
	"kept":    kept,
	"touched": touched,
}

// exits implements "exits STATUS PROGRAM [ARG...]", which runs a program that must exit with this status. If
// the status is not 0, the program must print one line on stderr, or an answer on stdout.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS PROGRAM [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	status := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		status = exit.ExitCode()
	}
	stderr := ts.ReadFile("stderr")
	if status != want {
		ts.Fatalf("exit status %d, want %d", status, want)
	}
	answer := stderr == "" && ts.ReadFile("stdout") != ""
	if lines := strings.Count(stderr, "\n"); status != 0 && !answer && (lines != 1 || !strings.HasSuffix(stderr, "\n")) {
		ts.Fatalf("%d lines on stderr, want 1", lines)
	}
}

// longAgo is the time stamp that keep sets.
var longAgo = time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)

// keep implements "keep FILE...", which remembers the contents of files and sets old time stamps.
func keep(ts *testscript.TestScript, neg bool, args []string) {
	for _, file := range args {
		path := ts.MkAbs(file)
		data, err := os.ReadFile(path)
		ts.Check(err)
		ts.Value("kept").(map[string][]byte)[file] = data
		ts.Check(os.Chtimes(path, longAgo, longAgo))
	}
}

// kept implements "kept FILE...", which checks that files are unchanged since keep, including their time
// stamps.
func kept(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("unsupported: ! kept")
	}
	for _, file := range args {
		if !sameBytes(ts, file) {
			ts.Fatalf("%s: changed", file)
		}
		if at := modTime(ts, file); !at.Equal(longAgo) {
			ts.Fatalf("%s: has a new time stamp", file)
		}
	}
}

// touched implements "touched FILE...", which checks that files have new time stamps, but the same contents
// as at keep.
func touched(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("unsupported: ! touched")
	}
	for _, file := range args {
		if !sameBytes(ts, file) {
			ts.Fatalf("%s: changed", file)
		}
		if at := modTime(ts, file); !at.After(longAgo) {
			ts.Fatalf("%s: has its old time stamp", file)
		}
	}
}

func sameBytes(ts *testscript.TestScript, file string) bool {
	before, ok := ts.Value("kept").(map[string][]byte)[file]
	if !ok {
		ts.Fatalf("%s: not kept", file)
	}
	return bytes.Equal([]byte(ts.ReadFile(file)), before)
}

func modTime(ts *testscript.TestScript, file string) time.Time {
	st, err := os.Stat(ts.MkAbs(file))
	ts.Check(err)
	return st.ModTime()
}
