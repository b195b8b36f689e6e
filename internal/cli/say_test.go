// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package cli

import (
	"strings"
	"testing"
)

func TestSayIsOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"x.ko: fine":                "x.ko: fine\n",
		"a\nb.ko: \x1b[31mred":      `a\nb.ko: \x1b[31mred` + "\n",
		"größer\t\u0085\x7f\x00end": `größer\t\u0085\x7f\x00end` + "\n",
		"not UTF-8: \xff\n":         "not UTF-8: \ufffd" + `\n` + "\n",
	} {
		var out strings.Builder
		Say(&out, "%s", text)
		if out.String() != want {
			t.Errorf("%q: %q, want %q", text, out.String(), want)
		}
	}
}
