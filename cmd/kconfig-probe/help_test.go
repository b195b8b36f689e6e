// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"testing"

	"github.com/kbtf/kbtf/internal/cli/clitest"
)

func TestHelp(t *testing.T) { clitest.Help(t, program()) }

func TestCompletion(t *testing.T) {
	clitest.Bash(t, program(), []clitest.Completion{
		{Words: []string{"spl"}, Want: []string{"split-btf"}},
		{Words: []string{"patch", "x", "--app"}, Want: []string{"--apply"}},
	})
}
