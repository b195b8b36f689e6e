// SPDX-License-Identifier: GPL-2.0-only

package btfreport

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"math/bits"
	"path/filepath"
	"sync"
)

//go:embed page.html
var pageText string

// pageTemplate is parsed when a page is wanted: most runs of the program want none.
var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{
		"size":    size,
		"saved":   percent,
		"percent": func(part, whole int) string { return fmt.Sprintf("%.2f%%", 100*float64(part)/float64(max(whole, 1))) },
		"grouped": grouped,
	}).Parse(pageText))
})

// Page writes the report as one page of HTML that refers to nothing outside of itself.
func (r *Report) Page() ([]byte, error) {
	var out bytes.Buffer
	bins := histogram(r.Modules)
	err := pageTemplate().Execute(&out, struct {
		*Report
		Title     string
		Largest   []Module
		Worst     []Module
		Histogram []bin
		MostInBin int
		MostBytes int
	}{
		Report: r, Title: filepath.Base(r.Base.Path),
		Largest: r.Modules[:min(largest, len(r.Modules))], Worst: r.Worst(largest),
		Histogram: bins, MostInBin: mostInBin(bins), MostBytes: mostBytes(r.Groups),
	})
	return out.Bytes(), err
}

// A bin counts the modules whose BTF takes from From to 2*From-1 bytes.
type bin struct{ From, Full, Split int }

func histogram(modules []Module) []bin {
	bins := make([]bin, 64)
	first, last := len(bins), -1
	at := func(n int) *bin {
		i := max(bits.Len(uint(n)), 1) - 1
		first, last = min(first, i), max(last, i)
		return &bins[i]
	}
	for _, m := range modules {
		if m.Full > 0 {
			at(m.Full).Full++
		}
		at(m.Split).Split++
	}
	if last < 0 {
		return bins[:0]
	}
	for i := range bins {
		bins[i].From = 1 << min(i, 62)
	}
	return bins[first : last+1]
}

func mostInBin(bins []bin) (most int) {
	for _, b := range bins {
		most = max(most, b.Full, b.Split)
	}
	return most
}

func mostBytes(groups []Sum) (most int) {
	for _, g := range groups {
		most = max(most, g.Full, g.Split)
	}
	return most
}

// size writes bytes with a unit of three digits.
func size(n int) string {
	switch {
	case n == 0:
		return unknown
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1000_000:
		return fmt.Sprintf("%.3g kB", float64(n)/1000)
	}
	return fmt.Sprintf("%.*f MB", map[bool]int{true: 0, false: 2}[n >= 100_000_000], float64(n)/1000_000)
}

// grouped writes a number with its digits in groups of three.
func grouped(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:] // narrow no-break space
	}
	return s
}
