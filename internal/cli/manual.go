// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package cli

import (
	"fmt"
	"strings"
)

// roff escapes text for troff.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}

// paragraph returns text as one line, so that no line starts with a dot, which troff reads as a macro.
func paragraph(text string) string { return strings.Join(strings.Fields(text), " ") }

// manual returns the manual page of a program, in the man macros.
func (program *Command) manual() string {
	p := program.page()
	var s strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&s, format+"\n", args...) }
	line(`.TH %s 1 "" "kbtf" "User Commands"`, strings.ToUpper(roff(p.Name)))
	line(".SH NAME\n%s \\- %s", roff(p.Name), roff(p.Summary))
	line(".SH SYNOPSIS")
	for i, c := range p.commands {
		if i > 0 {
			line(".br")
		}
		line(".B %s", roff(c.Help.Synopsis))
	}
	line(".SH DESCRIPTION\n%s", roff(paragraph(p.Help.Text)))
	options := func(c described) {
		for _, o := range c.options {
			line(".TP")
			name := `\fB\-\-` + roff(o.long) + `\fR`
			if o.short != "" {
				name = `\fB\-` + o.short + `\fR, ` + name
			}
			switch {
			case o.optional:
				name += `[=\fI` + roff(o.value) + `\fR]`
			case o.value != "":
				name += ` \fI` + roff(o.value) + `\fR`
			}
			line("%s\n%s", name, roff(o.usage))
		}
	}
	if len(p.program().options) > 0 {
		line(".SH OPTIONS")
		options(p.program())
	}
	line(".SH COMMANDS")
	for _, c := range p.commands[1:] {
		line(".SS %s\n%s", roff(c.Help.Synopsis), roff(paragraph(c.Help.Text)))
		options(c)
		line(".PP\nExit status: %s", roff(c.Help.Exit))
	}
	line(".SH EXIT STATUS\n%s", roff(strings.ToUpper(p.Help.Exit[:1])+p.Help.Exit[1:]+"."))
	if len(p.Environment) > 0 {
		line(".SH ENVIRONMENT")
		for _, v := range p.Environment {
			line(".TP\n.B %s\n%s", roff(v.Name), roff(v.Text))
		}
	}
	line(".SH EXAMPLES\n.nf")
	for _, c := range p.commands {
		for _, e := range c.Help.Examples {
			line("%s", roff(e))
		}
	}
	line(".fi\n.SH SEE ALSO")
	var others []string
	for _, name := range []string{"btf-ko", "kconfig-probe"} {
		if name != p.Name {
			others = append(others, roff(name)+"(1)")
		}
	}
	line("%s, pahole(1), bpftool\\-btf(8)", strings.Join(others, ", "))
	return s.String()
}
