// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"encoding/json"
	"io"
	"os"

	"github.com/kbtf/kbtf/internal/cli"
	"github.com/kbtf/kbtf/internal/doctor"
	"github.com/kbtf/kbtf/internal/patherr"
	"github.com/spf13/pflag"
)

var doctorCommand = &cli.Command{
	Name:    "doctor",
	Summary: "find problems with BTF for modules, and suggest fixes",
	Help: cli.Help{
		Synopsis: "kconfig-probe doctor [TREE] [--config=FILE] [--against=FILE] [--json]",
		Text: `Checks the encoder, the kernel tree TREE, its configuration and the running
kernel, and suggests a fix for each problem. --against checks that modules will
load into another kernel, given as a configuration such as /boot/config-6.1.0, a
Module.symvers or a module: struct module must be the same.`,
		Exit: "0 no problems, but perhaps warnings; 1 problems; 2 error",
		Examples: []string{
			"kconfig-probe doctor",
			"kconfig-probe doctor ~/linux-6.1 --encoder pahole",
			"kconfig-probe doctor ~/linux-6.1 --against /boot/config-6.1.0",
		},
	},
	Flags: doctorFlags,
	Args:  cli.MaxArgs(1),
}

func doctorFlags(flags *pflag.FlagSet) func(*cli.Call) int {
	var opt doctor.Options
	encoder := encoderFlag(flags)
	flags.StringVar(&opt.Config, "config", "", "a configuration `FILE` (default TREE/.config)")
	flags.StringVar(&opt.Against, "against", "", "a configuration, Module.symvers or module `FILE` to compare with")
	asJSON := flags.Bool("json", false, "print JSON")
	return func(call *cli.Call) int {
		opt.Encoder, opt.Tree = *encoder, call.Flags.Arg(0)
		ctx, stop := untilInterrupted()
		defer stop()
		d, err := doctor.Examine(ctx, opt)
		if err != nil {
			return fail(call, "%s", patherr.PathFirst(err))
		}
		if *asJSON {
			e := json.NewEncoder(call.Stdout)
			e.SetIndent("", "  ")
			err = e.Encode(d)
		} else {
			err = d.Text(call.Stdout, colorful(call.Stdout))
		}
		if err != nil {
			return fail(call, "cannot print the report: %s", err)
		}
		if d.Problems() > 0 {
			return exitNo
		}
		return exitYes
	}
}

// colorful reports whether to use colours: on a terminal that has them, unless NO_COLOR is set
// (https://no-color.org).
func colorful(w io.Writer) bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && cli.IsTerminal(w)
}
