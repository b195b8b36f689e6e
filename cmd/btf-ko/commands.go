// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"io"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/cli"
)

// commands are what the first argument can say; a file of that name is given as ./diff.
var commands = map[string]func(args []string, stdout, stderr io.Writer) int{
	"base":   runBase,
	"diff":   runDiff,
	"dump":   runDump,
	"report": runReport,
	"strip":  runStrip,
	"verify": runVerify,
}

// newFlagSet makes the flags of a command. --btf-base and --btf_base are one flag: the kernel's build files use pahole's spelling.
func newFlagSet(command string, stderr io.Writer) *pflag.FlagSet {
	flags := pflag.NewFlagSet(command, pflag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.SortFlags = false
	flags.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		return pflag.NormalizedName(strings.ReplaceAll(name, "-", "_"))
	})
	return flags
}

// usageError says in one line why a command cannot begin.
func usageError(stderr io.Writer, command string, err error) int {
	cli.Say(stderr, "btf-ko %s: %v", command, err)
	return exitUsage
}
