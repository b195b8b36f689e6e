// SPDX-License-Identifier: GPL-2.0-only

// Command man generates manual pages and completions from the --help of programs.
//
//	man -o DIR PROGRAM...
//
// writes DIR/man/PROGRAM.1, DIR/bash/PROGRAM, DIR/zsh/_PROGRAM and DIR/fish/PROGRAM.fish.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

func main() {
	dir := flag.String("o", ".", "write below `DIR`")
	flag.Parse()
	for _, path := range flag.Args() {
		if err := write(*dir, path); err != nil {
			fmt.Fprintf(os.Stderr, "man: %v\n", err)
			os.Exit(1)
		}
	}
}

func write(dir, path string) error {
	p, err := ask(path)
	if err != nil {
		return err
	}
	for file, text := range map[string]string{
		"man/" + p.name + ".1":     manual(p),
		"bash/" + p.name:           bash(p),
		"zsh/_" + p.name:           zsh(p),
		"fish/" + p.name + ".fish": fish(p),
	} {
		file = filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// A program has its help and that of its commands.
type program struct {
	name string
	help
	commands []command
}

type command struct {
	name, summary string
	help
}

// A help is the parsed output of --help.
type help struct {
	synopsis string
	text     string
	flags    []option
	commands []command // names and summaries
	exit     string
	examples []string
}

type option struct {
	short, long, value, usage string
	optional                  bool // the value is optional
}

// choices returns the words that the value can be, or nil.
func (o *option) choices() []string {
	if strings.ToLower(o.value) != o.value || !strings.Contains(o.value, "|") {
		return nil
	}
	return strings.Split(o.value, "|")
}

// ask runs a program with --help and parses the output.
func ask(path string) (*program, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	p := &program{name: filepath.Base(path)}
	// With many flags, only --help-all has all of them.
	text, err := output(path, "--help-all")
	if err != nil {
		if text, err = output(path, "--help"); err != nil {
			return nil, err
		}
	}
	if p.help, err = parse(text); err != nil {
		return nil, fmt.Errorf("%s --help: %w", path, err)
	}
	for _, c := range p.help.commands {
		if text, err = output(path, c.name, "--help"); err != nil {
			return nil, err
		}
		if c.help, err = parse(text); err != nil {
			return nil, fmt.Errorf("%s %s --help: %w", path, c.name, err)
		}
		p.commands = append(p.commands, c)
	}
	return p, nil
}

func output(path string, args ...string) (string, error) {
	out, err := exec.Command(path, args...).Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", path, strings.Join(args, " "), err)
	}
	return string(out), nil
}

var (
	flagLine    = regexp.MustCompile(`^ +(?:-(\w), )?--([\w-]+)(\[=(\S+)\]| (\S+))?  +(\S.*)$`)
	commandLine = regexp.MustCompile(`^  (\w[\w-]*)  +(\S.*)$`)
)

// parse parses help of package internal/cli: paragraphs between empty lines.
func parse(text string) (h help, err error) {
	text, ok := strings.CutPrefix(text, "usage: ")
	if !ok {
		return h, fmt.Errorf("no usage in the first line")
	}
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		lines := strings.Split(paragraph, "\n")
		switch {
		case i == 0:
			h.synopsis, lines = lines[0], lines[1:]
			for len(lines) > 0 && strings.HasPrefix(lines[0], "       ") {
				h.synopsis, lines = h.synopsis+" "+strings.TrimSpace(lines[0]), lines[1:]
			}
			h.text = strings.Join(lines, " ")
		case strings.HasPrefix(paragraph, "Exit status: "):
			for _, line := range lines {
				if example, ok := strings.CutPrefix(line, "    "); ok {
					h.examples = append(h.examples, example)
				} else {
					h.exit = strings.TrimSpace(h.exit + " " + strings.TrimPrefix(line, "Exit status: "))
				}
			}
		default:
			for _, line := range lines {
				if m := flagLine.FindStringSubmatch(line); m != nil {
					h.flags = append(h.flags, option{
						short: m[1], long: m[2], value: m[4] + m[5], usage: m[6], optional: m[4] != "",
					})
				} else if m := commandLine.FindStringSubmatch(line); m != nil {
					h.commands = append(h.commands, command{name: m[1], summary: m[2]})
				} else if n := len(h.flags); n > 0 && strings.HasPrefix(line, "        ") {
					h.flags[n-1].usage += " " + strings.TrimSpace(line)
				} else {
					return h, fmt.Errorf("neither a flag nor a command: %q", line)
				}
			}
		}
	}
	if h.exit == "" || len(h.examples) == 0 {
		return h, fmt.Errorf("no exit statuses or no examples")
	}
	return h, nil
}
