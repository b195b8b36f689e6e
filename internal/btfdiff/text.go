// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfdiff

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	udiff "github.com/aymanbagabas/go-udiff"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// Limits of what Text prints without All.
const (
	MaxDifferences = 10 // of each sort
	maxLines       = 20 // of a type
)

// TextOptions select what Text prints besides the differences.
type TextOptions struct {
	NameA, NameB   string
	BytesA, BytesB int
	All            bool // all differences, not only MaxDifferences of each sort
	Repeats        bool // the redundant types
}

// Text prints an explanation in human-readable form.
func (e *Explanation) Text(out io.Writer, opt TextOptions) {
	d := &differences{Explanation: e, TextOptions: opt, out: out}
	d.summary()
	d.changes()
	d.only("A", d.OnlyA)
	d.only("B", d.OnlyB)
	if opt.Repeats {
		d.repeats("A", d.RepeatsA)
		d.repeats("B", d.RepeatsB)
	}
}

type differences struct {
	*Explanation
	TextOptions
	out io.Writer
}

func (d *differences) printf(format string, args ...any) { fmt.Fprintf(d.out, format, args...) }

// summary prints counts: first the types of each side, then the differences by kind.
func (d *differences) summary() {
	d.printf("A: %s\nB: %s\n\n", d.NameA, d.NameB)
	w := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(format string, columns ...any) { fmt.Fprintf(w, format+"\t\n", columns...) }
	row("\tA\tB")
	row("types\t%d\t%d", d.A.Types, d.B.Types)
	row("redundant\t%d\t%d", d.A.Redundant, d.B.Redundant)
	row("classes\t%d\t%d", d.A.Classes, d.B.Classes)
	row("bytes\t%d\t%d", d.BytesA, d.BytesB)
	w.Flush()
	if d.Equal {
		d.printf("\nequal\n")
		return
	}
	var changed, onlyA, onlyB [btfraw.NumKinds]int
	for _, c := range d.Changes {
		changed[c.A.Kind]++
	}
	for _, c := range d.OnlyA {
		onlyA[c.Kind]++
	}
	for _, c := range d.OnlyB {
		onlyB[c.Kind]++
	}
	d.printf("\n")
	row("\tin both, but different\tonly in A\tonly in B")
	for kind := btfraw.Int; kind < btfraw.NumKinds; kind++ {
		if changed[kind]+onlyA[kind]+onlyB[kind] > 0 {
			row("%v\t%d\t%d\t%d", kind, changed[kind], onlyA[kind], onlyB[kind])
		}
	}
	w.Flush()
}

// most returns how many of n items are shown.
func (d *differences) most(limit, n int) int {
	if d.All {
		return n
	}
	return min(limit, n)
}

// bounded calls show for the first of n items, and prints how many are left.
func (d *differences) bounded(n int, show func(i int)) {
	most := d.most(MaxDifferences, n)
	for i := range most {
		show(i)
	}
	if n > most {
		d.printf("... and %d more: --all shows them\n", n-most)
	}
}

func (d *differences) changes() {
	if len(d.Changes) > 0 {
		d.printf("\nin both, but different:\n")
	}
	d.bounded(len(d.Changes), func(i int) {
		c := &d.Changes[i]
		d.printf("%v %s: %s\n", c.A.Kind, c.A.Name, c.First)
		if c.TextA == c.TextB {
			return // it only leads to a type that differs
		}
		unified := udiff.Unified("A", "B", c.TextA+"\n", c.TextB+"\n")
		lines := strings.SplitAfter(strings.TrimSuffix(unified, "\n"), "\n")[2:] // without --- A and +++ B
		shown := lines[:d.most(maxLines, len(lines))]
		d.printf("    %s\n", strings.Join(shown, "    "))
		if len(shown) < len(lines) {
			d.printf("    ... and %d more lines\n", len(lines)-len(shown))
		}
	})
}

// only lists the classes of one side only. Without All, types without a name that only lead to
// others are counted instead.
func (d *differences) only(side string, classes []Class) {
	var shown []Class
	for _, c := range classes {
		if c.Cause || c.Name != "" || d.All {
			shown = append(shown, c)
		}
	}
	if len(classes) > 0 {
		d.printf("\nonly in %s:\n", side)
	}
	d.bounded(len(shown), func(i int) { d.printf("[%d] %s\n", shown[i].ID, shown[i].Description) })
	if n := len(classes) - len(shown); n > 0 {
		d.printf("... and %d without a name that lead to what differs: --all shows them\n", n)
	}
}

func (d *differences) repeats(side string, repeats []Repeat) {
	if len(repeats) > 0 {
		d.printf("\nredundant in %s:\n", side)
	}
	d.bounded(len(repeats), func(i int) {
		r := &repeats[i]
		what, owner := r.Kind.String(), side
		if r.Name != "" {
			what += " " + r.Name
		}
		if r.OfBase {
			owner = "the base"
		}
		d.printf("[%d] %s repeats [%d] of %s\n", r.ID, what, r.Of, owner)
	})
}
