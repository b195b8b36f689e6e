// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package clitest checks the rules that all commands follow.
package clitest

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kbtf/kbtf/internal/cli"
)

// lines is the height of the terminal that help has to fit.
const lines = 24

// Help checks the --help and help of a program and its commands: it fits a screen, lists all commands,
// explains the exit statuses and ends with three examples.
func Help(t *testing.T, program *cli.Command) {
	t.Helper()
	print := func(args ...string) string {
		var stdout, stderr bytes.Buffer
		if status := program.Main(args, &stdout, &stderr); status != cli.ExitDone || stderr.Len() > 0 {
			t.Errorf("%v: exit status %d, stderr %q", args, status, stderr.String())
		}
		return stdout.String()
	}
	t.Run(program.Name, func(t *testing.T) {
		help(t, program.Name, print("--help"))
		if print("help") != print("--help") {
			t.Error("help and --help differ")
		}
		for _, c := range program.Commands {
			if !strings.Contains(print("--help"), "\n  "+c.Name+" ") {
				t.Errorf("%s is missing", c.Name)
			}
		}
	})
	for _, c := range program.Commands {
		t.Run(c.Name, func(t *testing.T) {
			help(t, program.Name+" "+c.Name, print(c.Name, "--help"))
			if print("help", c.Name) != print(c.Name, "--help") {
				t.Error("help and --help differ")
			}
		})
	}
}

func help(t *testing.T, program, text string) {
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
		t.Errorf("no exit statuses:\n%s", text)
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
