// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// Exit statuses that all programs share.
const (
	ExitDone  = 0
	ExitUsage = 2 // wrong command line
)

// A Command is a program or one of its commands. Its --help, manual page and completions are generated
// from it.
type Command struct {
	Name    string // "btf-ko", "diff"
	Summary string // one line, for the program's list of commands
	Help    Help
	// Flags adds the command's flags and returns the function to run after they are parsed. It is nil for a
	// program that requires a command.
	Flags func(flags *pflag.FlagSet) func(*Call) int
	// OnUsage is printed on stdout if the command line is wrong, for callers that read an answer there.
	OnUsage string
	Args    Args // number of arguments besides flags; nil: any number

	// The fields below are for programs only.

	Version   string // printed by "PROGRAM version", unless Commands has a version command
	Commands  []*Command
	Normalize func(*pflag.FlagSet, string) pflag.NormalizedName // for flags of the program and its commands
	Rewrite   func(args []string) []string                      // rewrites arguments that pflag does not support
	// Short lists the flags in --help, so that it fits a screen; --help_all lists all.
	Short       []string
	Environment []Variable
}

// Args reports whether a command accepts n arguments.
type Args func(n int) bool

// NoArgs accepts no arguments.
func NoArgs(n int) bool { return n == 0 }

// ExactArgs accepts n arguments.
func ExactArgs(n int) Args { return func(got int) bool { return got == n } }

// MaxArgs accepts up to n arguments.
func MaxArgs(n int) Args { return func(got int) bool { return got <= n } }

// A Variable is an environment variable that a program reads.
type Variable struct{ Name, Text string }

// A Call is one run of a command.
type Call struct {
	Program *Command
	Command *Command // Program itself without a command
	Flags   *pflag.FlagSet
	Args    []string // besides flags
	Stdout  io.Writer
	Stderr  io.Writer
}

// Main runs a program.
func (p *Command) Main(args []string, stdout, stderr io.Writer) int {
	in := &Call{Program: p, Command: p, Stdout: stdout, Stderr: stderr}
	first := ""
	if len(args) > 0 {
		first = args[0]
	}
	command := p.command(first)
	switch {
	case command != nil:
		in.Command, args = command, args[1:]
	case first == "help":
		return in.help(args[1:])
	case first == "completion":
		return in.completion(args[1:])
	case first == "version" && p.Version != "":
		fmt.Fprintf(stdout, "%s %s\n", p.Name, p.Version)
		return ExitDone
	case p.Flags == nil && (first == "--help" || first == "-h"):
		return in.help(nil)
	case p.Flags == nil && first == "":
		return in.Usage("no command: see %s --help", p.Name)
	case p.Flags == nil:
		return in.Usage("unknown command %q: see %s --help", first, p.Name)
	}
	return in.run(args)
}

func (p *Command) command(name string) *Command {
	for _, c := range p.Commands {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// flagSet returns the flags of a command, and the function to run after they are parsed.
func (in *Call) flagSet() (flags *pflag.FlagSet, run func(*Call) int) {
	flags = pflag.NewFlagSet(in.Command.Name, pflag.ContinueOnError)
	flags.SetOutput(io.Discard) // Main reports errors
	flags.SortFlags = false
	if in.Program.Normalize != nil {
		flags.SetNormalizeFunc(in.Program.Normalize)
	}
	if in.Command.Flags != nil {
		run = in.Command.Flags(flags)
	}
	if len(in.Command.Short) > 0 {
		flags.Bool("help_all", false, "list all flags")
	}
	return flags, run
}

// run parses a command's flags and runs it.
func (in *Call) run(args []string) int {
	flags, run := in.flagSet()
	flags.Usage = func() {}
	if in.Program.Rewrite != nil {
		args = in.Program.Rewrite(args)
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, pflag.ErrHelp):
		_, _ = io.WriteString(in.Stdout, in.Command.format(in.short(flags)))
		return ExitDone
	case err != nil:
		return in.Usage("%v: see %s --help", err, in.name())
	}
	if all, err := flags.GetBool("help_all"); err == nil && all {
		_, _ = io.WriteString(in.Stdout, in.Command.format(flags))
		return ExitDone
	}
	in.Flags, in.Args = flags, flags.Args()
	if accepts := in.Command.Args; accepts != nil && !accepts(len(in.Args)) {
		return in.Usage("wrong number of arguments (%d): usage: %s", len(in.Args), in.Command.Help.Synopsis)
	}
	return run(in)
}

// short returns the flags that --help lists.
func (in *Call) short(all *pflag.FlagSet) *pflag.FlagSet {
	if len(in.Command.Short) == 0 {
		return all
	}
	short := pflag.NewFlagSet(in.Command.Name, pflag.ContinueOnError)
	short.SortFlags = false
	for _, name := range append(in.Command.Short, "help_all") {
		short.AddFlag(all.Lookup(name))
	}
	return short
}

// name returns the name of the command as in a command line.
func (in *Call) name() string {
	if in.Command == in.Program {
		return in.Program.Name
	}
	return in.Program.Name + " " + in.Command.Name
}

// Usage prints a one-line error for a wrong command line, and returns the exit status.
func (in *Call) Usage(format string, args ...any) int {
	Say(in.Stderr, in.name()+": "+format, args...)
	if in.Command.OnUsage != "" {
		fmt.Fprintln(in.Stdout, in.Command.OnUsage)
	}
	return ExitUsage
}

// help prints the help of the program or one of its commands, or with --man the manual page.
func (in *Call) help(args []string) int {
	if len(args) == 1 && args[0] == "--man" {
		_, _ = io.WriteString(in.Stdout, in.Program.manual())
		return ExitDone
	}
	if len(args) == 1 && in.Program.command(args[0]) != nil {
		in.Command, args = in.Program.command(args[0]), nil
	}
	if len(args) > 0 {
		return in.Usage("no help on %q: see %s --help", strings.Join(args, " "), in.Program.Name)
	}
	flags, _ := in.flagSet()
	_, _ = io.WriteString(in.Stdout, in.Command.format(in.short(flags)))
	return ExitDone
}

// completion prints the completion script for a shell.
func (in *Call) completion(args []string) int {
	writers := map[string]func(*page) string{"bash": bash, "zsh": zsh, "fish": fish}
	if len(args) != 1 || writers[args[0]] == nil {
		return in.Usage("completion: want one of bash, zsh, fish")
	}
	_, _ = io.WriteString(in.Stdout, writers[args[0]](in.Program.page()))
	return ExitDone
}
