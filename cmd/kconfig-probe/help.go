// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"strings"

	"github.com/kbtf/kbtf/internal/cli"
)

// ending is the end of a command's --help.
type ending struct {
	exit     string
	examples []string
}

const answers = "0 for y, 1 for n, 2 if unknown, which prints n"

var endings = map[string]ending{
	"split-btf": {answers, []string{
		"kconfig-probe split-btf",
		"kconfig-probe split-btf --encoder 'ccache pahole' -v",
		"def_bool $(success,kconfig-probe split-btf)        # in Kconfig",
	}},
	"btf-modules": {answers, []string{
		"kconfig-probe btf-modules -v",
		"kconfig-probe btf-modules --config /boot/config-6.1.0",
		"if kconfig-probe btf-modules; then echo BTF; fi",
	}},
	"version": {"0 done, 2 the version is unknown", []string{
		"kconfig-probe version",
		"kconfig-probe version --numeric",
		"kconfig-probe version --encoder btf-ko",
	}},
	"doctor": {"0 no problems, but perhaps warnings; 1 problems; 2 error", []string{
		"kconfig-probe doctor",
		"kconfig-probe doctor ~/linux-6.1 --encoder pahole",
		"kconfig-probe doctor ~/linux-6.1 --against /boot/config-6.1.0",
	}},
	"patch": {"0 done or nothing to do; 1 not patched (--check); 2 error", []string{
		"kconfig-probe patch ~/linux-5.10 > split-btf.patch",
		"kconfig-probe patch ~/linux-5.10 --apply",
		"kconfig-probe patch ~/linux-5.10 --check",
	}},
	"fragment": {"0 done, 2 no such fragment", []string{
		"kconfig-probe fragment kconfig",
		"kconfig-probe fragment modfinal",
		"kconfig-probe fragment modfinal --encoder pahole",
	}},
}

// help returns the help of a command. Its summary begins with the synopsis.
func (c *command) help() *cli.Help {
	synopsis, text, _ := strings.Cut(c.summary, "\n")
	end := endings[c.name]
	return &cli.Help{Synopsis: synopsis, Text: text, Exit: end.exit, Examples: end.examples}
}
