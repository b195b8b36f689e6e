// SPDX-License-Identifier: GPL-2.0-only

//go:build real

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestManualPages(t *testing.T) {
	dir := pages(t)
	for name, wants := range map[string][]string{
		"btf-ko": {"--lang_exclude LIST", "btf-ko dump [--btf_base FILE]", "-v, --verbose", "EXIT STATUS",
			"btf-ko strip drivers/net/dummy.ko"},
		"kconfig-probe": {"kconfig-probe split-btf", "--numeric", "EXAMPLES", "SEE ALSO"},
	} {
		page := filepath.Join(dir, "man", name+".1")
		cmd := exec.Command("man", "--warnings", "--local-file", "--no-justification", "--no-hyphenation", page)
		cmd.Env = append(os.Environ(), "MANWIDTH=100", "LC_ALL=C", "MAN_KEEP_FORMATTING=", "MANROFFOPT=-c")
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil || stderr.Len() > 0 {
			t.Errorf("man %s: %v\n%s", name, err, stderr.String())
		}
		for _, want := range wants {
			if !strings.Contains(string(out), want) {
				t.Errorf("%s(1) has no %q:\n%s", name, want, out)
			}
		}
	}
}

// zsh and fish accept their completions.
func TestOtherCompletions(t *testing.T) {
	dir := pages(t)
	for _, name := range []string{"btf-ko", "kconfig-probe"} {
		run(t, "zsh", "-n", filepath.Join(dir, "zsh", "_"+name))
		run(t, "fish", "--no-execute", filepath.Join(dir, "fish", name+".fish"))
	}
	offered := run(t, "fish", "--no-config", "-c", "source "+filepath.Join(dir, "fish", "btf-ko.fish")+
		"; complete --do-complete 'btf-ko rep'; complete --do-complete 'btf-ko report --ht'")
	if !strings.Contains(offered, "report\twhat the BTF of modules takes") || !strings.Contains(offered, "--html") {
		t.Errorf("fish offers %q", offered)
	}
}
