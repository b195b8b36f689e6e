// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
)

// A drawing is an SVG image, readable on light and dark backgrounds.
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

// A scale is logarithmic: it maps values from low to high to coordinates.
type scale struct {
	low, high float64
	from, to  float64 // coordinates
}

func (s scale) at(value float64) float64 {
	return s.from + (s.to-s.from)*math.Log(value/s.low)/math.Log(s.high/s.low)
}

// ratioChart draws the ratio of wall times of each workload, with a mark at its target.
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
	d := newDrawing(left+width+60, row*len(shown)+60,
		"Wall time of pahole divided by that of btf-ko (red: target)")
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
