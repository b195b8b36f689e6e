// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package doctor

import (
	"fmt"
	"io"
	"strings"

	"github.com/kbtf/kbtf/internal/cli"
)

// indent is the width of the first column.
const indent = 9

// Text writes the diagnosis as text, with colours if color is set.
func (d *Diagnosis) Text(out io.Writer, color bool) error {
	var s strings.Builder
	paint := func(code, text string) string {
		if !color {
			return text
		}
		return "\x1b[" + code + "m" + text + "\x1b[0m"
	}
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&s, "%s %s\n", paint("1", fmt.Sprintf("%-8s", name)), fmt.Sprintf(format, args...))
	}
	e := &d.Encoder
	if e.Name == "" {
		row("encoder", "%s: unknown version", e.Command)
	} else {
		path := ""
		if e.Path != "" && e.Path != e.Command {
			path = " (" + e.Path + ")"
		}
		row("encoder", "%s%s: %s %s", e.Command, path, e.Name, e.Version)
		features := strings.Join(e.Can, ", ")
		if features == "" {
			features = "none"
		}
		if e.Libbpf != "" {
			features += "; uses libbpf " + e.Libbpf
		}
		row("", "features: %s", features)
	}
	if t := d.Tree; t == nil {
		row("tree", "none (kconfig-probe doctor TREE checks one)")
	} else {
		wiring := map[Wiring]string{
			Absent:      "not wired: modules get no BTF",
			Upstream:    "wired by upstream's rule",
			Ours:        "wired by kconfig-probe, for " + t.Encoder,
			Broken:      "wired, but modules are relinked needlessly",
			HalfPatched: "half patched",
		}[t.Wiring]
		row("tree", "%s: Linux %s, %s", t.Path, t.Version, wiring)
	}
	if c := d.Config; c == nil {
		row("config", "none")
	} else {
		var values []string
		for _, name := range shownSymbols {
			if v := c.Symbols[name]; v != "n" || name != "PAHOLE_VERSION" {
				values = append(values, name+"="+v)
			}
		}
		row("config", "%s", c.Path)
		row("", "%s", strings.Join(values[:min(3, len(values))], " "))
		row("", "%s", strings.Join(values[min(3, len(values)):], " "))
	}
	base := "no BTF (/sys/kernel/btf/vmlinux)"
	if d.Running.Base != "" {
		base = fmt.Sprintf("BTF in %s, %d bytes", d.Running.Base, d.Running.Bytes)
	}
	row("running", "Linux %s: %s", d.Running.Release, base)
	s.WriteByte('\n')
	for _, f := range d.Findings {
		code := "31;1"
		if f.Severity == Warning {
			code = "33;1"
		}
		fmt.Fprintf(&s, "%s %s\n", paint(code, fmt.Sprintf("%-8s", f.Severity)), cli.Wrap(f.Text, indent))
		fmt.Fprintf(&s, "%-8s %s\n", "  fix:", cli.Wrap(f.Fix, indent))
		if f.Source != "" {
			fmt.Fprintf(&s, "%-8s %s\n", "  see:", cli.Wrap(f.Source, indent))
		}
	}
	if len(d.Findings) == 0 {
		fmt.Fprintln(&s, paint("32;1", "ok")+"       no problems found")
	}
	_, err := io.WriteString(out, s.String())
	return err
}
