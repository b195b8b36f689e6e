// SPDX-License-Identifier: GPL-2.0-only

// Kconfig-probe decides whether a kernel's modules can have split BTF, for
// Kconfig, make and sh, and wires that into a kernel tree.
package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/cli"
)

var mainHelp = cli.Help{
	Synopsis: "kconfig-probe COMMAND [FLAG...]",
	Text: `Decides whether kernel modules can have split BTF, for Kconfig, make and sh, and wires that into a kernel tree. The encoder that
is asked is --encoder, else $PAHOLE, else pahole; words may follow, as in "ccache pahole".`,
	Commands: []string{
		"split-btf    can the encoder write split BTF?",
		"btf-modules  can this configuration have BTF for modules?",
		"version      the encoder's version; 1.24 as 124 with --numeric",
		"doctor       what is there, what is wrong, and what to do about it",
		"patch        the patch that wires a kernel tree",
		"fragment     what patch inserts, to be merged by hand",
	},
	Exit: "0 for y, 1 for n, 2 for n because it cannot be told; others: 0 done, 1 no, 2 error",
	Examples: []string{
		"kconfig-probe doctor ~/linux-5.10",
		"kconfig-probe patch ~/linux-5.10 --apply",
		"kconfig-probe split-btf -v",
	},
}

// Exit statuses. A no is not an error.
const (
	exitYes   = 0
	exitNo    = 1
	exitError = 2
)

// command is one of the words that follow kconfig-probe.
type command struct {
	name    string
	summary string // its usage, up to the flags
	run     func(*invocation) int
}

var commands = []command{
	{"split-btf", splitBTFUsage, splitBTF},
	{"btf-modules", btfModulesUsage, btfModules},
	{"version", versionUsage, version},
	{"doctor", doctorUsage, doctorCommand},
	{"patch", patchUsage, patch},
	{"fragment", fragmentUsage, fragment},
}

// invocation is what a command gets to work with.
type invocation struct {
	command        command
	args           []string // after the command's name
	stdout, stderr io.Writer
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprintln(stderr, "kconfig-probe: no command, see kconfig-probe --help")
		return exitError
	}
	switch args[0] {
	case "help", "--help", "-h":
		fmt.Fprint(stdout, mainHelp.Format(pflag.NewFlagSet("kconfig-probe", pflag.ContinueOnError)))
		return exitYes
	}
	i := slices.IndexFunc(commands, func(c command) bool { return c.name == args[0] })
	if i < 0 {
		fmt.Fprintf(stderr, "kconfig-probe: unknown command %q, see kconfig-probe --help\n", args[0])
		return exitError
	}
	return commands[i].run(&invocation{commands[i], args[1:], stdout, stderr})
}

// flags is an empty set of flags for the command.
func (in *invocation) flags() *pflag.FlagSet {
	flags := pflag.NewFlagSet(in.command.name, pflag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are reported by parse
	flags.SortFlags = false
	return flags
}

// parse reads the flags and checks the number of other arguments. It reports
// false, and the exit status, if the command is to go no further.
func (in *invocation) parse(flags *pflag.FlagSet, nargs int) (int, bool) {
	return in.parseArgs(flags, func(n int) bool { return n == nargs })
}

// parseUpTo is parse for commands with arguments that may be left out.
func (in *invocation) parseUpTo(flags *pflag.FlagSet, most int) (int, bool) {
	return in.parseArgs(flags, func(n int) bool { return n <= most })
}

func (in *invocation) parseArgs(flags *pflag.FlagSet, enough func(nargs int) bool) (int, bool) {
	switch err := flags.Parse(in.args); {
	case err == pflag.ErrHelp:
		fmt.Fprint(in.stdout, in.command.help().Format(flags))
		return exitYes, false
	case err != nil:
		return in.fail("%s, see kconfig-probe %s --help", err, in.command.name), false
	case !enough(flags.NArg()):
		synopsis, _, _ := strings.Cut(in.command.summary, "\n")
		return in.fail("%d arguments given, usage: %s", flags.NArg(), synopsis), false
	}
	return 0, true
}

// fail reports an error in one line.
func (in *invocation) fail(format string, args ...any) int {
	cli.Say(in.stderr, "kconfig-probe: "+format, args...)
	return exitError
}
