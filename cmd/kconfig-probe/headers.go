// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/cli"
	"github.com/kbtf/kbtf/internal/headers"
	"github.com/kbtf/kbtf/kbuild"
)

var headersCommand = &cli.Command{
	Name:    "headers",
	Summary: "generate BTF for all modules that are built on this machine",
	Help: cli.Help{
		Synopsis: "kconfig-probe headers enable|disable|status [RELEASE]",
		Text: `enable patches the installed headers of each kernel, or of kernel RELEASE, as patch
does, so that DKMS and others build modules with BTF; and on Debian and Ubuntu it
installs a hook that does the same for headers that are installed later. disable
restores the headers, and removes the hook. status lists both.`,
		Exit: "0 done; 1 some headers are not supported; 2 error",
		Examples: []string{
			"kconfig-probe headers enable",
			"kconfig-probe headers status",
			"kconfig-probe headers disable",
		},
	},
	Flags: headersFlags,
	Args:  cli.MaxArgs(2),
}

func headersFlags(flags *pflag.FlagSet) func(*cli.Call) int {
	root := flags.String("root", "/", "the root `DIR` of the machine")
	noHook := flags.Bool("no-hook", false, "leave the hook as it is")
	return func(call *cli.Call) int {
		m := headers.Machine{Root: *root, Wiring: kbuild.Wiring{Encoder: kbuild.BTFKo, Rule: kbuild.Batch}}
		command, release := call.Flags.Arg(0), call.Flags.Arg(1)
		change := map[string]func(dir string) error{
			"enable": m.Enable, "disable": m.Disable, "status": nil,
		}
		act, known := change[command]
		if !known {
			return fail(call, "headers %q: expected enable, disable or status", command)
		}
		dirs, err := m.Dirs(release)
		for _, dir := range dirs {
			if act != nil {
				err = errors.Join(err, withoutInterrupts(func() error { return act(dir) }))
			}
		}
		if !*noHook && release == "" {
			switch command {
			case "enable":
				err = errors.Join(err, m.InstallHook())
			case "disable":
				err = errors.Join(err, m.RemoveHook())
			}
		}
		if err != nil {
			return fail(call, "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
		}
		return reportHeaders(call, m, dirs, release)
	}
}

// reportHeaders prints the state of the headers and of the hook, and returns the exit status.
func reportHeaders(call *cli.Call, m headers.Machine, dirs []string, release string) int {
	status := exitYes
	for _, dir := range dirs {
		h := m.Examine(dir)
		fmt.Fprintln(call.Stdout, h)
		if h.State == headers.Unsupported {
			status = exitNo
		}
	}
	if len(dirs) == 0 && release != "" {
		fmt.Fprintf(call.Stdout, "no headers of %s are installed\n", release)
		status = exitNo
	} else if len(dirs) == 0 {
		fmt.Fprintln(call.Stdout, "no headers are installed")
	}
	if release != "" {
		return status
	}
	switch path, installed := m.Hook(); {
	case installed:
		fmt.Fprintf(call.Stdout, "%s: installed, for headers that are installed later\n", path)
	case !m.RunsHooks():
		fmt.Fprintf(call.Stdout, "headers that are installed later: not patched, see %s\n", otherHooks)
	default:
		fmt.Fprintf(call.Stdout, "%s: not installed\n", path)
	}
	return status
}

// otherHooks has the hooks of other distributions.
const otherHooks = "/usr/share/kbtf/hooks"
