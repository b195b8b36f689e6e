// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package cli implements the commands of the programs, their help, manual pages and completions, and
// messages.
package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// Width is the width of help, in columns.
const Width = 80

// Help is the text of --help.
type Help struct {
	Synopsis string   // after "usage: "
	Text     string   // is wrapped
	Exit     string   // after "Exit status: "
	Examples []string // command lines, with or without a comment
}

// format returns the help of a command with these flags, except hidden ones.
func (c *Command) format(flags *pflag.FlagSet) string {
	var s strings.Builder
	h := &c.Help
	fmt.Fprintf(&s, "%s\n%s\n", Wrap("usage: "+h.Synopsis, len("usage: ")), Wrap(h.Text, 0))
	if len(c.Commands) > 0 {
		width := 0
		for _, command := range c.Commands {
			width = max(width, len(command.Name))
		}
		s.WriteString("\n")
		for _, command := range c.Commands {
			fmt.Fprintf(&s, "  %-*s  %s\n", width, command.Name, command.Summary)
		}
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

// formatFlags lists flags as pflag does, but without the values of switches.
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

// Wrap breaks text into lines of Width columns, and indents all but the first.
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
