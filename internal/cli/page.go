// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package cli

import (
	"strings"

	"github.com/spf13/pflag"
)

// A page has the contents of a manual page or completion: each command with its flags, the program itself
// first.
type page struct {
	*Command
	commands []described
}

type described struct {
	*Command
	options []option
}

type option struct {
	short, long, value, usage string
	optional                  bool // the value is optional
}

// choices returns the words that the flag accepts, or nil if it accepts other values.
func (o *option) choices() []string {
	if strings.ToLower(o.value) != o.value || !strings.Contains(o.value, "|") {
		return nil
	}
	return strings.Split(o.value, "|")
}

func (p *Command) page() *page {
	all := &page{Command: p}
	for _, c := range append([]*Command{p}, p.Commands...) {
		flags, _ := (&Call{Program: p, Command: c}).flagSet()
		all.commands = append(all.commands, described{c, options(flags)})
	}
	return all
}

// program returns the program itself.
func (p *page) program() described { return p.commands[0] }

func options(flags *pflag.FlagSet) (list []option) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		o := option{short: f.Shorthand, long: f.Name}
		o.value, o.usage = pflag.UnquoteUsage(f)
		if f.Value.Type() == "bool" {
			o.value = ""
		}
		o.optional = o.value != "" && f.NoOptDefVal != ""
		list = append(list, o)
	})
	return list
}
