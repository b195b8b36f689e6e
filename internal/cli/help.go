// SPDX-License-Identifier: GPL-2.0-only

// Package cli is what the commands of this project have in common: how their --help looks, of which scripts/tools/man makes manual
// pages and completions.
package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// Width is how wide help is, in columns.
const Width = 80

// Help is what --help prints of a command, in this order.
type Help struct {
	Synopsis string   // behind "usage: "
	Text     string   // what it does; wrapped
	Commands []string // those of a program, each "NAME  SUMMARY"
	Exit     string   // behind "Exit status: "
	Examples []string // command lines, each perhaps with a comment
}

// Format writes help, with the flags of the command but for those that are hidden.
func (h *Help) Format(flags *pflag.FlagSet) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s\n%s\n", Wrap("usage: "+h.Synopsis, len("usage: ")), Wrap(h.Text, 0))
	if len(h.Commands) > 0 {
		fmt.Fprintf(&s, "\n  %s\n", strings.Join(h.Commands, "\n  "))
	}
	if list := formatFlags(flags); list != "" {
		fmt.Fprintf(&s, "\n%s", list)
	}
	fmt.Fprintf(&s, "\n%s\n", Wrap("Exit status: "+h.Exit, 0))
	for _, e := range h.Examples {
		fmt.Fprintf(&s, "    %s\n", e)
	}
	return s.String()
}

// formatFlags lists flags as pflag does, but without the values that a switch could be given.
func formatFlags(flags *pflag.FlagSet) string {
	var names, usages []string
	width := 0
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		name := "      --" + f.Name
		if f.Shorthand != "" {
			name = "  -" + f.Shorthand + ", --" + f.Name
		}
		if value != "" && f.Value.Type() != "bool" {
			if f.NoOptDefVal != "" {
				name += "[=" + value + "]"
			} else {
				name += " " + value
			}
		}
		names, usages = append(names, name), append(usages, usage)
		width = max(width, len(name))
	})
	var s strings.Builder
	for i, name := range names {
		fmt.Fprintf(&s, "%-*s  %s\n", width, name, Wrap(usages[i], width+2))
	}
	return s.String()
}

// Wrap breaks text into lines that all but the first are indented.
func Wrap(text string, indent int) string {
	var s strings.Builder
	at := indent
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case at+1+len(word) > Width:
			s.WriteString("\n" + strings.Repeat(" ", indent))
			at = indent
		default:
			s.WriteByte(' ')
			at++
		}
		s.WriteString(word)
		at += len(word)
	}
	return s.String()
}
