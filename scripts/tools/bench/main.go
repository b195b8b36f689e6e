// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Bench measures btf-ko against pahole on the modules and the vmlinux of a kernel. As machines differ
// and are noisy, the two run alternately, and the results are ratios of medians. Outputs are compared
// before times are printed.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/scripts/tools/modules"
)

type options struct {
	base, modules string
	peer, subject string
	probe         string
	every, rounds int
	svg, only     string
}

func main() {
	var o options
	pflag.StringVar(&o.base, "base", "", "vmlinux")
	pflag.StringVar(&o.modules, "modules", "", "directory of the modules")
	pflag.StringVar(&o.peer, "peer", "", "pahole to measure against")
	pflag.StringVar(&o.subject, "encoder", "", "btf-ko to measure")
	pflag.StringVar(&o.probe, "probe", "", "kconfig-probe to measure")
	pflag.IntVar(&o.every, "every", 10, "in workloads of many modules, encode every Nth")
	pflag.IntVar(&o.rounds, "rounds", 9, "number of runs after a warm-up; long workloads run less often")
	pflag.StringVar(&o.svg, "svg", "", "write a chart of the ratios to this file")
	pflag.StringVar(&o.only, "only", "", "run only the workloads whose name contains this")
	comparing := pflag.Bool("compare", false, "compare pairs of outputs")
	pflag.CommandLine.Lookup("compare").Hidden = true
	pflag.Parse()
	if *comparing {
		if err := compare(o.base, pflag.Args()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	missing := o.base == "" || o.modules == "" || o.peer == "" || o.subject == "" || o.probe == ""
	if missing || o.every < 1 || o.rounds < 1 || pflag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "usage: bench --base VMLINUX --modules DIR --peer PAHOLE --encoder BTF-KO "+
			"--probe KCONFIG-PROBE [flags]")
		pflag.PrintDefaults()
		os.Exit(2)
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	scratch, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	paths, err := modules.Find(o.modules)
	if err != nil {
		return err
	}
	b := &bench{options: o, scratch: scratch}
	for i, path := range paths {
		path = filepath.Join(o.modules, path)
		b.all = append(b.all, path)
		if i%o.every == 0 {
			b.some = append(b.some, path)
		}
	}
	var results []result
	for _, w := range b.workloads() {
		if !strings.Contains(w.name, o.only) {
			continue
		}
		if results == nil {
			b.printHead()
		}
		r, err := b.measure(w)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		fmt.Println(r)
		results = append(results, r)
	}
	if results == nil {
		return fmt.Errorf("--only %s: no such workload", o.only)
	}
	if err := b.checkIdentity(); err != nil {
		return err
	}
	fmt.Printf("\noutput of %d modules: the same bytes with 1, 2 and 5 threads, and in one process\n", len(b.some))
	if o.svg == "" {
		return nil
	}
	return os.WriteFile(o.svg, ratioChart(results), 0o644)
}
