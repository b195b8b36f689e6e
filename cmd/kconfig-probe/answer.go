// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/cli"
	"github.com/kbtf/kbtf/probe"
)

var splitBTFCommand = &cli.Command{
	Name:    "split-btf",
	Summary: "print whether the encoder supports split BTF",
	Help: cli.Help{
		Synopsis: "kconfig-probe split-btf [--encoder=COMMAND] [--answer=y|n] [-v]",
		Text: `Prints y if the encoder supports split BTF (pahole since 1.19, btf-ko always),
otherwise n. With --answer the encoder is not asked again, unless the answer is
empty: Kconfig passes that of make, in a variable, and runs again if it changes.`,
		Exit: answers,
		Examples: []string{
			"kconfig-probe split-btf",
			"kconfig-probe split-btf --encoder 'ccache pahole' -v",
			"def_bool \"$(shell,kconfig-probe split-btf)\"        # in Kconfig",
		},
	},
	Flags:   splitBTFFlags,
	OnUsage: probe.Unknown.String(),
	Args:    cli.NoArgs,
}

func splitBTFFlags(flags *pflag.FlagSet) func(*cli.Call) int {
	encoder := encoderFlag(flags)
	given := flags.String("answer", "", "the answer `y or n`, if it is known")
	verbose := verboseFlag(flags)
	return func(call *cli.Call) int {
		return answer(call, *verbose, func(ctx context.Context) probe.Decision {
			switch *given {
			case "":
				return probe.SplitBTF(ctx, probe.NewCommand(*encoder))
			case "y":
				return probe.Decision{Answer: probe.Yes, Reason: "--answer=y"}
			case "n":
				return probe.Decision{Answer: probe.No, Reason: "--answer=n"}
			}
			return probe.Decision{Answer: probe.Unknown, Reason: fmt.Sprintf("--answer=%s: must be y or n", *given)}
		})
	}
}

var btfModulesCommand = &cli.Command{
	Name:    "btf-modules",
	Summary: "print whether a configuration can have BTF for modules",
	Help: cli.Help{
		Synopsis: "kconfig-probe btf-modules [--config=FILE] [--encoder=COMMAND] [-v]",
		Text: `Prints y if this configuration can have BTF for modules, that is, DEBUG_INFO_BTF
&& MODULES && split-btf, otherwise n.`,
		Exit: answers,
		Examples: []string{
			"kconfig-probe btf-modules -v",
			"kconfig-probe btf-modules --config /boot/config-6.1.0",
			"if kconfig-probe btf-modules; then echo BTF; fi",
		},
	},
	Flags:   btfModulesFlags,
	OnUsage: probe.Unknown.String(),
	Args:    cli.NoArgs,
}

func btfModulesFlags(flags *pflag.FlagSet) func(*cli.Call) int {
	config := flags.String("config", ".config", "a kernel configuration `FILE` (default .config)")
	encoder := encoderFlag(flags)
	verbose := verboseFlag(flags)
	return func(call *cli.Call) int {
		return answer(call, *verbose, func(ctx context.Context) probe.Decision {
			return probe.BTFModules(ctx, *config, probe.NewCommand(*encoder))
		})
	}
}

// answer prints y or n, also on errors, because Kconfig reads it.
func answer(call *cli.Call, verbose bool, decide func(context.Context) probe.Decision) int {
	ctx, stop := untilInterrupted()
	defer stop()
	d := decide(ctx)
	if verbose || d.Answer == probe.Unknown {
		cli.Say(call.Stderr, "kconfig-probe: %s", d.Reason)
	}
	if _, err := fmt.Fprintln(call.Stdout, d.Answer); err != nil {
		return fail(call, "cannot print the answer: %s", err)
	}
	return d.Answer.ExitStatus()
}

var versionCommand = &cli.Command{
	Name:    "version",
	Summary: "print the encoder's version",
	Help: cli.Help{
		Synopsis: "kconfig-probe version [--numeric] [--encoder=COMMAND]",
		Text: `Prints the encoder's version. --numeric prints it in the form that kernel trees
compare: 124 for 1.24. A minor version above 99 counts as 99, and a pre-release
as the version before, so that the numbers have the order of the versions: 1.100
is 199, 2.0 is 200.`,
		Exit: "0 done, 2 the version is unknown",
		Examples: []string{
			"kconfig-probe version",
			"kconfig-probe version --numeric",
			"kconfig-probe version --encoder btf-ko",
		},
	},
	Flags: versionFlags,
	Args:  cli.NoArgs,
}

func versionFlags(flags *pflag.FlagSet) func(*cli.Call) int {
	numeric := flags.Bool("numeric", false, "print 1.24 as 124")
	encoder := encoderFlag(flags)
	return func(call *cli.Call) int {
		ctx, stop := untilInterrupted()
		defer stop()
		v, err := probe.NewCommand(*encoder).Version(ctx)
		if err != nil {
			return fail(call, "%s", err)
		}
		if *numeric {
			fmt.Fprintln(call.Stdout, v.Numeric())
		} else {
			fmt.Fprintln(call.Stdout, v.Encoder, v.Text)
		}
		return exitYes
	}
}

func encoderFlag(flags *pflag.FlagSet) *string {
	return flags.String("encoder", "", "the encoder's `COMMAND` line (default $PAHOLE, or else pahole)")
}

func verboseFlag(flags *pflag.FlagSet) *bool {
	return flags.BoolP("verbose", "v", false, "print the reason on stderr")
}
