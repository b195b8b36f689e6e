// SPDX-License-Identifier: GPL-2.0-only

// Bench measures btf-ko against pahole on the modules and the vmlinux of a kernel. Machines differ and are noisy, so the two take
// turns in one run, medians are compared, and only ratios count as a result. Before a number is printed both have to have said
// the same.
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
	pflag.StringVar(&o.modules, "modules", "", "directory to look for *.ko in")
	pflag.StringVar(&o.peer, "peer", "", "pahole to measure against")
	pflag.StringVar(&o.subject, "encoder", "", "btf-ko to measure")
	pflag.StringVar(&o.probe, "probe", "", "kconfig-probe to measure")
	pflag.IntVar(&o.every, "every", 10, "take every Nth module where many are encoded")
	pflag.IntVar(&o.rounds, "rounds", 9, "runs of each, not counting one to warm up; what takes long is run less often")
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
	if o.base == "" || o.modules == "" || o.peer == "" || o.subject == "" || o.probe == "" || o.every < 1 || o.rounds < 1 || pflag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "usage: bench --base VMLINUX --modules DIR --peer PAHOLE --encoder BTF-KO --probe KCONFIG-PROBE [flags]")
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
