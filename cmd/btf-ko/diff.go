// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	udiff "github.com/aymanbagabas/go-udiff"
	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/btfdiff"
	"github.com/kbtf/kbtf/internal/cli"
)

var diffCommand = &cli.Command{
	Name:    "diff",
	Summary: "compare the types of two files",
	Help: cli.Help{
		Synopsis: "btf-ko diff [--btf_base FILE] A B",
		Text: `
Compares the types in the BTF of two files, regardless of ids, order, duplicates and
strings. A and B are ELF files with .BTF, or raw BTF: of a module, with the base of
both, or of vmlinux. Of types with the same name that differ, it shows the first
difference; types that differ themselves come before those that only reach them.`,
		Exit: "0 equal, 1 different, 2 wrong BTF or command line",
		Examples: []string{
			"btf-ko diff --btf_base vmlinux xfs.ko xfs-by-pahole.btf",
			"btf-ko diff --all old/vmlinux new/vmlinux",
			"btf-ko diff -v --btf_base vmlinux dummy.ko dummy.ko # duplicate types",
		},
	},
	Flags: diffFlags,
}

// What is shown without --all: so many differences of each sort, and so many lines of a type.
const (
	maxDifferences = 10
	maxLines       = 20
)

type diffOptions struct {
	base    string
	all     bool
	verbose bool
}

func diffFlags(flags *pflag.FlagSet) func(*cli.Call) int {
	var opt diffOptions
	flags.StringVar(&opt.base, "btf_base", "", "both are split against the BTF of `FILE`: vmlinux, or raw BTF")
	flags.BoolVar(&opt.all, "all", false, fmt.Sprintf("show all differences, not only %d of each sort", maxDifferences))
	flags.BoolVarP(&opt.verbose, "verbose", "v", false, "list the duplicate types, each with its original")
	return func(call *cli.Call) int {
		if len(call.Args) != 2 {
			return call.Usage("%d files, not 2: see btf-ko diff --help", len(call.Args))
		}
		a, err := openInput(call.Args[0])
		if err != nil {
			return call.Usage("%v", err)
		}
		defer a.close()
		b, err := openInput(call.Args[1])
		if err != nil {
			return call.Usage("%v", err)
		}
		defer b.close()
		e, err := explain(a, b, opt.base)
		if err != nil {
			return call.Usage("%v", err)
		}
		d := differences{Explanation: e, out: call.Stdout, all: opt.all}
		d.print(a, b, opt.verbose)
		if e.Equal {
			return exitDone
		}
		return exitFailed
	}
}

// explain compares two inputs over the base that both have.
func explain(a, b *input, basePath string) (*btfdiff.Explanation, error) {
	base := btfdiff.NoBase()
	var err error
	switch {
	case basePath != "":
		for _, in := range []*input{a, b} {
			if in.base != nil {
				return nil, fmt.Errorf("%s: has .BTF.base: its .BTF is split against that, not against %s", in.path, basePath)
			}
		}
		if base, err = diffBase(basePath); err != nil {
			return nil, err
		}
	case !bytes.Equal(a.base, b.base):
		return nil, fmt.Errorf("%s, %s: not the same .BTF.base, and split against different bases", a.path, b.path)
	case a.base != nil:
		if base, err = btfdiff.NewBase(a.base); err != nil {
			return nil, fmt.Errorf("%s: .BTF.base: %w", a.path, err)
		}
	}
	// One after the other, so that an error has its file's name.
	for _, in := range []*input{a, b} {
		if err := base.Check(in.btf); err != nil {
			return nil, fmt.Errorf("%s: %w", in.path, err)
		}
	}
	return base.Explain(a.btf, b.btf)
}

func diffBase(path string) (*btfdiff.Base, error) {
	in, err := openInput(path) // stays mapped
	if err != nil {
		return nil, fmt.Errorf("base %w", err)
	}
	base, err := btfdiff.NewBase(in.btf)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return base, nil
}

// differences writes an explanation for people.
type differences struct {
	*btfdiff.Explanation
	out io.Writer
	all bool
}

func (d *differences) print(a, b *input, repeats bool) {
	d.summary(a, b)
	d.changes()
	d.only("A", d.OnlyA)
	d.only("B", d.OnlyB)
	if repeats {
		d.repeats("A", d.RepeatsA)
		d.repeats("B", d.RepeatsB)
	}
}

func (d *differences) printf(format string, args ...any) { fmt.Fprintf(d.out, format, args...) }

// summary counts: first what each side has, then what differs, by kind.
func (d *differences) summary(a, b *input) {
	d.printf("A: %s\nB: %s\n\n", a.path, b.path)
	w := tabwriter.NewWriter(d.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(format string, columns ...any) { fmt.Fprintf(w, format+"\t\n", columns...) }
	row("\tA\tB")
	row("types\t%d\t%d", d.A.Types, d.B.Types)
	row("redundant\t%d\t%d", d.A.Redundant, d.B.Redundant)
	row("classes\t%d\t%d", d.A.Classes, d.B.Classes)
	row("bytes\t%d\t%d", len(a.btf), len(b.btf))
	w.Flush()
	if d.Equal {
		d.printf("\nequal\n")
		return
	}
	var changed, onlyA, onlyB [btfdiff.Enum64 + 1]int
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
	row("\tin both, not the same\tonly in A\tonly in B")
	for kind := btfdiff.Int; kind <= btfdiff.Enum64; kind++ {
		if changed[kind]+onlyA[kind]+onlyB[kind] > 0 {
			row("%v\t%d\t%d\t%d", kind, changed[kind], onlyA[kind], onlyB[kind])
		}
	}
	w.Flush()
}

// most is how many of n are shown.
func (d *differences) most(limit, n int) int {
	if d.all {
		return n
	}
	return min(limit, n)
}

// bounded calls show for the first of n things, and says how many are left.
func (d *differences) bounded(n int, show func(i int)) {
	most := d.most(maxDifferences, n)
	for i := range most {
		show(i)
	}
	if n > most {
		d.printf("... and %d more: --all shows them\n", n-most)
	}
}

func (d *differences) changes() {
	if len(d.Changes) > 0 {
		d.printf("\nin both, not the same:\n")
	}
	d.bounded(len(d.Changes), func(i int) {
		c := &d.Changes[i]
		d.printf("%v %s: %s\n", c.A.Kind, c.A.Name, c.First)
		if c.TextA == c.TextB {
			return // it leads to what differs
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

// only lists what one side has alone. Types without a name that merely lead to others are counted, as long as not all is asked for.
func (d *differences) only(side string, classes []btfdiff.Class) {
	var shown []btfdiff.Class
	for _, c := range classes {
		if c.Cause || c.Name != "" || d.all {
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

func (d *differences) repeats(side string, repeats []btfdiff.Repeat) {
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
