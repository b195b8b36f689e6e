// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package clitest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/cli"
)

// Output calls a program and writes what it prints to a file, whose path it returns.
func Output(t *testing.T, program *cli.Command, args ...string) (path string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if status := program.Main(args, &stdout, &stderr); status != cli.ExitDone || stderr.Len() > 0 {
		t.Fatalf("%v: exit status %d, stderr %q", args, status, stderr.String())
	}
	path = filepath.Join(t.TempDir(), program.Name)
	if err := os.WriteFile(path, stdout.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// A Completion is the words of a command line and what a shell offers for the last of them.
type Completion struct{ Words, Want []string }

// Bash checks what bash completes. There is a file dummy.ko.
func Bash(t *testing.T, program *cli.Command, completions []Completion) {
	t.Helper()
	script := Output(t, program, "completion", "bash")
	t.Chdir(t.TempDir())
	if err := os.WriteFile("dummy.ko", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range completions {
		ask := `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _` +
			strings.ReplaceAll(program.Name, "-", "_") + `; printf '%s\n' "${COMPREPLY[@]}"`
		words := append([]string{program.Name}, c.Words...)
		got := strings.Fields(Run(t, "bash", append([]string{"--norc", "-c", ask, "bash", script}, words...)...))
		slices.Sort(got)
		slices.Sort(c.Want)
		if !slices.Equal(got, c.Want) {
			t.Errorf("%q: %q, want %q", words, got, c.Want)
		}
	}
}

// Run runs a command and returns what it prints.
func Run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return string(out)
}
