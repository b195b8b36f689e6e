// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/cli"
	"github.com/kbtf/kbtf/probe"
)

const splitBTFUsage = `kconfig-probe split-btf [--encoder=COMMAND] [-v]

Prints y if the encoder supports split BTF (pahole since 1.19, btf-ko always),
otherwise n.
`

func splitBTF(in *invocation) int {
	flags := in.flags()
	encoder := encoderFlag(flags)
	verbose := verboseFlag(flags)
	return in.answer(flags, verbose, func(ctx context.Context) probe.Decision {
		return probe.SplitBTF(ctx, probe.NewCommand(*encoder))
	})
}

const btfModulesUsage = `kconfig-probe btf-modules [--config=FILE] [--encoder=COMMAND] [-v]

Prints y if this configuration can have BTF for modules, that is, DEBUG_INFO_BTF
&& MODULES && split-btf, otherwise n.
`

func btfModules(in *invocation) int {
	flags := in.flags()
	config := flags.String("config", ".config", "a kernel configuration `FILE` (default .config)")
	encoder := encoderFlag(flags)
	verbose := verboseFlag(flags)
	return in.answer(flags, verbose, func(ctx context.Context) probe.Decision {
		return probe.BTFModules(ctx, *config, probe.NewCommand(*encoder))
	})
}

// answer prints y or n, also on errors, because Kconfig reads it.
func (in *invocation) answer(flags *pflag.FlagSet, verbose *bool, decide func(context.Context) probe.Decision) int {
	if status, ok := in.parse(flags, 0); !ok {
		if status != exitYes {
			fmt.Fprintln(in.stdout, probe.Unknown)
		}
		return status
	}
	ctx, stop := untilInterrupted()
	defer stop()
	d := decide(ctx)
	if *verbose || d.Answer == probe.Unknown {
		cli.Say(in.stderr, "kconfig-probe: %s", d.Reason)
	}
	if _, err := fmt.Fprintln(in.stdout, d.Answer); err != nil {
		return in.fail("cannot print the answer: %s", err)
	}
	return d.Answer.ExitStatus()
}

const versionUsage = `kconfig-probe version [--numeric] [--encoder=COMMAND]

Prints the encoder's version. --numeric prints it in the form that kernel trees
compare: 124 for 1.24. A minor version above 99 counts as 99, and a pre-release
as the version before, so that the numbers have the order of the versions: 1.100
is 199, 2.0 is 200.
`

func version(in *invocation) int {
	flags := in.flags()
	numeric := flags.Bool("numeric", false, "print 1.24 as 124")
	encoder := encoderFlag(flags)
	if status, ok := in.parse(flags, 0); !ok {
		return status
	}
	ctx, stop := untilInterrupted()
	defer stop()
	v, err := probe.NewCommand(*encoder).Version(ctx)
	if err != nil {
		return in.fail("%s", err)
	}
	if *numeric {
		fmt.Fprintln(in.stdout, v.Numeric())
	} else {
		fmt.Fprintln(in.stdout, v.Encoder, v.Text)
	}
	return exitYes
}

func encoderFlag(flags *pflag.FlagSet) *string {
	return flags.String("encoder", "", "the encoder's `COMMAND` line (default $PAHOLE, or else pahole)")
}

func verboseFlag(flags *pflag.FlagSet) *bool {
	return flags.BoolP("verbose", "v", false, "print the reason on stderr")
}
