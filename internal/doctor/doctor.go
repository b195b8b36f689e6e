// SPDX-License-Identifier: GPL-2.0-only

// Package doctor looks at all that decides whether kernel modules get BTF - the encoder, the kernel tree, its configuration, the
// running kernel - and says for each problem what to do about it.
//
// Defects of encoders' versions are data, in defects.go. How a tree is recognised is in tree.go.
package doctor

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kbtf/kbtf/probe"
)

// Severity of a finding.
type Severity string

const (
	Problem Severity = "problem" // modules have no BTF, wrong BTF or do not load
	Warning Severity = "warning" // it works, but something is to be known
)

// A Finding is something that is wrong.
type Finding struct {
	Severity Severity `json:"severity"`
	Text     string   `json:"text"`
	Fix      string   `json:"fix"`
	Source   string   `json:"source,omitempty"` // where this is known from
}

// A Diagnosis is what was found.
type Diagnosis struct {
	Encoder  Encoder   `json:"encoder"`
	Tree     *Tree     `json:"tree,omitempty"`
	Config   *Config   `json:"config,omitempty"`
	Running  Running   `json:"running"`
	Findings []Finding `json:"findings"`
}

// Encoder is the program that makes BTF.
type Encoder struct {
	Command  string   `json:"command"`
	Path     string   `json:"path,omitempty"`
	Name     string   `json:"name,omitempty"`
	Version  string   `json:"version,omitempty"` // as --version prints it
	Libbpf   string   `json:"libbpf,omitempty"`  // the shared library that it uses
	Can      []string `json:"can,omitempty"`
	parsed   probe.Version
	readable bool
}

// Running is the kernel that this machine runs.
type Running struct {
	Release string `json:"release"`
	Base    string `json:"base,omitempty"` // its BTF
	Bytes   int64  `json:"bytes,omitempty"`
}

// Options say what to look at.
type Options struct {
	Encoder string // command line; empty: $PAHOLE, or pahole
	Tree    string // empty: none
	Config  string // empty: that of Tree, if it has one
	Against string // a configuration, a Module.symvers or a module; empty: none
}

// Examine looks at everything. The error is about what was asked for and cannot be read.
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

// Problems counts the findings that are problems.
func (d *Diagnosis) Problems() (n int) {
	for _, f := range d.Findings {
		if f.Severity == Problem {
			n++
		}
	}
	return n
}

const installPahole = "install the package pahole (dwarves in older Debian and Fedora); or use btf-ko: --encoder btf-ko"

// install says how to get an encoder, or that there is one under another name.
func install(command string) string {
	if filepath.Base(command) == probe.BTFKo {
		return "put btf-ko into PATH: it comes with kconfig-probe"
	}
	path := probe.NewCommand(probe.BTFKo).Path()
	if path == "" {
		return installPahole
	}
	link := filepath.Join(filepath.Dir(filepath.Dir(path)), "lib/kbtf/pahole") // as make install has it
	if exists(link) {
		return "let btf-ko, which is here, stand in for it: make PAHOLE=" + link + ", also for olddefconfig"
	}
	return "use btf-ko, which is here: --encoder btf-ko, and kconfig-probe patch TREE"
}

// defaultEncoder is whom to look at if nobody is named: whom the tree calls, or else whoever is there.
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

// encoder asks the encoder what it is.
func (d *Diagnosis) encoder(ctx context.Context, e probe.Command) {
	d.Encoder = Encoder{Command: e.String(), Path: e.Path()}
	v, err := e.Version(ctx)
	if err != nil {
		d.problem(install(e.String()), "the encoder does not answer: %v", err)
		return
	}
	c := &d.Encoder
	c.Name, c.Version, c.parsed, c.readable = v.Encoder, v.Text, v, true
	if v.SplitsBTF() {
		c.Can = append(c.Can, "split BTF")
	} else {
		d.problem(installPahole, "%s %s is older than 1.19 and cannot write split BTF, which modules need", v.Encoder, v.Text)
	}
	for _, capability := range capabilities {
		if v.Encoder == probe.BTFKo || satisfies(v.Number, capability.versions) {
			c.Can = append(c.Can, capability.name)
		}
	}
	if v.Encoder == probe.Pahole {
		c.Libbpf = libbpf(c.Path, libraryFolders)
	}
}

// capabilities lists what some versions of pahole, and all of btf-ko, support.
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

// list joins words for a sentence.
func list(words []string) string {
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, ", ")
}
