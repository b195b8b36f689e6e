// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pages generates all files of both programs.
func pages(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	bin := filepath.Join(dir, "bin") + "/"
	run(t, "go", "build", "-o", bin, "../../../cmd/btf-ko", "../../../cmd/kconfig-probe")
	for _, name := range []string{"btf-ko", "kconfig-probe"} {
		if err := write(dir, bin+name); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func run(t *testing.T, name string, args ...string) (out string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	all, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, all)
	}
	return string(all)
}

// complete returns the completions of bash for the last word.
func complete(t *testing.T, dir string, words ...string) []string {
	t.Helper()
	script := `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _` +
		strings.ReplaceAll(words[0], "-", "_") + `; printf '%s\n' "${COMPREPLY[@]}"`
	args := append([]string{"--norc", "-c", script, "bash", filepath.Join(dir, "bash", words[0])}, words...)
	return strings.Fields(run(t, "bash", args...))
}

func TestBashCompletion(t *testing.T) {
	dir := pages(t)
	t.Chdir(t.TempDir())
	if err := os.WriteFile("dummy.ko", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ words, want []string }{
		{[]string{"btf-ko", "du"}, []string{"dump", "dummy.ko"}},
		{[]string{"btf-ko", "dump", "--c"}, []string{"--c"}},
		{[]string{"btf-ko", "dump", "du"}, []string{"dummy.ko"}},
		{[]string{"btf-ko", "--on_error", ""}, []string{"fail", "strip", "keep"}},
		{[]string{"btf-ko", "report", "--h"}, []string{"--html", "--help"}},
		{[]string{"kconfig-probe", "spl"}, []string{"split-btf"}},
		{[]string{"kconfig-probe", "patch", "x", "--app"}, []string{"--apply"}},
	} {
		got := complete(t, dir, test.words...)
		slices.Sort(got)
		slices.Sort(test.want)
		if !slices.Equal(got, test.want) {
			t.Errorf("%q: %q, want %q", test.words, got, test.want)
		}
	}
}

func TestParseUnknownText(t *testing.T) {
	for _, text := range []string{"", "Usage: x\n", "usage: x\ntext\n\nExit status: 0\n",
		"usage: x\ntext\n\nanything\n\nExit status: 0\n    x\n"} {
		if h, err := parse(text); err == nil {
			t.Errorf("%q: parsed as %+v, want an error", text, h)
		}
	}
}
