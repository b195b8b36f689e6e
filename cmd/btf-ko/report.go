// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/batch"
	"github.com/kbtf/kbtf/internal/btfreport"
	"github.com/kbtf/kbtf/internal/cli"
)

var reportCommand = &cli.Command{
	Name:    "report",
	Summary: "report BTF sizes and duplicate types: text, JSON or a page",
	Help: cli.Help{
		Synopsis: "btf-ko report --btf_base VMLINUX [--json | --html FILE] DIR|FILE.ko...",
		Text: `
Reports the size of the BTF of modules, each on its own and split against vmlinux, by
module, by subsystem and by kind, and duplicate types. DIR is searched for modules,
compressed ones (xz, zstd, gzip) too. The size on its own is measured by encoding
the DWARF of a module; without DWARF it is unknown.`,
		Exit: "0 done, 1 a module cannot be read, 2 base or command line wrong",
		Examples: []string{
			"btf-ko report --btf_base vmlinux .             # where a kernel was built",
			"btf-ko report --btf_base /sys/kernel/btf/vmlinux /lib/modules/$(uname -r)",
			"btf-ko report --btf_base vmlinux --html report.html drivers/net",
		},
	},
	Flags: reportFlags,
}

func reportFlags(flags *pflag.FlagSet) func(*cli.Call) int {
	base := flags.String("btf_base", "", "the base of the modules: `VMLINUX` or another file with BTF")
	asJSON := flags.Bool("json", false, "print JSON, with all modules")
	page := flags.String("html", "", "write an HTML page to `FILE`, with plots and all modules")
	jobs := jobs(0)
	flags.VarPF(&jobs, "jobs", "j", "modules at a time (default: one for each CPU)").NoOptDefVal = "0"
	return func(call *cli.Call) int {
		switch {
		case *base == "":
			return call.Usage("--btf_base is missing: which vmlinux do the modules belong to?")
		case *asJSON && *page != "":
			return call.Usage("--json and --html are mutually exclusive")
		case len(call.Args) == 0:
			return call.Usage("no modules to report on: see btf-ko report --help")
		}
		root, paths, err := btfreport.Find(call.Args)
		if err != nil {
			return call.Usage("%v", err)
		}
		progress := func(int) {}
		if cli.IsTerminal(call.Stderr) {
			progress = func(n int) {
				fmt.Fprintf(call.Stderr, "\r%d of %d modules", n, len(paths))
				if n == len(paths) {
					fmt.Fprint(call.Stderr, "\r\x1b[K")
				}
			}
		}
		report, err := btfreport.Collect(root, paths, *base, batch.Threads(int(jobs)), progress)
		if err != nil {
			return call.Usage("%v", err)
		}
		switch {
		case *asJSON:
			encoder := json.NewEncoder(call.Stdout)
			encoder.SetIndent("", "  ")
			err = encoder.Encode(report)
		case *page != "":
			var text []byte
			if text, err = report.Page(); err == nil {
				err = writeDetached(*page, text)
			}
		default:
			err = report.Text(call.Stdout)
		}
		if err != nil {
			cli.Say(call.Stderr, "btf-ko report: %v", err)
			return exitFailed
		}
		for _, f := range report.Unreadable {
			cli.Say(call.Stderr, "btf-ko report: %s: %s", f.Path, f.Reason)
		}
		if len(report.Unreadable) > 0 {
			return exitFailed
		}
		return exitDone
	}
}
