// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/kbtf/kbtf/internal/btfdiff"
	"github.com/kbtf/kbtf/internal/btfraw"
)

// A total is the sum of one side's modules.
type total struct {
	name                                string
	types, redundant, incomplete, bytes int
	only                                map[btfraw.Kind]int // classes that only this side has
	causes                              map[string]int      // by description, in how many modules
}

func (t *total) add(side btfdiff.Side, bytes int, only []btfdiff.Class) {
	t.types += side.Types
	t.redundant += side.Redundant
	t.incomplete += side.Incomplete
	t.bytes += bytes
	for _, class := range only {
		t.only[class.Kind]++
		if class.Cause {
			t.causes[class.Description]++
		}
	}
}

func newTotal(name string) *total {
	return &total{name: name, only: make(map[btfraw.Kind]int), causes: make(map[string]int)}
}

// report prints the results, and returns an error if they are not good enough.
func report(o options, oracleName, encoderName string, outcomes []outcome) error {
	oracle, encoder := newTotal(oracleName), newTotal(encoderName)
	var equal, explained, different, failed int
	var failures []error
	for i := range outcomes {
		out := &outcomes[i]
		switch {
		case out.err != nil:
			failed++
			failures = append(failures, out.err)
			continue
		case out.result.Equal():
			equal++
		case len(out.deviations) > 0:
			explained++
			fmt.Printf("%s: explained: %s\n", out.path, join(out.deviations))
		default:
			if different++; different <= 10 {
				fmt.Printf("%s: different\n", out.path)
			}
		}
		if o.list && !out.result.Equal() {
			list(o, out, oracle.name, encoder.name)
		}
		oracle.add(out.result.A, out.oracleBytes, out.result.OnlyA)
		encoder.add(out.result.B, out.encoderBytes, out.result.OnlyB)
	}

	percent := 100 * float64(equal) / float64(len(outcomes))
	fmt.Printf("%d modules: %d equal (%.2f %%), %d explained, %d different, %d failed\n\n",
		len(outcomes), equal, percent, explained, different, failed)
	const row = "%-12s %12s %12s %12s %12s\n"
	fmt.Printf(row, "", "types", "redundant", "incomplete", "bytes")
	for _, t := range []*total{oracle, encoder} {
		fmt.Printf(row, t.name, thousands(t.types), thousands(t.redundant), thousands(t.incomplete),
			thousands(t.bytes))
	}
	if explained+different > 0 {
		fmt.Printf("\nclasses only in  %12s %12s\n", oracle.name, encoder.name)
		for kind := btfraw.Int; kind <= btfraw.Enum64; kind++ {
			if oracle.only[kind]+encoder.only[kind] > 0 {
				fmt.Printf("  %-14v %12s %12s\n", kind, thousands(oracle.only[kind]), thousands(encoder.only[kind]))
			}
		}
		for _, t := range []*total{oracle, encoder} {
			printCauses(t)
		}
	}
	for i, err := range failures {
		if i == 10 {
			fmt.Printf("... and %d more failures\n", len(failures)-i)
			break
		}
		fmt.Println(err)
	}
	switch {
	case failed > 0:
		return fmt.Errorf("%d modules failed", failed)
	case percent < o.minEqual:
		return fmt.Errorf("%.1f %% of the modules are equal, less than %.1f %%", percent, o.minEqual)
	case different > 0:
		return fmt.Errorf("%d modules differ, and no deviation explains the differences", different)
	case encoder.redundant > 0 && o.plain():
		return fmt.Errorf("%s: %d duplicate types", encoder.name, encoder.redundant)
	case encoder.incomplete > 0:
		return fmt.Errorf("%s: %d types that the module defines are incomplete", encoder.name, encoder.incomplete)
	case encoder.bytes > oracle.bytes && o.plain() && !o.vmlinux:
		return fmt.Errorf("%s: %d bytes more than %s", encoder.name, encoder.bytes-oracle.bytes, oracle.name)
	}
	return nil
}

// printCauses prints the differences that occur in the most modules.
func printCauses(t *total) {
	type cause struct {
		description string
		modules     int
	}
	var causes []cause
	for description, modules := range t.causes {
		causes = append(causes, cause{description, modules})
	}
	slices.SortFunc(causes, func(a, b cause) int {
		return cmp.Or(cmp.Compare(b.modules, a.modules), cmp.Compare(a.description, b.description))
	})
	if len(causes) > 0 {
		fmt.Printf("\nonly in %s, by number of modules:\n", t.name)
	}
	for _, c := range causes[:min(len(causes), 15)] {
		fmt.Printf("  %4d  %s\n", c.modules, shorten(c.description, 150))
	}
}

// list prints the differences of one module, causes before consequences.
func list(o options, out *outcome, oracle, encoder string) {
	fmt.Printf("%s: only in %s %d, only in %s %d\n",
		out.path, oracle, len(out.result.OnlyA), encoder, len(out.result.OnlyB))
	for _, side := range []struct {
		sign string
		only []btfdiff.Class
	}{{"-", out.result.OnlyA}, {"+", out.result.OnlyB}} {
		classes := slices.Clone(side.only)
		slices.SortStableFunc(classes, func(a, b btfdiff.Class) int {
			if a.Cause == b.Cause {
				return cmp.Compare(a.Name, b.Name)
			}
			if a.Cause {
				return -1
			}
			return 1
		})
		for i, class := range classes {
			if o.details > 0 && i == o.details {
				fmt.Printf("  %s ... and %d more\n", side.sign, len(classes)-i)
				break
			}
			mark := " "
			if class.Cause {
				mark = "!"
			}
			fmt.Printf("  %s%s [%d] %s\n", side.sign, mark, class.ID, class.Description)
		}
	}
	fmt.Println()
}

func shorten(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return s[:limit] + "..."
}

// thousands formats a number with commas.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
