// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/cli/clitest"
)

func TestHelp(t *testing.T) {
	help := func(args ...string) string {
		var stdout, stderr bytes.Buffer
		if status := run(append(args, "--help"), &stdout, &stderr); status != exitYes || stderr.Len() > 0 {
			t.Errorf("%v: exit status %d, stderr %q", args, status, stderr.String())
		}
		return stdout.String()
	}
	t.Run("kconfig-probe", func(t *testing.T) {
		clitest.Help(t, "kconfig-probe", help())
		for _, c := range commands {
			if !strings.Contains(help(), "\n  "+c.name+" ") {
				t.Errorf("%s is missing", c.name)
			}
		}
	})
	for _, c := range commands {
		t.Run(c.name, func(t *testing.T) { clitest.Help(t, "kconfig-probe "+c.name, help(c.name)) })
	}
}
