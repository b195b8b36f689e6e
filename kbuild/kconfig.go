// SPDX-License-Identifier: GPL-2.0-only

package kbuild

import "strings"

// kconfigEntry is one config or menuconfig block of a Kconfig file.
type kconfigEntry struct {
	symbol string // without CONFIG_
	first  int    // index of its first line
	end    int    // index after its last line that is neither blank nor a comment
}

// parseKconfig finds the entries. A block ends where the next word stands in
// the first column; blank lines and comments before that belong to neither.
func parseKconfig(lines []string) []kconfigEntry {
	var entries []kconfigEntry
	open := false
	for i, line := range lines {
		text := strings.TrimSpace(line)
		switch {
		case text == "":
		case line[0] == ' ' || line[0] == '\t':
			if open {
				entries[len(entries)-1].end = i + 1
			}
		case line[0] == '#':
		default:
			words := strings.Fields(text)
			open = len(words) == 2 && (words[0] == "config" || words[0] == "menuconfig")
			if open {
				entries = append(entries, kconfigEntry{words[1], i, i + 1})
			}
		}
	}
	return entries
}
