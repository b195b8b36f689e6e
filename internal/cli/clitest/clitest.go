// SPDX-License-Identifier: GPL-2.0-only

// Package clitest checks what all commands have to keep to.
package clitest

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kbtf/kbtf/internal/cli"
)

// lines is how high a terminal is that help has to fit in.
const lines = 24

// Help checks a command's --help: it fits a screen, says what the exit statuses mean and ends with three examples.
func Help(t *testing.T, program, text string) {
	t.Helper()
	all := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(all) > lines {
		t.Errorf("%d lines, a screen has %d:\n%s", len(all), lines, text)
	}
	for _, line := range all {
		if utf8.RuneCountInString(line) > cli.Width {
			t.Errorf("wider than %d columns: %s", cli.Width, line)
		}
	}
	if !strings.HasPrefix(text, "usage: "+program) {
		t.Errorf("begins with %q", all[0])
	}
	if strings.Count(text, "\nExit status: ") != 1 {
		t.Errorf("exit statuses are not told:\n%s", text)
	}
	if len(all) < 4 {
		t.Fatal(text)
	}
	for _, example := range all[len(all)-3:] {
		if !strings.HasPrefix(example, "    ") || !strings.Contains(example, strings.Fields(program)[0]) {
			t.Errorf("not an example: %q", example)
		}
	}
	if strings.HasPrefix(all[len(all)-4], "    ") {
		t.Error("more than three examples")
	}
}
