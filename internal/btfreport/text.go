// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfreport

import (
	"fmt"
	"io"
	"strings"
)

// largest is how many modules a table lists.
const largest = 10

// Text writes the report as tables.
func (r *Report) Text(out io.Writer) error {
	w := &strings.Builder{}
	fmt.Fprintf(w, "Base: %s, %d types, %d bytes of BTF\n\n", r.Base.Path, r.Base.Types, r.Base.Bytes)

	t := newTable(w, "All modules", "modules", "full", "split", "saved")
	t.row("", r.Total.Modules, known(r.Total.Full), r.Total.Split, percent(r.Total.Full, r.Total.Compared))
	t.flush()

	t = newTable(w, fmt.Sprintf("The %d largest", min(largest, len(r.Modules))), "full", "split", "saved")
	for _, m := range r.Modules[:min(largest, len(r.Modules))] {
		t.row(m.Path, known(m.Full), m.Split, percent(m.Full, m.Split))
	}
	t.flush()

	t = newTable(w, "By subsystem", "modules", "full", "split", "saved")
	for _, g := range r.Groups[:min(largest, len(r.Groups))] {
		t.row(g.Name, g.Modules, known(g.Full), g.Split, percent(g.Full, g.Compared))
	}
	if more := len(r.Groups) - largest; more > 0 {
		var rest Sum
		for _, g := range r.Groups[largest:] {
			rest.Modules, rest.Full = rest.Modules+g.Modules, rest.Full+g.Full
			rest.Split, rest.Compared = rest.Split+g.Split, rest.Compared+g.Compared
		}
		t.row(fmt.Sprintf("%d others", more), rest.Modules, known(rest.Full), rest.Split, percent(rest.Full, rest.Compared))
	}
	t.flush()

	t = newTable(w, "Types by kind", "base", "split", "redundant")
	for _, k := range r.Kinds {
		t.row(k.Name, k.Base, k.Split, k.Redundant)
	}
	t.flush()

	if r.Total.Redundant == 0 {
		fmt.Fprintf(w, "Redundant: none. No type duplicates another of the base or of its module.\n")
	} else {
		t = newTable(w, "Duplicates of types of the base or the module", "types", "redundant", "of the base's")
		worst := r.Worst(largest)
		for _, m := range worst {
			t.row(m.Path, m.Types, m.Redundant, m.Unshared)
		}
		t.flush()
		fmt.Fprintf(w, "Redundant: %d of %d types, in %d modules. Encode them with btf-ko: it shares what can be shared.\n",
			r.Total.Redundant, r.Total.Types, len(r.Worst(len(r.Modules))))
	}
	for _, note := range r.Notes() {
		fmt.Fprintln(w, note)
	}
	_, err := io.WriteString(out, w.String())
	return err
}

// Notes returns sentences on what the numbers do not cover.
func (r *Report) Notes() (notes []string) {
	noDWARF, encoded := 0, 0
	for _, m := range r.Modules {
		if m.Full == 0 {
			noDWARF++
		}
		if m.Encoded {
			encoded++
		}
	}
	note := func(n int, format string, args ...any) {
		if n > 0 {
			notes = append(notes, fmt.Sprintf(format, args...))
		}
	}
	note(noDWARF, "Modules without DWARF to encode: %d. "+
		"Their full size is unknown, and the savings are those of the others.", noDWARF)
	note(encoded, "Modules without BTF: %d. Their split was encoded for this report.", encoded)
	note(len(r.Without), "Modules with neither BTF nor DWARF: %d. They are not counted.", len(r.Without))
	return notes
}

// unknown stands for unknown numbers.
const unknown = "-"

func known(n int) any {
	if n == 0 {
		return unknown
	}
	return n
}

func percent(full, split int) string {
	if full == 0 {
		return unknown
	}
	return fmt.Sprintf("%.1f%%", Saved(full, split))
}

// A table has a title in place of the heading of its first column.
type table struct {
	out   io.Writer
	title string
	heads []string
	names []string
	rows  [][]string
}

func newTable(out io.Writer, title string, heads ...string) *table {
	return &table{out: out, title: title, heads: heads}
}

func (t *table) row(name string, values ...any) {
	t.names = append(t.names, name)
	var row []string
	for _, v := range values {
		row = append(row, fmt.Sprint(v))
	}
	t.rows = append(t.rows, row)
}

// flush writes the table: left-aligned names, then right-aligned numbers.
func (t *table) flush() {
	width := len(t.title)
	for _, n := range t.names {
		width = max(width, len(n))
	}
	widths := make([]int, len(t.heads))
	for i, h := range t.heads {
		widths[i] = len(h)
		for _, row := range t.rows {
			widths[i] = max(widths[i], len(row[i]))
		}
	}
	line := func(name string, cells []string) {
		fmt.Fprintf(t.out, "%-*s", width, name)
		for i, c := range cells {
			fmt.Fprintf(t.out, "  %*s", widths[i], c)
		}
		fmt.Fprintln(t.out)
	}
	line(t.title, t.heads)
	for i, row := range t.rows {
		line(t.names[i], row)
	}
	fmt.Fprintln(t.out)
}
