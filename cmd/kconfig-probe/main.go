// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Kconfig-probe decides whether kernel modules can have split BTF, for Kconfig,
// make and sh, and patches kernel trees to generate it.
package main

import (
	"io"
	"os"

	"github.com/kbtf/kbtf/internal/cli"
)

// Exit statuses.
const (
	exitYes   = cli.ExitDone
	exitNo    = 1
	exitError = cli.ExitUsage
)

// answers documents the exit status of commands that print y or n.
const answers = "0 for y, 1 for n, 2 if unknown, which prints n"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int { return program().Main(args, stdout, stderr) }

func program() *cli.Command {
	return &cli.Command{
		Name:    "kconfig-probe",
		Summary: "decide whether kernel modules can have split BTF, and patch kernel trees",
		Help: cli.Help{
			Synopsis: "kconfig-probe COMMAND [FLAG...]",
			Text: `Decides whether kernel modules can have split BTF, for Kconfig, make and sh, and patches kernel
trees to generate it. The encoder is --encoder, $PAHOLE or pahole, in this order; it may be a command line
such as "ccache pahole".`,
			Exit: "0 for y, 1 for n, 2 if unknown; other commands: 0 done, 1 no, 2 error",
			Examples: []string{
				"kconfig-probe doctor ~/linux-6.12",
				"kconfig-probe patch ~/linux-6.12 --apply",
				"kconfig-probe split-btf -v",
			},
		},
		Commands: []*cli.Command{
			splitBTFCommand, btfModulesCommand, versionCommand, doctorCommand, patchCommand, fragmentCommand,
			headersCommand,
		},
		Environment: []cli.Variable{
			{Name: "PAHOLE", Text: "the encoder's command line, without --encoder"},
			{Name: "NO_COLOR, TERM", Text: "doctor prints no colours if NO_COLOR is set or TERM is dumb"},
		},
	}
}

// fail prints an error and returns its exit status.
func fail(call *cli.Call, format string, args ...any) int {
	cli.Say(call.Stderr, "kconfig-probe: "+format, args...)
	return exitError
}
