// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"debug/elf"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/cilium/ebpf/btf"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"kconfig-probe": main})
}

// TestScripts runs testdata/script/kconfig-probe*.txtar. scriptCommands are
// additional commands.
func TestScripts(t *testing.T) {
	minitree, err := filepath.Abs("../../testdata/minitree")
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob("../../testdata/script/kconfig-probe*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin, "../btf-ko")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build ../btf-ko: %v\n%s", err, out)
	}
	testscript.Run(t, testscript.Params{
		Files:               scripts,
		RequireExplicitExec: true,
		Cmds:                scriptCommands,
		Setup: func(env *testscript.Env) error {
			// testscript puts the directory of kconfig-probe first.
			path := env.Getenv("PATH")
			probe := filepath.SplitList(path)[0]
			env.Setenv("PATH", bin+string(filepath.ListSeparator)+path)
			env.Setenv("PROBEPATH", probe)
			env.Setenv("SYSTEMPATH", "/usr/bin:/bin")
			env.Setenv("MINITREE", minitree)
			env.Setenv("HEADERS", filepath.Join(filepath.Dir(minitree), "headers"))
			return nil
		},
	})
}

var scriptCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"btf":   checkBTF,
	"newer": newer,
}

// checkBTF implements "btf MODULE TYPE", which checks with cilium/ebpf that the
// module has BTF split against that of vmlinux, with a struct TYPE. "! btf MODULE"
// checks that the module has none.
func checkBTF(ts *testscript.TestScript, neg bool, args []string) {
	if neg && len(args) != 1 || !neg && len(args) != 2 {
		ts.Fatalf("usage: btf MODULE TYPE or ! btf MODULE")
	}
	module := ts.MkAbs(args[0])
	f, err := elf.Open(module)
	ts.Check(err)
	defer f.Close()
	section := f.Section(".BTF")
	if neg {
		if section != nil {
			ts.Fatalf("%s: has .BTF", module)
		}
		return
	}
	if section == nil {
		ts.Fatalf("%s: has no .BTF", module)
	}
	data, err := section.Data()
	ts.Check(err)
	base, err := btf.LoadSpec(ts.MkAbs("vmlinux"))
	ts.Check(err)
	split, err := btf.LoadSplitSpecFromReader(bytes.NewReader(data), base)
	ts.Check(err)
	var found *btf.Struct
	ts.Check(split.TypeByName(args[1], &found))
}

// newer implements "newer FILE", which touches the file until it is newer than
// all others. Timestamps of files have a resolution of some milliseconds.
func newer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: newer FILE")
	}
	file := ts.MkAbs(args[0])
	var newest time.Time
	ts.Check(filepath.WalkDir(ts.Getenv("WORK"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.ModTime().After(newest) {
			newest = info.ModTime()
		}
		return err
	}))
	for {
		ts.Check(exec.Command("touch", file).Run())
		info, err := os.Stat(file)
		ts.Check(err)
		if info.ModTime().After(newest) {
			return
		}
	}
}
