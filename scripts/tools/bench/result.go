// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"bytes"
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"time"
)

// A result is what runs of one workload took.
type result struct {
	workload
	peers, ourses []sample
}

// measure runs a workload, the two in turns, and checks that they do the same.
func (b *bench) measure(w workload) (result, error) {
	r := result{workload: w}
	for round := range w.rounds + 1 {
		for turn := range 2 {
			// Neither of them always comes second, to a cache that the other warmed.
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
			if round > 0 { // the first one only warms up
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

func (r result) String() string {
	p, o := summary(r.peers), summary(r.ourses)
	if r.peer == nil {
		return fmt.Sprintf("%-34s %4d %30s %s", r.name, r.rounds, "", o)
	}
	return fmt.Sprintf("%-34s %4d %s %s %5.1fx %5.1fx %5.1fx %5.0fx", r.name, r.rounds, p, o,
		ratio(p.wall, o.wall), ratio(p.cpu, o.cpu), ratio(p.rss, o.rss), r.target)
}

// figures are medians, each by itself, and by how many percent of it wall times spread.
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
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return fmt.Sprintf("%9.1f %5.0f %7.0f %6.0f", ms(f.wall), f.spread, ms(f.cpu), float64(f.rss)/1024)
}

func ratio[T time.Duration | int64](a, b T) float64 { return float64(a) / float64(max(b, 1)) }

// chart draws the ratios of wall time, and a mark at each target, on a logarithmic scale.
func chart(results []result) []byte {
	const left, width, row = 290, 420, 28
	x := func(ratio float64) float64 { return left + width*math.Log10(max(ratio, 1))/2 } // 1 to 100
	var shown []result
	for _, r := range results {
		if r.peer != nil {
			shown = append(shown, r)
		}
	}
	height := row*len(shown) + 60
	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">
<style>text{fill:#24292f} .axis{stroke:#8c959f} .bar{fill:#2f6fb0} .mark{stroke:#c4432b;stroke-width:2}
@media (prefers-color-scheme: dark){text{fill:#d0d7de} .bar{fill:#6aa7e0}}</style>
<text x="8" y="18">Wall time of pahole, by how much btf-ko takes less (red: target)</text>
`, left+width+60, height)
	for _, tick := range []float64{1, 2, 5, 10, 20, 50, 100} {
		fmt.Fprintf(&out, `<line class="axis" x1="%.0f" x2="%.0f" y1="30" y2="%d" stroke-opacity=".35"/><text x="%.0f" y="%d" text-anchor="middle">%.0fx</text>`+"\n",
			x(tick), x(tick), height-24, x(tick), height-8, tick)
	}
	for i, r := range shown {
		y := 36 + row*i
		p, o := summary(r.peers), summary(r.ourses)
		times := ratio(p.wall, o.wall)
		fmt.Fprintf(&out, `<text x="%d" y="%d" text-anchor="end">%s</text><rect class="bar" x="%d" y="%d" width="%.1f" height="16"/>`+
			`<line class="mark" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/><text x="%.1f" y="%d">%.1fx</text>`+"\n",
			left-8, y+13, html.EscapeString(r.name), left, y, x(times)-left, x(r.target), x(r.target), y-3, y+19, x(times)+6, y+13, times)
	}
	out.WriteString("</svg>\n")
	return out.Bytes()
}
