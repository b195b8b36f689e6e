// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"testing"
)

// The chart is well-formed XML for any name and any time, and each coordinate is a number.
func TestRatioChart(t *testing.T) {
	peer := func() (sample, error) { return sample{}, nil }
	chart := ratioChart([]result{{workload: workload{name: "<a> & b", target: 12, peer: peer}}})
	d := xml.NewDecoder(bytes.NewReader(chart))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v\n%s", err, chart)
		}
	}
	if bytes.Contains(chart, []byte("NaN")) || bytes.Contains(chart, []byte("Inf")) {
		t.Errorf("not a number:\n%s", chart)
	}
}
