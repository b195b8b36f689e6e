// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package doctor diagnoses why kernel modules have no BTF, or would get the wrong one. It checks the
// encoder, the kernel tree, its configuration and the running kernel, and suggests a fix for each
// problem.
//
// defects.go has the table of known defects of pahole, headers.go that of defects of kernel headers;
// tree.go recognises how a tree is wired.
package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/kbtf/kbtf/probe"
)

// Severity is the severity of a finding.
type Severity string

const (
	Problem Severity = "problem" // modules have no BTF, wrong BTF or do not load
	Warning Severity = "warning" // modules have BTF, with a drawback
)

// Finding is a problem or a warning, with its fix.
type Finding struct {
	Severity Severity `json:"severity"`
	Text     string   `json:"text"`
	Fix      string   `json:"fix"`
	Source   string   `json:"source,omitempty"` // link or commit that describes it
}

// Diagnosis is the result of Examine.
type Diagnosis struct {
	Encoder  Encoder   `json:"encoder"`
	Tree     *Tree     `json:"tree,omitempty"`
	Config   *Config   `json:"config,omitempty"`
	Running  Running   `json:"running"`
	Findings []Finding `json:"findings"`
}

// Encoder describes the program that encodes BTF.
type Encoder struct {
	Command  string   `json:"command"`
	Path     string   `json:"path,omitempty"`
	Name     string   `json:"name,omitempty"`
	Version  string   `json:"version,omitempty"` // as printed by --version
	Libbpf   string   `json:"libbpf,omitempty"`  // version of the shared library that it uses
	Can      []string `json:"can,omitempty"`     // supported features
	parsed   probe.Version
	readable bool // parsed is valid
}

// Running describes the running kernel.
type Running struct {
	Release string `json:"release"`
	Base    string `json:"base,omitempty"`  // path of its BTF
	Bytes   int64  `json:"bytes,omitempty"` // size of Base
}

// Options are the options of Examine.
type Options struct {
	Encoder string // command line; default: the encoder of Tree, $PAHOLE, pahole or btf-ko
	Tree    string // optional
	Config  string // default: .config of Tree, if it exists
	Against string // a configuration, a Module.symvers or a module; optional
}

// Examine checks what opt names. It returns an error if a file cannot be read or compared.
func Examine(ctx context.Context, opt Options) (*Diagnosis, error) {
	d := &Diagnosis{Findings: []Finding{}, Running: running("/sys/kernel/btf/vmlinux")}
	if opt.Tree != "" {
		tree, err := readTree(opt.Tree)
		if err != nil {
			return nil, err
		}
		d.Tree = tree
		if opt.Config == "" {
			if file := filepath.Join(opt.Tree, ".config"); exists(file) {
				opt.Config = file
			}
		}
	}
	if opt.Encoder == "" {
		opt.Encoder = defaultEncoder(d.Tree)
	}
	d.encoder(ctx, probe.NewCommand(opt.Encoder))
	if opt.Config != "" {
		config, err := readConfig(opt.Config)
		if err != nil {
			return nil, err
		}
		d.Config = config
	}
	d.tree()
	d.config()
	d.defects()
	if opt.Against != "" {
		if err := d.against(opt.Against); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (d *Diagnosis) problem(fix, format string, args ...any) {
	d.Findings = append(d.Findings, Finding{Severity: Problem, Text: fmt.Sprintf(format, args...), Fix: fix})
}

func (d *Diagnosis) warn(fix, format string, args ...any) {
	d.Findings = append(d.Findings, Finding{Severity: Warning, Text: fmt.Sprintf(format, args...), Fix: fix})
}

// Problems returns the number of findings that are problems.
func (d *Diagnosis) Problems() (n int) {
	for _, f := range d.Findings {
		if f.Severity == Problem {
			n++
		}
	}
	return n
}

const installPahole = "install the package pahole (dwarves in older Debian and Fedora); or use btf-ko: --encoder btf-ko"

// install returns the fix for an encoder that does not work.
func install(command string) string {
	if filepath.Base(command) == probe.BTFKo {
		return "add btf-ko to PATH: it is distributed with kconfig-probe"
	}
	if probe.NewCommand(probe.BTFKo).Path() == "" {
		return installPahole
	}
	if link := installed("pahole"); exists(link) {
		return "use the installed btf-ko in place of pahole: make PAHOLE=" + link + ", for olddefconfig as well"
	}
	return "use the installed btf-ko: --encoder btf-ko, and kconfig-probe patch TREE"
}

// installed returns the path at which make install, or the package, makes btf-ko available under another name.
func installed(name string) string {
	prefix := "/usr"
	if path := probe.NewCommand(probe.BTFKo).Path(); path != "" {
		if other := filepath.Dir(filepath.Dir(path)); exists(filepath.Join(other, "lib/kbtf")) {
			prefix = other
		}
	}
	return filepath.Join(prefix, "lib/kbtf", name)
}

// defaultEncoder returns the encoder to check by default: btf-ko if the tree runs it, or if it is the
// only one installed and the tree does not run pahole; otherwise the default of probe.NewCommand.
func defaultEncoder(tree *Tree) string {
	switch {
	case tree != nil && tree.Encoder == probe.BTFKo:
		return probe.BTFKo
	case os.Getenv("PAHOLE") == "" && (tree == nil || tree.Wiring == Absent) &&
		probe.NewCommand(probe.Pahole).Path() == "" && probe.NewCommand(probe.BTFKo).Path() != "":
		return probe.BTFKo
	}
	return ""
}

// encoder checks the version of the encoder.
func (d *Diagnosis) encoder(ctx context.Context, command probe.Command) {
	d.Encoder = Encoder{Command: command.String(), Path: command.Path()}
	e := &d.Encoder
	v, err := command.Version(ctx)
	if err != nil {
		d.problem(install(e.Command), "the version of the encoder is unknown: %v", err)
		return
	}
	e.Name, e.Version, e.parsed, e.readable = v.Encoder, v.Text, v, true
	if v.SplitsBTF() {
		e.Can = append(e.Can, "split BTF")
	} else {
		d.problem(installPahole, "%s %s is older than 1.19 and does not support split BTF, which modules need",
			v.Encoder, v.Text)
	}
	for _, capability := range capabilities {
		if v.Encoder == probe.BTFKo || satisfies(v.Number, capability.versions) {
			e.Can = append(e.Can, capability.name)
		}
	}
	if v.Encoder == probe.Pahole {
		e.Libbpf = libbpf(e.Path, libraryFolders)
	}
}

// capabilities are the features that only some versions of pahole support, and all of btf-ko.
var capabilities = []struct{ versions, name string }{
	{">= 1.22", "detached output"}, // --btf_encode_detached, which trees since 7.0 need
	{">= 1.26", "--btf_features"},
	{">= 1.28", "distilled base"},
}

func running(base string) Running {
	var r Running
	var uts unix.Utsname
	if unix.Uname(&uts) == nil {
		r.Release = unix.ByteSliceToString(uts.Release[:])
	}
	if st, err := os.Stat(base); err == nil {
		r.Base, r.Bytes = base, st.Size()
	}
	return r
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
