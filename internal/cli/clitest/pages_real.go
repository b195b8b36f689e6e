// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package clitest

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/cli"
)

// Manual has man format the manual page of a program, which must contain some texts.
func Manual(t *testing.T, program *cli.Command, wants ...string) {
	t.Helper()
	cmd := exec.Command("man", "--warnings", "--local-file", "--no-justification", "--no-hyphenation",
		Output(t, program, "help", "--man"))
	cmd.Env = append(os.Environ(), "MANWIDTH=100", "LC_ALL=C", "MAN_KEEP_FORMATTING=", "MANROFFOPT=-c")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Errorf("%v: %v\n%s", cmd.Args, err, stderr.String())
	}
	for _, want := range wants {
		if !strings.Contains(string(out), want) {
			t.Errorf("%s(1) has no %q:\n%s", program.Name, want, out)
		}
	}
}

// OtherShells has zsh and fish parse the completions of a program, and returns what fish offers for a
// command line.
func OtherShells(t *testing.T, program *cli.Command, line string) string {
	t.Helper()
	Run(t, "zsh", "-n", Output(t, program, "completion", "zsh"))
	fish := Output(t, program, "completion", "fish")
	Run(t, "fish", "--no-execute", fish)
	return Run(t, "fish", "--no-config", "-c", "source "+fish+"; complete --do-complete '"+line+"'")
}
