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
		if status := run(append(args, "--help"), &stdout, &stderr); status != exitDone || stderr.Len() > 0 {
			t.Errorf("%v: exit status %d, stderr %q", args, status, stderr.String())
		}
		return stdout.String()
	}
	t.Run("btf-ko", func(t *testing.T) {
		clitest.Help(t, "btf-ko", help())
		for name := range commands {
			if !strings.Contains(help(), "\n  "+name+" ") {
				t.Errorf("%s is missing", name)
			}
		}
	})
	for name := range commands {
		t.Run(name, func(t *testing.T) { clitest.Help(t, "btf-ko "+name, help(name)) })
	}
}
