// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// files returns the contents of the files in a directory, by path.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	list := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		list[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// FuzzRun runs arbitrary command lines, one argument per line, next to a tree and a configuration. They
// must exit with a documented status, prefix errors with the program's name, and change files only if
// the command is patch and succeeds.
func FuzzRun(f *testing.F) {
	dir := f.TempDir()
	for _, name := range []string{"Makefile", "lib/Kconfig.debug", "scripts/Kbuild.include", "scripts/Makefile.modfinal"} {
		text, err := os.ReadFile(filepath.Join("../../testdata/minitree", name))
		if err == nil {
			err = os.MkdirAll(filepath.Dir(filepath.Join(dir, "tree", name)), 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "tree", name), text, 0o644)
		}
		if err != nil {
			f.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		".config":        "CONFIG_MODULES=y\nCONFIG_DEBUG_INFO_BTF=y\n# CONFIG_MODVERSIONS is not set\n",
		"tree/.config":   "CONFIG_DEBUG_INFO=y\nCONFIG_PAHOLE_VERSION=124\n",
		"Module.symvers": "0x12345678\tmodule_layout\tvmlinux\tEXPORT_SYMBOL\t\n",
		"empty":          "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			f.Fatal(err)
		}
	}
	was := files(f, dir)
	for _, line := range []string{
		"", "help", "--help", "-h",
		"split-btf", "split-btf\n-v\n--encoder=btf-ko", "split-btf\n--help",
		"btf-modules\n-v\n--config\nempty", "btf-modules\n--config=Module.symvers\n--encoder\nccache pahole",
		"version\n--numeric\n--encoder=", "version\n--encoder\n-",
		"doctor", "doctor\ntree\n--json", "doctor\ntree\n--config=.config\n--against\nModule.symvers",
		"doctor\n.\n--against=tree", "doctor\n--against\nempty",
		"patch\ntree", "patch\ntree\n--apply", "patch\ntree\n--check\n--encoder=pahole", "patch\ntree\n--revert",
		"patch\ntree\n-o\nx.patch\n--helper=kbuild-include", "patch\n.\n--apply\n--check",
		"patch\ntree\n--encoder=gcc",
		"fragment\nkconfig", "fragment\nmodfinal\n--encoder\npahole", "fragment\nmakefile\n--helper=modfinal",
		"fragment\nnone",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if strings.ContainsAny(line, "/\x00") || strings.Contains(line, "..") { // outside dir
			return
		}
		args := strings.Split(line, "\n")
		t.Chdir(dir)
		t.Setenv("PATH", "/nowhere") // no programs
		t.Setenv("PAHOLE", "")
		var stdout, stderr bytes.Buffer
		status := run(args, &stdout, &stderr)
		if status < exitYes || status > exitError {
			t.Errorf("%q: status %d", args, status)
		}
		for s := range strings.Lines(stderr.String()) {
			if !strings.HasPrefix(s, "kconfig-probe: ") {
				t.Errorf("%q: stderr %q", args, s)
			}
		}
		if status == exitError && strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%q: stderr is not one line: %q", args, stderr.String())
		}
		is := files(t, dir)
		for path, text := range was {
			if is[path] == text {
				continue
			}
			if status != exitYes || args[0] != "patch" {
				t.Errorf("%q: status %d, but changed %s", args, status, path)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		for path := range is {
			if _, ok := was[path]; !ok {
				_ = os.Remove(path)
				if status != exitYes || args[0] != "patch" {
					t.Errorf("%q: status %d, but left %s", args, status, path)
				}
			}
		}
	})
}
