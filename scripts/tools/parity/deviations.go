// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"github.com/kbtf/kbtf/internal/btfdiff"
	"github.com/kbtf/kbtf/internal/btfraw"
)

// A deviation is a line of docs/deviations.md that says where the two sides may differ, and how:
//
//	KERNEL/VERSION  MODULE  only-pahole|only-btf-ko  KIND NAME
//	KERNEL/VERSION  MODULE  both                     leading to KIND NAME
//	KERNEL/VERSION  *       only-pahole              repeats
//
// KERNEL is a kernel as scripts/parity names it, VERSION a version of pahole, NAME may be *. The lines stand in blocks that begin with
// ```deviations. The last form is for distilled bases: what pahole says a second time has no base any more that would have it.
type deviation struct {
	line           string
	kernel, oracle string
	module         string
	side           string
	leading        bool
	kind           btfraw.Kind
	name           string
	used           bool
}

const repeats = "repeats"

// readDeviations reads the lines that are about a kernel and a version of pahole.
func readDeviations(path, kernel, oracle string) ([]*deviation, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var list []*deviation
	inside := false
	for number, line := range strings.Split(string(text), "\n") {
		if strings.HasPrefix(line, "```") {
			inside = line == "```deviations"
			continue
		}
		fields := strings.Fields(line)
		if !inside || len(fields) == 0 {
			continue
		}
		d, err := parseDeviation(fields)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, number+1, err)
		}
		if d.kernel == kernel && d.oracle == oracle {
			list = append(list, d)
		}
	}
	return list, nil
}

func parseDeviation(fields []string) (*deviation, error) {
	if len(fields) < 4 {
		return nil, fmt.Errorf("a deviation has at least 4 words")
	}
	d := &deviation{line: strings.Join(fields, " "), module: fields[1], side: fields[2], name: repeats}
	var ok bool
	if d.kernel, d.oracle, ok = strings.Cut(fields[0], "/"); !ok {
		return nil, fmt.Errorf("%q is no kernel/version", fields[0])
	}
	rest := fields[3:]
	if rest[0] == repeats {
		return d, nil
	}
	if len(rest) == 4 && rest[0] == "leading" && rest[1] == "to" {
		d.leading, rest = true, rest[2:]
	}
	if len(rest) != 2 {
		return nil, fmt.Errorf("%q is not KIND NAME", strings.Join(rest, " "))
	}
	d.name = rest[1]
	for d.kind = btfraw.Int; d.kind <= btfraw.Enum64; d.kind++ {
		if d.kind.String() == rest[0] {
			return d, nil
		}
	}
	return nil, fmt.Errorf("%q is no kind", rest[0])
}

// explainer knows the deviations of one comparison.
type explainer struct {
	base *btfdiff.Base
	list []*deviation
}

// explains says whether all that differs in a module is on the list. What follows from a difference of another class needs no line
// of its own.
func (e *explainer) explains(out *outcome) (bool, error) {
	for _, d := range e.list {
		if d.name == repeats && d.module == "*" && out.distilled && out.repeats {
			d.used = true
			return true, nil
		}
	}
	explained := false
	for _, side := range []struct {
		name string
		only []btfdiff.Class
		raw  []byte
	}{{"only-pahole", out.result.OnlyA, out.oracle}, {"only-btf-ko", out.result.OnlyB, out.encoder}} {
		leading := make(map[*deviation]map[uint32]bool)
	classes:
		for _, class := range side.only {
			for _, d := range e.list {
				if d.module != out.path {
					continue
				}
				switch {
				case d.leading:
					if leading[d] == nil {
						ids, err := e.base.LeadingTo(side.raw, d.kind, d.name)
						if err != nil {
							return false, err
						}
						leading[d] = ids
					}
					if !leading[d][class.ID] {
						continue
					}
				case d.side != side.name || d.kind != class.Kind || d.name != "*" && d.name != class.Name:
					continue
				}
				d.used, explained = true, true
				continue classes
			}
			if class.Cause {
				return false, nil
			}
		}
	}
	return explained, nil
}

// unused lists the lines that explained nothing in a comparison that they are about.
func (e *explainer) unused(o *options) []string {
	var lines []string
	for _, d := range e.list {
		if !d.used && (d.name == repeats) == o.distilled && (d.module == "vmlinux") == o.vmlinux {
			lines = append(lines, d.line)
		}
	}
	return lines
}

// oracleVersion is the version that pahole prints, without its v.
func oracleVersion(version []byte) string {
	return strings.TrimPrefix(string(bytes.TrimSpace(version)), "v")
}
