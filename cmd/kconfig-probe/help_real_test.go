// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package main

import (
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/cli/clitest"
)

func TestManual(t *testing.T) {
	clitest.Manual(t, program(), "kconfig-probe split-btf", "--numeric", "EXAMPLES", "SEE ALSO", "PAHOLE")
}

func TestOtherCompletions(t *testing.T) {
	if offered := clitest.OtherShells(t, program(), "kconfig-probe split"); !strings.Contains(offered, "split-btf\t") {
		t.Errorf("fish offers %q", offered)
	}
}
