// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"slices"
	"strings"
)

// A Skip is the place where upstream's rule for module BTF is left out.
type Skip struct {
	Line      int    // in scripts/Makefile.modfinal, from 1
	Condition string // that leaves it out, as written; empty if there is none
}

// Skips returns the place where a Makefile.modfinal leaves out the BTF of all
// modules in a configuration, or nil. Some trees have a variant of the rule
// for LTO that only links. symbols has the values of symbols without CONFIG_.
// Conditions that are not about one symbol count as true.
func Skips(modfinal string, symbols map[string]string) *Skip {
	var (
		open    []conditional
		called  bool // btf_ko is called, and not left out
		defined = true
		skip    *Skip
	)
	lines := strings.Split(modfinal, "\n")
	for i, line := range lines {
		if open = conditionals(open, line, symbols); directiveLine().MatchString(line) {
			continue
		}
		condition := ""
		if n := slices.IndexFunc(open, func(c conditional) bool { return !c.holds }); n >= 0 {
			condition = open[n].text
		} else if m := inlineSkip().FindStringSubmatch(line); m != nil && set(symbols, m[2]) {
			condition = m[1]
		}
		switch command := btfCommand().FindStringSubmatch(line); {
		case command != nil && condition == "":
			if defined = !slices.Contains([]string{"", ":", "true", "@:"}, strings.TrimSpace(command[1])); !defined {
				skip = &Skip{i + 1, ""}
				if n := len(open); n > 0 {
					skip.Condition = open[n-1].text
				}
			}
		case !btfCall().MatchString(line):
		case condition == "":
			called = true
		case !called:
			skip = &Skip{i + 1, condition}
		}
	}
	if called && defined {
		return nil
	}
	return skip
}

var (
	btfCommand = lazy(`^ *cmd_btf_ko *[:+?]?=(.*)$`)
	btfCall    = lazy(`\$\(call [a-z_]+,[^)]*\bbtf_ko\b|\$\(cmd_btf_ko\)`)
	// $(if $(CONFIG_LTO),,$(call cmd,btf_ko)): the empty branch is the one taken.
	inlineSkip = lazy(`(\$\(if \$\(CONFIG_(\w+)\),,)`)
	ifSymbol   = lazy(`^(ifn?def) +CONFIG_(\w+)$|^(ifn?eq) +\(\$\(CONFIG_(\w+)\), *(\w*)\)$`)
)

func set(symbols map[string]string, name string) bool {
	return symbols[name] != "" && symbols[name] != "n"
}

// conditional is an ifdef, ifndef, ifeq or ifneq that is open.
type conditional struct {
	text    string // the condition as written; in later branches, the one that holds
	holds   bool   // the present branch is read
	unknown bool   // so all branches are
	taken   bool   // a branch was read
}

// conditionals returns the conditionals that are open after a line.
func conditionals(open []conditional, line string, symbols map[string]string) []conditional {
	text, _, _ := strings.Cut(line, "#")
	text = strings.TrimSpace(text)
	if strings.HasPrefix(line, "\t") {
		return open // in a recipe
	}
	last := len(open) - 1
	switch word, rest, _ := strings.Cut(text, " "); {
	case slices.Contains([]string{"ifdef", "ifndef", "ifeq", "ifneq"}, word):
		holds, known := evaluate(text, symbols)
		return append(open, conditional{text, holds || !known, !known, holds})
	case last < 0:
	case word == "endif":
		return open[:last]
	case word == "else":
		c := open[last]
		holds, known := true, true
		if rest = strings.TrimSpace(rest); rest != "" {
			holds, known = evaluate(rest, symbols)
			if !c.taken {
				c.text = rest
			}
		}
		c.unknown = c.unknown || !known
		c.holds = c.unknown || holds && !c.taken
		c.taken = c.taken || holds
		open[last] = c
	}
	return open
}

// evaluate returns the value of the condition of a directive, if it is about one symbol.
func evaluate(directive string, symbols map[string]string) (holds, known bool) {
	m := ifSymbol().FindStringSubmatch(directive)
	if m == nil {
		return false, false
	}
	if m[1] != "" {
		return set(symbols, m[2]) == (m[1] == "ifdef"), true
	}
	return (symbols[m[4]] == m[5]) == (m[3] == "ifeq"), true
}
