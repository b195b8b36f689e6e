// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package main

import (
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/cli/clitest"
)

func TestManual(t *testing.T) {
	clitest.Manual(t, program(), "--lang_exclude LIST", "btf-ko dump [--btf_base FILE]", "-v, --verbose", "EXIT STATUS",
		"btf-ko strip drivers/net/dummy.ko", "KBTF_BASE_CACHE")
}

func TestOtherCompletions(t *testing.T) {
	if offered := clitest.OtherShells(t, program(), "btf-ko rep"); !strings.Contains(offered, "report\t") {
		t.Errorf("fish offers %q", offered)
	}
	if offered := clitest.OtherShells(t, program(), "btf-ko report --ht"); !strings.Contains(offered, "--html") {
		t.Errorf("fish offers %q", offered)
	}
}
