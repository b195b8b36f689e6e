// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Command btf-ko encodes the DWARF of kernel modules as split BTF.
package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/cli"
	"github.com/kbtf/kbtf/internal/fault"
)

// Version is set by the linker for releases.
var Version = "v0.1.0-dev"

// Exit statuses, as in --help.
const (
	exitDone   = cli.ExitDone
	exitFailed = 1
	exitUsage  = cli.ExitUsage
)

func main() {
	command := run
	switch filepath.Base(os.Args[0]) {
	case "pahole":
		command = runPahole
	case "resolve_btfids":
		command = runResolveBTFIDs
	}
	status := exitFailed
	if err := fault.Recover(func() error {
		status = command(os.Args[1:], os.Stdout, os.Stderr)
		return nil
	}); err != nil {
		cli.Say(os.Stderr, "btf-ko: %v", err)
	}
	os.Exit(status)
}

func run(args []string, stdout, stderr io.Writer) int { return program().Main(args, stdout, stderr) }

// program returns the command line of btf-ko. A module with the name of a command needs a directory:
// ./diff.
func program() *cli.Command {
	return &cli.Command{
		Name:    "btf-ko",
		Summary: "encode the type information (BTF) of kernel modules",
		Help: cli.Help{
			Synopsis: "btf-ko [--btf_base VMLINUX] FILE.ko... | btf-ko COMMAND --help",
			Text:     `Encodes the DWARF of modules as BTF; with a base, only what the base lacks.`,
			Exit:     "0 done, 1 encoding failed and the file is unchanged, 2 usage",
			Examples: []string{
				"btf-ko --btf_base vmlinux drivers/net/dummy.ko",
				"btf-ko --btf_base vmlinux --modules_order modules.order",
				"btf-ko --btf_base vmlinux --btf_encode_detached dummy.btf dummy.ko",
			},
		},
		Flags: encodeFlags,
		Short: []string{
			"btf_base", "modules_order", "btf_encode_detached", "debug_file", "btf_features", "on_error", "jobs",
		},
		Version: Version,
		Commands: []*cli.Command{
			baseCommand, diffCommand, dumpCommand, idsCommand, reportCommand, stripCommand, verifyCommand,
		},
		Normalize: normalize,
		Rewrite:   spellJobs,
		Environment: []cli.Variable{
			{Name: "KBTF_BASE_CACHE", Text: "default of --base_cache"},
			{Name: "KBTF_BASE", Text: "read by the rules that kconfig-probe patch writes: the base of external modules"},
			{Name: "KBTF_COMPAT", Text: "under the name pahole: the version of pahole to emulate, 1.30 or 1.32"},
			{Name: "PAHOLE_LANG_EXCLUDE", Text: "default of --lang_exclude"},
			{Name: "MAKEFLAGS", Text: "read for make's jobserver"},
		},
	}
}

// normalize makes --btf-base equivalent to --btf_base, pahole's spelling, which the kernel's build files
// use.
func normalize(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	return pflag.NormalizedName(strings.ReplaceAll(name, "-", "_"))
}
