// SPDX-License-Identifier: GPL-2.0-only

package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
)

// Say prints a line: a message is one line, whatever is in it. Names of files and of what is in them come from outside, and may have
// newlines, or commands for terminals, which are shown as Go writes them.
func Say(w io.Writer, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if strings.ContainsFunc(text, unicode.IsControl) {
		var s strings.Builder
		for _, r := range text {
			if unicode.IsControl(r) {
				quoted := strconv.QuoteRune(r)
				s.WriteString(quoted[1 : len(quoted)-1])
			} else {
				s.WriteRune(r)
			}
		}
		text = s.String()
	}
	_, _ = io.WriteString(w, text+"\n")
}
