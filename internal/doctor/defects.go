// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

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

// defect is a bug of some versions of pahole or of the libbpf that it uses.
type defect struct {
	versions string                  // a semver constraint; empty for all
	when     func(d *Diagnosis) bool // nil for always
	severity Severity
	text     string
	fix      string
	source   string
}

var defects = []defect{
	{
		versions: ">= 1.18, < 1.22",
		severity: Warning,
		when: func(d *Diagnosis) bool {
			return d.Tree == nil || !strings.Contains(d.Tree.scripts, "skip_encoding_btf_vars")
		},
		text: "pahole 1.18 to 1.21 fail on per-CPU variables of size zero, " +
			"and this tree does not pass --skip_encoding_btf_vars",
		fix:    "use pahole 1.22 or newer, or btf-ko",
		source: "scripts/pahole-flags.sh of Linux 5.10.223, which passes --skip_encoding_btf_vars to these versions",
	},
	{
		versions: ">= 1.24",
		severity: Problem,
		when: func(d *Diagnosis) bool {
			return d.Tree != nil && d.Tree.is("< 6.0") && !strings.Contains(d.Tree.scripts, "skip_encoding_btf_enum64")
		},
		text: "pahole 1.24 and newer encode ENUM64, which kernels before 6.0 reject, " +
			"and this tree does not pass --skip_encoding_btf_enum64",
		fix:    "copy scripts/pahole-flags.sh from the latest stable release of this tree, or use pahole 1.23",
		source: "https://github.com/NixOS/nixpkgs/pull/194551",
	},
	{
		versions: ">= 1.28, < 1.30",
		severity: Problem,
		when: func(d *Diagnosis) bool {
			return d.Config != nil && d.Config.is("GENDWARFKSYMS") && d.Config.is("X86")
		},
		text: "pahole 1.28 and 1.29 encode the discarded symbols of GENDWARFKSYMS on x86 as variables",
		fix:  "use pahole older than 1.28 or newer than 1.29, or btf-ko",
		source: "kernel/module/Kconfig of Linux 7.2 (GENDWARFKSYMS), " +
			"which names pahole commits 47dcb534e253 and 9810758003ce",
	},
	{
		versions: ">= 1.25, < 1.28",
		severity: Warning,
		text:     "pahole 1.25 to 1.27 need 6 to 7 GB of memory for vmlinux, and are killed if less is available",
		fix:      "use pahole 1.28 or newer, or run it with fewer jobs (-j)",
		source:   "https://github.com/acmel/dwarves/issues/55",
	},
	{
		versions: "< 1.29",
		severity: Warning,
		when: func(d *Diagnosis) bool {
			return d.Tree != nil && parallel(d.Tree.scripts) &&
				!strings.Contains(d.Tree.scripts, "reproducible_build")
		},
		text:   "pahole before 1.29 with -j encodes types in random order: builds are not reproducible",
		fix:    "use pahole 1.29 or newer, or btf-ko",
		source: "https://github.com/acmel/dwarves/issues/42",
	},
	{
		when:     func(d *Diagnosis) bool { return strings.HasPrefix(d.Encoder.Libbpf, "1.7.0") },
		severity: Warning,
		text: "libbpf 1.7.0 does not deduplicate typedefs against vmlinux: " +
			"modules repeat typedefs and the types that refer to them",
		fix:    "use a pahole with another libbpf, or btf-ko; btf-ko report counts the duplicates",
		source: "introduced by libbpf commit 37027144, fixed by 5b0f3729",
	},
}

// parallel reports whether scripts pass -j or -j$(JOBS) to pahole.
func parallel(scripts string) bool {
	return regexp.MustCompile(`(?m)(?:^|[\s"])-j(?:\$|[\s"]|$)`).MatchString(scripts)
}

// defects reports the defects of the encoder that affect this tree.
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

// satisfies reports whether v satisfies a semver constraint such as ">= 1.18, < 1.22". Pre-releases
// of 1.22 are older than 1.22.
func satisfies(v *semver.Version, constraint string) bool {
	c, err := semver.NewConstraint(constraint)
	if err != nil {
		panic(err)
	}
	c.IncludePrerelease = true
	return c.Check(v)
}

// libraryFolders are the directories that the dynamic loader searches.
var libraryFolders = []string{
	"/usr/local/lib", "/usr/local/lib/*", "/lib/*-linux-*", "/usr/lib/*-linux-*",
	"/lib64", "/usr/lib64", "/lib", "/usr/lib",
}

// libbpf returns the version of the shared libbpf that a program uses, or "" if it uses none or the
// version is unknown.
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
