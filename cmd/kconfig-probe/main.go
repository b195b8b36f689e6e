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
)

const usage = `kconfig-probe decides whether kernel modules can have split BTF and wires it.

Usage:
  kconfig-probe split-btf            can the encoder write split BTF?
  kconfig-probe btf-modules          can this configuration have BTF for modules?
  kconfig-probe version [--numeric]  the encoder's version; 1.24 as 124
  kconfig-probe patch TREE           the patch that wires a kernel tree
  kconfig-probe fragment NAME        the fragment for kconfig, makefile or modfinal

split-btf and btf-modules print y or n and exit with 0 for y, 1 for n, and 2
for n because it cannot be told; the reason is on stderr for 2, and with -v
always. The others exit with 0 when done, 1 for a no, and 2 on an error.

The encoder is --encoder, else $PAHOLE, else pahole; words may follow, as in
"ccache pahole". "kconfig-probe COMMAND --help" has the rest.
`

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
		fmt.Fprint(stderr, usage)
		return exitError
	}
	switch args[0] {
	case "help", "--help", "-h":
		fmt.Fprint(stdout, usage)
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
	switch err := flags.Parse(in.args); {
	case err == pflag.ErrHelp:
		fmt.Fprintf(in.stdout, "%s\nFlags:\n%s", in.command.summary, flags.FlagUsages())
		return exitYes, false
	case err != nil:
		return in.fail("%s, see kconfig-probe %s --help", err, in.command.name), false
	case flags.NArg() != nargs:
		synopsis, _, _ := strings.Cut(in.command.summary, "\n")
		return in.fail("%d arguments given, usage: %s", flags.NArg(), synopsis), false
	}
	return 0, true
}

// fail reports an error in one line.
func (in *invocation) fail(format string, args ...any) int {
	fmt.Fprintf(in.stderr, "kconfig-probe: "+format+"\n", args...)
	return exitError
}
