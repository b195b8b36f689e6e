// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"testing"

	"github.com/kbtf/kbtf/internal/cli/clitest"
)

func TestHelp(t *testing.T) { clitest.Help(t, program()) }

func TestCompletion(t *testing.T) {
	clitest.Bash(t, program(), []clitest.Completion{
		{Words: []string{"du"}, Want: []string{"dump", "dummy.ko"}},
		{Words: []string{"dump", "--c"}, Want: []string{"--c"}},
		{Words: []string{"dump", "du"}, Want: []string{"dummy.ko"}},
		{Words: []string{"--on_error", ""}, Want: []string{"fail", "strip", "keep"}},
		{Words: []string{"report", "--h"}, Want: []string{"--html", "--help"}},
	})
}
