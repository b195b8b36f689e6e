// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package cli

import (
	"fmt"
	"strings"
)

// identifier returns a program's name as part of the name of a shell function.
func identifier(p *page) string { return strings.ReplaceAll(p.Name, "-", "_") }

func words(c described) string {
	var list []string
	for _, o := range c.options {
		list = append(list, "--"+o.long)
	}
	return strings.Join(append(list, "--help"), " ")
}

func names(p *page) string {
	var list []string
	for _, c := range p.Commands {
		list = append(list, c.Name)
	}
	return strings.Join(list, " ")
}

// everyChoice returns the flags of a program and its commands that accept fixed words.
func everyChoice(p *page) (list []option) {
	for _, c := range p.commands {
		for _, o := range c.options {
			if o.choices() != nil {
				list = append(list, o)
			}
		}
	}
	return list
}

func bash(p *page) string {
	var s strings.Builder
	fmt.Fprintf(&s, `# bash completion of %[1]s

_%[2]s() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words
	case $prev in
`, p.Name, identifier(p))
	for _, o := range everyChoice(p) {
		fmt.Fprintf(&s, "\t--%s) mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$cur\"); return ;;\n",
			o.long, strings.Join(o.choices(), " "))
	}
	s.WriteString("\tesac\n\tcase ${COMP_WORDS[1]} in\n")
	for _, c := range p.commands[1:] {
		fmt.Fprintf(&s, "\t%s) words='%s' ;;\n", c.Name, words(c))
	}
	fmt.Fprintf(&s, `	*) words='%s' ;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	elif [[ $COMP_CWORD -eq 1 ]]; then
		mapfile -t COMPREPLY < <(compgen -W '%s' -- "$cur"; compgen -f -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
}
complete -o filenames -F _%s %s
`, words(p.program()), names(p), identifier(p), p.Name)
	return s.String()
}

// quoted returns text in single quotes.
func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

func zsh(p *page) string {
	var s strings.Builder
	fmt.Fprintf(&s, "#compdef %[1]s\n# zsh completion of %[1]s\n\nlocal -a commands\ncommands=(\n", p.Name)
	for _, c := range p.Commands {
		fmt.Fprintf(&s, "\t%s\n", quoted(c.Name+":"+c.Summary))
	}
	s.WriteString(`)
if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
	_describe command commands
	_files
	return
fi
case $words[2] in
`)
	arguments := func(pattern string, c described) {
		fmt.Fprintf(&s, "%s)\n\t_arguments -s", pattern)
		for _, o := range c.options {
			usage := strings.NewReplacer("[", `\[`, "]", `\]`).Replace(o.usage)
			value := ""
			switch {
			case o.choices() != nil:
				value = ":" + o.value + ":(" + strings.Join(o.choices(), " ") + ")"
			case o.value != "" && !o.optional:
				value = ":" + o.value + ":_files"
			}
			fmt.Fprintf(&s, " \\\n\t\t%s", quoted("--"+o.long+"["+usage+"]"+value))
		}
		s.WriteString(" \\\n\t\t'--help[print help]' '*:file:_files'\n\t;;\n")
	}
	for _, c := range p.commands[1:] {
		arguments(c.Name, c)
	}
	arguments("*", p.program())
	s.WriteString("esac\n")
	return s.String()
}

func fish(p *page) string {
	var s strings.Builder
	fmt.Fprintf(&s, "# fish completion of %s\n", p.Name)
	none := "not __fish_seen_subcommand_from " + names(p)
	for _, c := range p.Commands {
		fmt.Fprintf(&s, "complete -c %s -n %s -a %s -d %s\n", p.Name, quoted(none), c.Name, quoted(c.Summary))
	}
	options := func(when string, c described) {
		for _, o := range c.options {
			fmt.Fprintf(&s, "complete -c %s -n %s -l %s", p.Name, quoted(when), o.long)
			if o.short != "" {
				fmt.Fprintf(&s, " -s %s", o.short)
			}
			switch {
			case o.choices() != nil:
				fmt.Fprintf(&s, " -x -a %s", quoted(strings.Join(o.choices(), " ")))
			case o.value != "" && !o.optional:
				s.WriteString(" -r")
			}
			fmt.Fprintf(&s, " -d %s\n", quoted(o.usage))
		}
	}
	options(none, p.program())
	for _, c := range p.commands[1:] {
		options("__fish_seen_subcommand_from "+c.Name, c)
	}
	return s.String()
}
