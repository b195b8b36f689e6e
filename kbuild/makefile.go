// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import "strings"

// makefile holds the parts of a makefile that the planner needs. Conditionals
// are not evaluated: both branches are included.
type makefile struct {
	variables []variable
	includes  []include
	exports   []string
	rules     []rule
}

// variable is an assignment or a define.
type variable struct {
	name  string
	line  int    // index of the first line
	value string // continuation lines joined
}

type include struct {
	line int
	file string
}

// rule is "targets: prerequisites" or, with a static pattern,
// "targets: pattern: prerequisites".
type rule struct {
	line    int
	targets string
	pattern string // optional
	prereqs string
	recipe  []int // line indexes
}

var (
	assignmentLine = lazy(`^ *((?:(?:export|override) +)*)([A-Za-z0-9_.-]+)\s*(?:[:+?!]|::)?=\s*(.*)$`)
	defineLine     = lazy(`^ *define\s+([A-Za-z0-9_.-]+)`)
	includeLine    = lazy(`^ *[-s]?include\s+(.*)$`)
	exportLine     = lazy(`^ *export\s+([^=]*)$`)
	directiveLine  = lazy(`^ *(?:ifdef|ifndef|ifeq|ifneq|else|endif|unexport|vpath)\b`)
)

// parseMakefile parses the lines of a makefile, as split by splitLines.
func parseMakefile(lines []string) makefile {
	var m makefile
	inRule := false
	for i := 0; i < len(lines); i++ {
		first := i
		text := strings.TrimRight(lines[i], "\n")
		for strings.HasSuffix(text, `\`) && i+1 < len(lines) {
			i++
			text = strings.TrimRight(text[:len(text)-1], " \t") + " " + strings.TrimSpace(lines[i])
		}
		switch {
		case strings.HasPrefix(text, "\t") && inRule:
			r := &m.rules[len(m.rules)-1]
			for n := first; n <= i; n++ {
				r.recipe = append(r.recipe, n)
			}
			continue
		case strings.TrimSpace(text) == "" || strings.HasPrefix(strings.TrimSpace(text), "#"):
			continue // does not end a recipe
		case directiveLine().MatchString(text):
			continue
		}
		inRule = false
		if match := defineLine().FindStringSubmatch(text); match != nil {
			for i++; i < len(lines) && !strings.HasPrefix(strings.TrimSpace(lines[i]), "endef"); i++ {
			}
			value := strings.Join(lines[first+1:min(i, len(lines))], "")
			m.variables = append(m.variables, variable{match[1], first, value})
		} else if match := includeLine().FindStringSubmatch(text); match != nil {
			for _, file := range strings.Fields(match[1]) {
				m.includes = append(m.includes, include{first, file})
			}
		} else if match := assignmentLine().FindStringSubmatch(text); match != nil {
			m.variables = append(m.variables, variable{match[2], first, strings.TrimSpace(match[3])})
			if strings.Contains(match[1], "export") {
				m.exports = append(m.exports, match[2])
			}
		} else if match := exportLine().FindStringSubmatch(text); match != nil {
			m.exports = append(m.exports, strings.Fields(match[1])...)
		} else if parts := splitRule(text); len(parts) > 1 {
			r := rule{line: first, targets: parts[0], prereqs: parts[len(parts)-1]}
			if len(parts) == 3 {
				r.pattern = parts[1]
			}
			m.rules = append(m.rules, r)
			inRule = true
		}
	}
	return m
}

// splitRule splits a line at the colons outside of $(...).
func splitRule(line string) []string {
	var parts []string
	depth, start := 0, 0
	for i, c := range line {
		switch c {
		case '(', '{':
			depth++
		case ')', '}':
			depth--
		case ':':
			if depth == 0 {
				parts = append(parts, strings.TrimSpace(line[start:i]))
				start = i + 1
			}
		}
	}
	return append(parts, strings.TrimSpace(line[start:]))
}

// find returns the first assignment of a variable.
func (m *makefile) find(name string) (variable, bool) {
	if all := m.all(name); len(all) > 0 {
		return all[0], true
	}
	return variable{}, false
}

// all returns the assignments of a variable.
func (m *makefile) all(name string) (found []variable) {
	for _, v := range m.variables {
		if v.name == name {
			found = append(found, v)
		}
	}
	return found
}
