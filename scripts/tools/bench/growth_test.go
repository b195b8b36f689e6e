// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"testing"
)

func growthOf(exponent float64) growth {
	g := growth{of: "things & more"}
	for x := 1.0; x < 1e6; x *= 3 {
		g.points = append(g.points, point{x, 0.5 * math.Pow(x, exponent)})
	}
	return g
}

func TestFit(t *testing.T) {
	for _, exponent := range []float64{0.5, 1, 2} {
		g := growthOf(exponent)
		f := g.fit()
		if math.Abs(f.exponent-exponent) > 1e-9 || math.Abs(f.factor-0.5) > 1e-9 || f.residue-1 > 1e-9 {
			t.Errorf("exponent %g: %+v", exponent, f)
		}
		// Points that are off by twice, up and down in turns, change the residue, and the line but little.
		for i := range g.points {
			g.points[i].y *= math.Pow(2, float64(i%2*2-1))
		}
		if f = g.fit(); math.Abs(f.exponent-exponent) > 0.1 || f.residue < 1.8 || f.residue > 2.2 {
			t.Errorf("exponent %g, with noise: %+v", exponent, f)
		}
	}
}

func TestEach(t *testing.T) {
	g := growthOf(2)
	if few, most := g.each(false), g.each(true); few != 500 || most <= few {
		t.Errorf("%g and %g microseconds each", few, most)
	}
}

// Charts are XML whatever names hold, and every place is a number.
func TestCharts(t *testing.T) {
	charts := map[string][]byte{
		"growth": growthChart([]growth{growthOf(1), growthOf(2)}),
		"ratio":  ratioChart([]result{{workload: workload{name: "<a>", target: 12, peer: func() (sample, error) { return sample{}, nil }}}}),
	}
	for name, chart := range charts {
		d := xml.NewDecoder(bytes.NewReader(chart))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, chart)
			}
		}
		if bytes.Contains(chart, []byte("NaN")) || bytes.Contains(chart, []byte("Inf")) {
			t.Errorf("%s: a place that is no number\n%s", name, chart)
		}
	}
}
