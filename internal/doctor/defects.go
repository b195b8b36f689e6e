// SPDX-License-Identifier: GPL-2.0-only

package doctor

import (
	"debug/elf"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/kbtf/kbtf/probe"
)

// A defect is something that is wrong with a range of pahole's versions.
type defect struct {
	versions string // a semver constraint; empty for all
	when     func(d *Diagnosis) bool
	severity Severity
	text     string
	fix      string
	source   string
}

var defects = []defect{
	{
		versions: ">= 1.18, < 1.22", severity: Warning,
		when: func(d *Diagnosis) bool {
			return d.Tree == nil || !strings.Contains(d.Tree.scripts, "skip_encoding_btf_vars")
		},
		text:   "pahole 1.18 to 1.21 fails on per-CPU variables of size zero, and this tree does not tell it to leave variables out",
		fix:    "use pahole 1.22 or newer, or btf-ko",
		source: "scripts/pahole-flags.sh of Linux 5.10.223, which passes --skip_encoding_btf_vars to these versions",
	},
	{
		versions: ">= 1.24", severity: Problem,
		when: func(d *Diagnosis) bool {
			return d.Tree != nil && d.Tree.is("< 6.0") && !strings.Contains(d.Tree.scripts, "skip_encoding_btf_enum64")
		},
		text:   "pahole 1.24 and newer writes ENUM64, which kernels before 6.0 do not know, and this tree does not tell it to leave that out",
		fix:    "take scripts/pahole-flags.sh from the tree's latest stable release, or use pahole 1.23",
		source: "https://github.com/NixOS/nixpkgs/pull/194551",
	},
	{
		versions: ">= 1.28, < 1.30", severity: Problem,
		when: func(d *Diagnosis) bool {
			return d.Config != nil && d.Config.is("GENDWARFKSYMS") && d.Config.is("X86")
		},
		text:   "pahole 1.28 and 1.29 mistakes the discarded symbols of GENDWARFKSYMS on x86 for variables",
		fix:    "use pahole older than 1.28 or newer than 1.29, or btf-ko",
		source: "kernel/module/Kconfig of Linux 7.2 (GENDWARFKSYMS), which names pahole commits 47dcb534e253 and 9810758003ce",
	},
	{
		versions: ">= 1.25, < 1.28", severity: Warning,
		text:   "pahole 1.25 to 1.27 takes 6 to 7 GB of memory for vmlinux, and is killed where there is less",
		fix:    "use pahole 1.28 or newer, or give it fewer jobs (-j)",
		source: "https://github.com/acmel/dwarves/issues/55",
	},
	{
		versions: "< 1.29", severity: Warning,
		when: func(d *Diagnosis) bool {
			return d.Tree != nil && parallel.MatchString(d.Tree.scripts) && !strings.Contains(d.Tree.scripts, "reproducible_build")
		},
		text:   "pahole before 1.29 with -j writes types in another order each time: builds are not reproducible",
		fix:    "use pahole 1.29 or newer, or btf-ko",
		source: "https://github.com/acmel/dwarves/issues/42",
	},
	{
		when:     func(d *Diagnosis) bool { return strings.HasPrefix(d.Encoder.Libbpf, "1.7.0") },
		severity: Warning,
		text:     "libbpf 1.7.0 finds no typedef of a module in vmlinux: modules repeat typedefs and all that is built on them",
		fix:      "use a pahole with another libbpf, or btf-ko; btf-ko report counts what is repeated",
		source:   "libbpf commit 37027144 has it, 5b0f3729 repairs it",
	},
}

// parallel is how trees tell pahole to use several threads: -j, or -j$(JOBS).
var parallel = regexp.MustCompile(`(?m)(?:^|[\s"])-j(?:\$|[\s"]|$)`)

// defects reports those of the encoder that matter here.
func (d *Diagnosis) defects() {
	if !d.Encoder.readable || d.Encoder.Name != probe.Pahole {
		return
	}
	for _, f := range defects {
		if (f.versions == "" || satisfies(d.Encoder.parsed.Number, f.versions)) && (f.when == nil || f.when(d)) {
			d.Findings = append(d.Findings, Finding{f.severity, f.text, f.fix, f.source})
		}
	}
}

// satisfies reports whether v satisfies a semver constraint such as ">= 1.18, < 1.22". A pre-release of 1.22 is older than 1.22.
func satisfies(v *semver.Version, constraint string) bool {
	c, err := semver.NewConstraint(constraint)
	if err != nil {
		panic(err)
	}
	c.IncludePrerelease = true
	return c.Check(v)
}

// libraryFolders are where the dynamic loader looks.
var libraryFolders = []string{"/usr/local/lib", "/usr/local/lib/*", "/lib/*-linux-*", "/usr/lib/*-linux-*", "/lib64", "/usr/lib64", "/lib", "/usr/lib"}

// libbpf gives the version of the shared library that a program uses; empty: none, or it cannot be told.
func libbpf(program string, folders []string) string {
	f, err := elf.Open(program)
	if err != nil {
		return ""
	}
	defer f.Close()
	needed, err := f.ImportedLibraries()
	if err != nil {
		return ""
	}
	i := slices.IndexFunc(needed, func(n string) bool { return strings.HasPrefix(n, "libbpf.so.") })
	if i < 0 {
		return ""
	}
	for _, folder := range folders {
		found, _ := filepath.Glob(filepath.Join(folder, needed[i]))
		for _, link := range found {
			if target, err := filepath.EvalSymlinks(link); err == nil {
				return strings.TrimPrefix(filepath.Base(target), "libbpf.so.")
			}
		}
	}
	return ""
}
