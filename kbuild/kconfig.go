// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import "strings"

// kconfigEntry is a config or menuconfig entry of a Kconfig file.
type kconfigEntry struct {
	symbol string // without CONFIG_
	first  int    // index of the first line
	end    int    // index after the last line that is neither blank nor a comment
}

// parseKconfig returns the entries of a Kconfig file. An entry ends before the
// next keyword in the first column.
func parseKconfig(lines []string) []kconfigEntry {
	var entries []kconfigEntry
	inEntry := false
	for i, line := range lines {
		text := strings.TrimSpace(line)
		switch {
		case text == "":
		case line[0] == ' ' || line[0] == '\t':
			if inEntry {
				entries[len(entries)-1].end = i + 1
			}
		case line[0] == '#':
		default:
			words := strings.Fields(text)
			inEntry = len(words) == 2 && (words[0] == "config" || words[0] == "menuconfig")
			if inEntry {
				entries = append(entries, kconfigEntry{words[1], i, i + 1})
			}
		}
	}
	return entries
}
