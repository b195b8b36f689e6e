// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
)

// Say prints a message as one line. It escapes control characters as in Go strings, because names of files,
// sections and types may contain newlines and terminal escape sequences.
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
