// SPDX-License-Identifier: GPL-2.0-only

// Bench measures two encoders against each other on kernel modules: time, CPU time and
// memory of one process per module. Machines differ and are noisy, so the encoders take
// turns in one run, medians are compared, and only the ratios count as a result.
package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/scripts/tools/encoder"
)

// A sample is what one process took.
type sample struct {
	wall, cpu time.Duration
	rss       int64 // most resident memory, KiB
}

func main() {
	base := pflag.String("base", "", "vmlinux")
	peer := pflag.String("peer", "", "encoder to measure against")
	subject := pflag.String("encoder", "", "encoder to measure")
	rounds := pflag.Int("rounds", 9, "runs of each encoder per module, not counting one to warm up")
	pflag.Parse()
	if *base == "" || *peer == "" || *subject == "" || *rounds < 1 || pflag.NArg() == 0 {
		fmt.Fprintln(os.Stderr, "usage: bench --base VMLINUX --peer PAHOLE --encoder BTF-KO [--rounds N] MODULE...")
		os.Exit(2)
	}
	if err := run(*base, *peer, *subject, *rounds, pflag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(base, peer, subject string, rounds int, modules []string) error {
	scratch, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	output := filepath.Join(scratch, "btf")

	a, b := filepath.Base(peer), filepath.Base(subject)
	fmt.Printf("medians of %d runs in turns, process per module, output detached\n\n", rounds)
	fmt.Printf("%-14s %26s %26s %27s\n", "", a, b, a+" / "+b)
	columns := fmt.Sprintf("%9s %9s %6s", "wall ms", "CPU ms", "MiB")
	fmt.Printf("%-14s %s %s %9s %8s %8s\n", "module", columns, columns, "wall", "CPU", "memory")
	for _, module := range modules {
		var samples [2][]sample
		for round := range rounds + 1 {
			for turn := range 2 {
				// Neither of them always comes second, to a cache that the other warmed.
				side := (round + turn) % 2
				s, err := measure([]string{peer, subject}[side], base, module, output)
				if err != nil {
					return err
				}
				if round > 0 {
					samples[side] = append(samples[side], s)
				}
			}
		}
		p, s := medians(samples[0]), medians(samples[1])
		fmt.Printf("%-14s %s %s %8.1fx %7.1fx %7.1fx\n", filepath.Base(module), p, s,
			ratio(p.wall, s.wall), ratio(p.cpu, s.cpu), ratio(p.rss, s.rss))
	}
	return nil
}

func measure(program, base, module, output string) (sample, error) {
	// -j as in the kernel's build: each encoder decides how many threads are good for it.
	flags := append(slices.Clone(encoder.Flags("6.12")), "-j")
	start := time.Now()
	state, err := encoder.Run(program, flags, base, module, output)
	if err != nil {
		return sample{}, err
	}
	s := sample{wall: time.Since(start), cpu: state.UserTime() + state.SystemTime()}
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		s.rss = usage.Maxrss
	}
	return s, nil
}

// medians takes the median of each figure by itself.
func medians(samples []sample) sample {
	return sample{
		wall: median(samples, func(s sample) time.Duration { return s.wall }),
		cpu:  median(samples, func(s sample) time.Duration { return s.cpu }),
		rss:  median(samples, func(s sample) int64 { return s.rss }),
	}
}

func median[T cmp.Ordered](samples []sample, figure func(sample) T) T {
	var figures []T
	for _, s := range samples {
		figures = append(figures, figure(s))
	}
	slices.Sort(figures)
	return figures[len(figures)/2]
}

func ratio[T time.Duration | int64](a, b T) float64 { return float64(a) / float64(max(b, 1)) }

func (s sample) String() string {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return fmt.Sprintf("%9.1f %9.1f %6.0f", ms(s.wall), ms(s.cpu), float64(s.rss)/1024)
}
