// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package cli

import (
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// Only macros start with a dot.
func TestManualLines(t *testing.T) {
	p := &Command{
		Name: "x", Summary: ".a 'b \\c",
		Help: Help{Synopsis: "x .A", Text: "\nReads\n.BTF, and\n'quotes'", Exit: ".0 done", Examples: []string{".x"}},
		Flags: func(flags *pflag.FlagSet) func(*Call) int {
			flags.String("file", "", ".BTF of `FILE`")
			return nil
		},
	}
	macro := regexp.MustCompile(`^\.(TH|SH|SS|TP|PP|B|br|nf|fi)\b`)
	for line := range strings.Lines(p.manual()) {
		if strings.ContainsAny(line[:1], ".'") && !macro.MatchString(line) {
			t.Errorf("troff reads a macro: %q", line)
		}
	}
}
