// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
)

// A drawing is a picture for documents, readable on light and on dark ground.
type drawing struct{ bytes.Buffer }

func newDrawing(width, height int, title string) *drawing {
	d := &drawing{}
	d.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">
<style>text{fill:#24292f} .axis{stroke:#8c959f} .bar{fill:#2f6fb0} .mark{stroke:#c4432b;stroke-width:2}
@media (prefers-color-scheme: dark){text{fill:#d0d7de} .bar{fill:#6aa7e0}}</style>
`, width, height)
	d.text(8, 18, "start", title)
	return d
}

func (d *drawing) printf(format string, args ...any) { fmt.Fprintf(&d.Buffer, format, args...) }

func (d *drawing) text(x, y float64, anchor, text string) {
	d.printf(`<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", x, y, anchor, html.EscapeString(text))
}

func (d *drawing) gridLine(x1, y1, x2, y2 float64) {
	d.printf(`<line class="axis" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke-opacity=".35"/>`+"\n", x1, y1, x2, y2)
}

func (d *drawing) mark(x1, y1, x2, y2 float64) {
	d.printf(`<line class="mark" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`+"\n", x1, y1, x2, y2)
}

func (d *drawing) finish() []byte {
	d.printf("</svg>\n")
	return d.Bytes()
}

// A scale places values between two on a line, by their logarithms.
type scale struct {
	low, high float64
	from, to  float64 // where the line begins and ends
}

func (s scale) at(value float64) float64 {
	return s.from + (s.to-s.from)*math.Log(value/s.low)/math.Log(s.high/s.low)
}

// ratioChart draws the ratios of wall time, and a mark at each target.
func ratioChart(results []result) []byte {
	const left, width, row = 290, 420, 28
	var shown []result
	for _, r := range results {
		if r.peer != nil {
			shown = append(shown, r)
		}
	}
	bottom := float64(row*len(shown) + 36)
	x := scale{1, 100, left, left + width}
	d := newDrawing(left+width+60, row*len(shown)+60, "Wall time of pahole, by how much btf-ko takes less (red: target)")
	for _, tick := range []float64{1, 2, 5, 10, 20, 50, 100} {
		d.gridLine(x.at(tick), 30, x.at(tick), bottom)
		d.text(x.at(tick), bottom+16, "middle", fmt.Sprintf("%.0fx", tick))
	}
	for i, r := range shown {
		y := float64(36 + row*i)
		times := ratio(summary(r.peers).wall, summary(r.ourses).wall)
		end := x.at(max(times, 1))
		d.text(left-8, y+13, "end", r.name)
		d.printf(`<rect class="bar" x="%d" y="%.0f" width="%.1f" height="16"/>`+"\n", left, y, end-left)
		if r.target > 0 {
			d.mark(x.at(max(r.target, 1)), y-3, x.at(max(r.target, 1)), y+19)
		}
		d.text(end+6, y+13, "start", fmt.Sprintf("%.1fx", times))
	}
	return d.finish()
}

// growthChart draws each growth beside the others, with the line that fits it.
func growthChart(list []growth) []byte {
	const panel, left, top, bottom = 300, 52, 52, 270
	d := newDrawing(panel*len(list), bottom+46, "Time of btf-ko on one thread, in milliseconds, and what fits it (red)")
	for i, g := range list {
		low, high := g.bounds()
		x := scale{low.x, high.x, float64(panel*i + left), float64(panel*(i+1) - 16)}
		y := scale{low.y, high.y, bottom, top}
		for tick := low.x; tick <= high.x*1.01; tick *= 10 {
			d.gridLine(x.at(tick), top, x.at(tick), bottom)
			d.text(x.at(tick), bottom+16, "middle", shortNumber(tick))
		}
		for tick := low.y; tick <= high.y*1.01; tick *= 10 {
			d.gridLine(x.from, y.at(tick), x.to, y.at(tick))
			d.text(x.from-6, y.at(tick)+4, "end", shortNumber(tick))
		}
		d.text((x.from+x.to)/2, bottom+36, "middle", g.of)
		for _, p := range g.points {
			d.printf(`<circle class="bar" cx="%.1f" cy="%.1f" r="2.5" fill-opacity=".5"/>`+"\n", x.at(p.x), y.at(p.y))
		}
		f := g.fit()
		least, most := g.points[0].x, g.points[len(g.points)-1].x
		d.mark(x.at(least), y.at(f.at(least)), x.at(most), y.at(f.at(most)))
		d.text(x.from+6, top-8, "start", f.String())
	}
	return d.finish()
}

func shortNumber(n float64) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%gM", n/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%gk", n/1e3)
	}
	return fmt.Sprintf("%g", n)
}
