// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/btfreport"
	"github.com/kbtf/kbtf/internal/cli"
)

var reportHelp = cli.Help{
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
}

func runReport(args []string, stdout, stderr io.Writer) int {
	flags := newFlagSet("btf-ko report", stderr)
	base := flags.String("btf_base", "", "the base of the modules: `VMLINUX` or another file with BTF")
	asJSON := flags.Bool("json", false, "print JSON, with all modules")
	page := flags.String("html", "", "write an HTML page to `FILE`, with plots and all modules")
	jobs := jobs(0)
	flags.VarPF(&jobs, "jobs", "j", "modules at a time (default: one for each CPU)").NoOptDefVal = "0"
	flags.Usage = func() { fmt.Fprint(stdout, reportHelp.Format(flags)) }
	err := flags.Parse(spellJobs(args))
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return exitDone
	case err != nil:
	case *base == "":
		err = errors.New("--btf_base is missing: which vmlinux do the modules belong to?")
	case *asJSON && *page != "":
		err = errors.New("--json and --html exclude each other")
	case flags.NArg() == 0:
		err = errors.New("no modules to report on: btf-ko report --help tells how")
	}
	if err != nil {
		return usageError(stderr, "report", err)
	}
	root, paths, err := btfreport.Find(flags.Args())
	if err != nil {
		return usageError(stderr, "report", err)
	}
	progress := func(int) {}
	if isTerminal(stderr) {
		progress = func(n int) {
			fmt.Fprintf(stderr, "\r%d of %d modules", n, len(paths))
			if n == len(paths) {
				fmt.Fprint(stderr, "\r\x1b[K")
			}
		}
	}
	report, err := btfreport.Collect(root, paths, *base, jobs.threads(), progress)
	if err != nil {
		return usageError(stderr, "report", err)
	}
	switch {
	case *asJSON:
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(report)
	case *page != "":
		var text []byte
		if text, err = report.Page(); err == nil {
			err = writeDetached(*page, text)
		}
	default:
		err = report.Text(stdout)
	}
	if err != nil {
		cli.Say(stderr, "btf-ko report: %v", err)
		return exitFailed
	}
	for _, f := range report.Unreadable {
		cli.Say(stderr, "btf-ko report: %s: %s", f.Path, f.Reason)
	}
	if len(report.Unreadable) > 0 {
		return exitFailed
	}
	return exitDone
}
