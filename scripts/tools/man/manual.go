// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"fmt"
	"strings"
)

// summaries are the descriptions for apropos and whatis.
var summaries = map[string]string{
	"btf-ko":        "encode the type information (BTF) of kernel modules",
	"kconfig-probe": "check for split BTF of kernel modules, and patch kernel trees",
}

// roff escapes text for troff.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}

// manual returns a manual page with the man macros.
func manual(p *program) string {
	var s strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&s, format+"\n", args...) }
	line(`.TH %s 1 "" "kbtf" "User Commands"`, strings.ToUpper(roff(p.name)))
	line(".SH NAME\n%s \\- %s", roff(p.name), roff(summaries[p.name]))
	line(".SH SYNOPSIS")
	for i, c := range append([]command{{help: p.help}}, p.commands...) {
		if i > 0 {
			line(".br")
		}
		line(".B %s", roff(c.synopsis))
	}
	line(".SH DESCRIPTION\n%s", roff(p.text))
	options := func(h *help) {
		for _, o := range h.flags {
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
	if len(p.flags) > 0 {
		line(".SH OPTIONS")
		options(&p.help)
	}
	line(".SH COMMANDS")
	for i := range p.commands {
		c := &p.commands[i]
		line(".SS %s\n%s", roff(c.synopsis), roff(c.text))
		options(&c.help)
		line(".PP\nExit status: %s", roff(c.exit))
	}
	line(".SH EXIT STATUS\n%s", roff(strings.ToUpper(p.exit[:1])+p.exit[1:]+"."))
	line(".SH EXAMPLES\n.nf")
	for _, h := range append([]command{{help: p.help}}, p.commands...) {
		for _, e := range h.examples {
			line("%s", roff(e))
		}
	}
	line(".fi\n.SH SEE ALSO")
	var others []string
	for _, name := range []string{"btf-ko", "kconfig-probe"} {
		if name != p.name {
			others = append(others, roff(name)+"(1)")
		}
	}
	line("%s, pahole(1), bpftool\\-btf(8)", strings.Join(others, ", "))
	return s.String()
}
