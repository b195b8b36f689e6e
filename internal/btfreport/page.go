// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfreport

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html"
	"math/bits"
	"path/filepath"
	"strconv"
	"strings"
)

//go:embed page.html
var pageText string

// Page writes the report as a self-contained HTML page. In page.html, @words@ are placeholders.
// html/template is not used, because it would slow down each start of the program, one per module
// of a build, by a tenth.
func (r *Report) Page() ([]byte, error) {
	modules, err := json.Marshal(r.Modules) // which escapes <, > and &, and so does not end the script
	if err != nil {
		return nil, err
	}
	bins := histogram(r.Modules)
	binsJSON, err := json.Marshal(bins)
	if err != nil {
		return nil, err
	}
	t := &r.Total
	return []byte(strings.NewReplacer(
		"@title@", escape(filepath.Base(r.Base.Path)), "@base@", escape(r.Base.Path),
		"@base types@", grouped(r.Base.Types), "@base size@", size(r.Base.Bytes),
		"@modules@", grouped(t.Modules), "@full@", size(t.Full), "@split@", size(t.Split),
		"@saved@", percent(t.Full, t.Compared),
		"@types@", grouped(t.Types), "@redundant@", grouped(t.Redundant), "@warn@", warn(t.Redundant),
		"@notes@", r.pageNotes(), "@bars@", r.bars(), "@groups@", r.allGroups(), "@kinds@", r.kindRows(),
		"@worst@", r.worstRows(), "@largest@", r.largestRows(),
		"@json@", string(modules), "@bins@", string(binsJSON), "@most in bin@", strconv.Itoa(mostInBin(bins)),
	).Replace(pageText)), nil
}

const shownGroups = 15

func escape(s string) string { return html.EscapeString(s) }

// warn marks a number that should be 0.
func warn(n int) string {
	if n == 0 {
		return ""
	}
	return ` class="warn"`
}

// cells returns a row of a table. The cells are HTML.
func cells(list ...string) string {
	return "<tr><td>" + strings.Join(list, "</td><td>") + "</td></tr>\n"
}

// scrolling returns a table that scrolls on narrow screens.
func scrolling(name string, columns []string, rows string) string {
	return fmt.Sprintf(`<div class="scroll" tabindex="0" role="region" aria-label="%s"><table>
<thead><tr><th scope="col">%s</th></tr></thead>
<tbody>%s</tbody></table></div>`, name, strings.Join(columns, `</th><th scope="col">`), rows)
}

// fullSize is a full size, where it is known.
func fullSize(n int) string {
	if n == 0 {
		return unknown
	}
	return grouped(n)
}

func (r *Report) pageNotes() string {
	var s strings.Builder
	for _, note := range r.Notes() {
		fmt.Fprintf(&s, "<p class=\"soft\">%s</p>\n", escape(note))
	}
	if n := len(r.Unreadable); n > 0 {
		fmt.Fprintf(&s, `<details><summary class="warn">%d modules could not be read</summary><ul>`, n)
		for _, f := range r.Unreadable {
			fmt.Fprintf(&s, "<li>%s: %s</li>", escape(f.Path), escape(f.Reason))
		}
		s.WriteString("</ul></details>\n")
	}
	return s.String()
}

func (r *Report) bars() string {
	most := mostBytes(r.Groups)
	width := func(n int) string { return fmt.Sprintf("%.2f%%", 100*float64(n)/float64(max(most, 1))) }
	var s strings.Builder
	for _, g := range r.Groups[:min(shownGroups, len(r.Groups))] {
		fmt.Fprintf(&s, `<li><span class="name">%s <span class="soft">(%d)</span></span>`+
			`<span class="track" aria-hidden="true"><i style="width: %s"></i><i style="width: %s"></i></span>`+
			`<span class="number">%s of %s<span class="saved">, %s saved</span></span></li>`+"\n",
			escape(g.Name), g.Modules, width(g.Full), width(g.Split), size(g.Split), size(g.Full), percent(g.Full, g.Compared))
	}
	return s.String()
}

func (r *Report) allGroups() string {
	if len(r.Groups) <= shownGroups {
		return ""
	}
	var rows strings.Builder
	for _, g := range r.Groups {
		rows.WriteString(cells(escape(g.Name), grouped(g.Modules), fullSize(g.Full), grouped(g.Split),
			percent(g.Full, g.Compared), grouped(g.Redundant)))
	}
	return fmt.Sprintf("<details><summary>All %d subsystems</summary>\n%s</details>", len(r.Groups),
		scrolling("All subsystems", []string{"Subsystem", "Modules", "Full", "Split", "Saved", "Redundant"}, rows.String()))
}

func (r *Report) kindRows() string {
	var rows strings.Builder
	for _, k := range r.Kinds {
		fmt.Fprintf(&rows, "<tr><td>%s</td><td>%s</td><td>%s</td><td%s>%s</td></tr>\n",
			k.Name, grouped(k.Base), grouped(k.Split), warn(k.Redundant), grouped(k.Redundant))
	}
	return rows.String()
}

func (r *Report) worstRows() string {
	worst := r.Worst(largest)
	if len(worst) == 0 {
		return ""
	}
	var rows strings.Builder
	for _, m := range worst {
		rows.WriteString(cells(escape(m.Path), grouped(m.Types), grouped(m.Redundant), grouped(m.Unshared)))
	}
	return `<h2>Duplicate types</h2>
<p>These modules have types that duplicate types of the base or of the module itself. A perfect encoder emits none.</p>
` + scrolling("Modules with redundant types", []string{"Module", "Types", "Redundant", "Of the base's"}, rows.String())
}

func (r *Report) largestRows() string {
	var rows strings.Builder
	for _, m := range r.Modules[:min(largest, len(r.Modules))] {
		rows.WriteString(cells(escape(m.Path), fullSize(m.Full), grouped(m.Split),
			percent(m.Full, m.Split), grouped(m.Types), grouped(m.Redundant)))
	}
	return rows.String()
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
