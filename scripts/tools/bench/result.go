// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

// A result has the samples of one workload.
type result struct {
	workload
	peers, ourses []sample
}

// measure runs a workload alternately on both sides, and checks that their outputs are equal.
func (b *bench) measure(w workload) (result, error) {
	r := result{workload: w}
	for round := range w.rounds + 1 {
		for turn := range 2 {
			// Alternate the order: the first run warms caches for the second.
			run, to := w.ours, &r.ourses
			if (round+turn)%2 == 0 {
				run, to = w.peer, &r.peers
			}
			if run == nil {
				continue
			}
			s, err := run()
			if err != nil {
				return r, err
			}
			if round > 0 { // the first round is the warm-up
				*to = append(*to, s)
			}
		}
		if round == 0 && w.equal != nil {
			if err := w.equal(); err != nil {
				return r, err
			}
		}
	}
	return r, nil
}

func (b *bench) printHead() {
	fmt.Printf("medians of alternating runs, with the spread from the fastest to the slowest; output detached\n\n")
	fmt.Printf("%-34s %4s %30s %30s %24s\n", "", "", filepath.Base(b.peer), filepath.Base(b.subject), "ratio")
	columns := fmt.Sprintf("%9s %5s %7s %6s", "wall ms", "+-%", "CPU ms", "MiB")
	fmt.Printf("%-34s %4s %s %s %6s %6s %6s %s\n", "", "runs", columns, columns, "wall", "CPU", "memory", "target")
}

func (r result) String() string {
	p, o := summary(r.peers), summary(r.ourses)
	if r.peer == nil {
		return fmt.Sprintf("%-34s %4d %30s %s", r.name, r.rounds, "", o)
	}
	return fmt.Sprintf("%-34s %4d %s %s %5.1fx %5.1fx %5.1fx %5.0fx", r.name, r.rounds, p, o,
		ratio(p.wall, o.wall), ratio(p.cpu, o.cpu), ratio(p.rss, o.rss), r.target)
}

// figures are medians, and the spread of wall times in percent of the median.
type figures struct {
	sample
	spread float64
}

func summary(samples []sample) figures {
	if len(samples) == 0 {
		return figures{}
	}
	wall := sorted(samples, func(s sample) time.Duration { return s.wall })
	cpu := sorted(samples, func(s sample) time.Duration { return s.cpu })
	rss := sorted(samples, func(s sample) int64 { return s.rss })
	n := len(samples)
	f := figures{sample: sample{wall[n/2], cpu[n/2], rss[n/2]}}
	f.spread = 50 * float64(wall[n-1]-wall[0]) / float64(wall[n/2])
	return f
}

func sorted[T cmp.Ordered](samples []sample, figure func(sample) T) []T {
	list := make([]T, 0, len(samples))
	for _, s := range samples {
		list = append(list, figure(s))
	}
	slices.Sort(list)
	return list
}

func (f figures) String() string {
	return fmt.Sprintf("%9.1f %5.0f %7.0f %6.0f",
		milliseconds(f.wall), f.spread, milliseconds(f.cpu), float64(f.rss)/1024)
}

func ratio[T time.Duration | int64](a, b T) float64 { return float64(a) / float64(max(b, 1)) }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
