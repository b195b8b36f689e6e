// SPDX-License-Identifier: GPL-2.0-only

// Kconfig-probe decides whether kernel modules can have split BTF, for Kconfig,
// make and sh, and patches kernel trees to generate it.
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
	Text: `Decides whether kernel modules can have split BTF, for Kconfig, make and sh, and patches kernel
trees to generate it. The encoder is --encoder, $PAHOLE or pahole, in this order; it may be a command line
such as "ccache pahole".`,
	Commands: []string{
		"split-btf    print whether the encoder supports split BTF",
		"btf-modules  print whether a configuration can have BTF for modules",
		"version      print the encoder's version",
		"doctor       find problems with BTF for modules, and suggest fixes",
		"patch        print, apply or revert the patch for a kernel tree",
		"fragment     print parts of the patch, to merge by hand",
	},
	Exit: "0 for y, 1 for n, 2 if unknown; other commands: 0 done, 1 no, 2 error",
	Examples: []string{
		"kconfig-probe doctor ~/linux-5.10",
		"kconfig-probe patch ~/linux-5.10 --apply",
		"kconfig-probe split-btf -v",
	},
}

// Exit statuses.
const (
	exitYes   = 0
	exitNo    = 1
	exitError = 2
)

// command is a subcommand.
type command struct {
	name    string
	summary string // synopsis and description
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

// invocation is a run of a command.
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

// flags returns an empty flag set.
func (in *invocation) flags() *pflag.FlagSet {
	flags := pflag.NewFlagSet(in.command.name, pflag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are reported by parse
	flags.SortFlags = false
	return flags
}

// parse parses the flags and checks the number of other arguments. If it returns
// false, the command must exit with the status returned.
func (in *invocation) parse(flags *pflag.FlagSet, nargs int) (int, bool) {
	return in.parseArgs(flags, func(n int) bool { return n == nargs })
}

// parseUpTo is parse for commands with optional arguments.
func (in *invocation) parseUpTo(flags *pflag.FlagSet, limit int) (int, bool) {
	return in.parseArgs(flags, func(n int) bool { return n <= limit })
}

func (in *invocation) parseArgs(flags *pflag.FlagSet, valid func(nargs int) bool) (int, bool) {
	switch err := flags.Parse(in.args); {
	case err == pflag.ErrHelp:
		fmt.Fprint(in.stdout, in.command.help().Format(flags))
		return exitYes, false
	case err != nil:
		return in.fail("%s, see kconfig-probe %s --help", err, in.command.name), false
	case !valid(flags.NArg()):
		synopsis, _, _ := strings.Cut(in.command.summary, "\n")
		return in.fail("wrong number of arguments (%d), usage: %s", flags.NArg(), synopsis), false
	}
	return 0, true
}

// fail prints an error and returns its exit status.
func (in *invocation) fail(format string, args ...any) int {
	cli.Say(in.stderr, "kconfig-probe: "+format, args...)
	return exitError
}
