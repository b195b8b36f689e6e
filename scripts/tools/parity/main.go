// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Parity encodes kernel modules with two encoders, an oracle and the one under test, and reports
// how many are equal, as package btfdiff defines it. Its exit status is 1 if an encoder failed, if
// its output is not valid, if fewer modules are equal than requested, if no deviation explains a
// difference (see causes.go), or if the encoder under test has duplicate types or more bytes.
package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/btfdiff"
	"github.com/kbtf/kbtf/internal/btfverify"
	"github.com/kbtf/kbtf/probe"
	"github.com/kbtf/kbtf/scripts/tools/encoder"
	"github.com/kbtf/kbtf/scripts/tools/modules"
)

type options struct {
	base, modules   string
	kernel          string
	features        []string
	oracle, encoder string
	encoderFlags    []string
	cache, versions string
	every, jobs     int
	only            string
	minEqual        float64
	distilled       bool
	vmlinux         bool
	encodeBase      bool
	list            bool
	details         int
}

func main() {
	var o options
	pflag.StringVar(&o.base, "base", "", "vmlinux, or its raw BTF")
	pflag.StringVar(&o.modules, "modules", "", "directory to look for *.ko in")
	pflag.StringVar(&o.kernel, "kernel", "6.12", "version of the kernel, for the flags of its build files")
	pflag.StringSliceVar(&o.features, "feature", nil, "another feature to request from both encoders")
	pflag.StringVar(&o.oracle, "oracle", "", "encoder to compare with")
	pflag.StringVar(&o.encoder, "encoder", "", "encoder under test")
	pflag.StringSliceVar(&o.encoderFlags, "encoder-flags", nil, "flags for the encoder under test only")
	pflag.StringVar(&o.cache, "cache", "", "directory for the oracle's outputs, which later runs reuse")
	pflag.StringVar(&o.versions, "versions", "", "packages of kernel and oracle, the key of the oracle's outputs")
	pflag.IntVar(&o.every, "every", 1, "compare every Nth module by path, from the first on")
	pflag.StringVar(&o.only, "only", "", "compare only modules whose path contains this")
	pflag.IntVarP(&o.jobs, "jobs", "j", 2, "modules to encode at a time")
	pflag.Float64Var(&o.minEqual, "min-equal", 0, "fail if a smaller percentage of the modules is equal")
	pflag.BoolVar(&o.distilled, "distilled", false, "compare BTF with a distilled base (.BTF.base)")
	pflag.BoolVar(&o.vmlinux, "vmlinux", false, "compare the BTF of vmlinux instead of that of modules")
	pflag.BoolVar(&o.encodeBase, "encode-base", false, "use the oracle's BTF of vmlinux as the base, not vmlinux's own")
	pflag.BoolVar(&o.list, "list", false, "list the differences of each module")
	pflag.IntVar(&o.details, "details", 20, "with --list, number of differences per module and side; 0 for all")
	var g given
	pflag.StringVar(&g.version, "oracle-version", "", "compare existing outputs, of this version of pahole")
	pflag.BoolVar(&g.oldFlags, "old-flags", false, "with --oracle-version, they are made with the flags of 5.10")
	pflag.Parse()
	if g.version != "" && pflag.NArg() == 3 {
		g.encoder, g.oracle, g.file = pflag.Arg(0), pflag.Arg(1), pflag.Arg(2)
		if err := g.run(o); err != nil {
			fmt.Fprintln(os.Stderr, "parity:", err)
			os.Exit(1)
		}
		return
	}
	missing := o.base == "" || o.modules == "" || o.oracle == "" || o.encoder == "" || o.cache == ""
	if missing || o.every < 1 || pflag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "usage: parity --base VMLINUX --modules DIR --oracle PAHOLE --encoder BTF-KO "+
			"--cache DIR [flags]\n       parity --oracle-version VERSION [--base VMLINUX] OURS THEIRS ELF")
		pflag.PrintDefaults()
		os.Exit(2)
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "parity:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	version, err := exec.Command(o.oracle, "--version").Output()
	if err != nil {
		return fmt.Errorf("%s --version: %w", o.oracle, err)
	}
	parsed, err := probe.ParseVersion(string(version))
	if err != nil {
		return fmt.Errorf("%s --version: %w", o.oracle, err)
	}
	c := comparison{options: o, base: btfdiff.NoBase(), kept: oracleDir(o, version), oracleVersion: parsed.Number}
	paths := []string{vmlinux}
	var raw []byte
	if !o.vmlinux {
		if paths, err = findModules(o); err != nil {
			return err
		}
		if raw, err = c.readBase(); err != nil {
			return err
		}
		if c.base, err = btfdiff.NewBase(raw); err != nil {
			return fmt.Errorf("%s: %w", c.options.base, err)
		}
	}
	if err := c.prepareVerification(raw); err != nil {
		return err
	}
	if c.scratch, err = os.MkdirTemp("", "parity-"); err != nil {
		return err
	}
	defer os.RemoveAll(c.scratch)

	outcomes := make([]outcome, len(paths))
	// A failure is the outcome of one module, and does not stop the others.
	err = modules.InParallel(o.jobs, len(paths), func(i int) error {
		outcomes[i] = c.module(paths[i])
		return nil
	})
	if err != nil {
		return err
	}
	oracle := fmt.Sprintf("%s %s", filepath.Base(o.oracle), bytes.TrimSpace(version))
	for i := range outcomes {
		if out := &outcomes[i]; out.err == nil && !out.result.Equal() {
			if out.deviations, out.err = c.explain(out); out.err != nil {
				out.err = fmt.Errorf("%s: %w", out.path, out.err)
			}
		}
	}
	if err := report(o, oracle, filepath.Base(o.encoder), outcomes); err != nil {
		return fmt.Errorf("%s: %w", o.versions, err)
	}
	return nil
}

// plain reports whether the features are those of a kernel's build.
func (o *options) plain() bool { return !o.distilled && len(o.features) == 0 }

// flags are those for both encoders.
func (o *options) flags() []string { return encoder.Flags(o.kernel, o.features...) }

// ourFlags are those for the encoder under test.
func (o *options) ourFlags() []string { return append(o.flags(), o.encoderFlags...) }

// findModules returns the paths of the selected modules, relative to o.modules.
func findModules(o options) ([]string, error) {
	all, err := modules.Find(o.modules)
	if err != nil {
		return nil, err
	}
	var paths []string
	for i, path := range all {
		if i%o.every == 0 && strings.Contains(path, o.only) {
			paths = append(paths, path)
		}
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%s: no module to compare", o.modules)
	}
	return paths, nil
}

// oracleDir returns the directory for the oracle's outputs. Its name has all that they depend on.
func oracleDir(o options, version []byte) string {
	flags := sha256.Sum256([]byte(strings.Join(o.flags(), "\n")))
	packages := strings.ReplaceAll(o.versions, " ", "-")
	return filepath.Join(o.cache, fmt.Sprintf("%s-%s-%x", packages, bytes.TrimSpace(version), flags[:4]))
}

// An outcome is the result of comparing one module.
type outcome struct {
	path       string
	err        error
	result     *btfdiff.Result // of the oracle (A) and the encoder (B)
	deviations []deviation     // that explain all differences; none if some remain
	// The outputs that result compares, and those without a distilled base: the same unless a
	// distilled base was requested. Not kept if they are equal.
	compared, plain           compared
	distilled                 []btfdiff.Distilled // of the oracle and the encoder, if requested
	oracleBytes, encoderBytes int
}

// compared is the output of the oracle and the encoder for one module, with its base.
type compared struct {
	base            *btfdiff.Base
	oracle, encoder []byte
}

// A comparison has the inputs that all modules share.
type comparison struct {
	options
	base          *btfdiff.Base
	oracleVersion *semver.Version
	kernel        *btfverify.Kernel
	whole         *btfverify.BTF // the base
	kept          string         // directory for the oracle's outputs
	scratch       string         // directory for temporary files
}

func (c *comparison) module(path string) outcome {
	out := outcome{path: path}
	if out.err = c.compare(path, &out); out.err != nil {
		out.err = fmt.Errorf("%s: %w", path, out.err)
	} else if out.result.Equal() {
		out.compared, out.plain, out.distilled = compared{}, compared{}, nil
	}
	return out
}

func (c *comparison) compare(path string, out *outcome) error {
	plain := compared{base: c.base}
	var err error
	if plain.oracle, err = c.keptOutput(path, ".btf", func(output string) error {
		return c.encode(c.options.oracle, c.flags(), path, output)
	}); err != nil {
		return err
	}
	output := filepath.Join(c.scratch, strings.ReplaceAll(path, "/", "-"))
	if err := c.encode(c.options.encoder, c.ourFlags(), path, output); err != nil {
		return err
	}
	defer os.Remove(output)
	if plain.encoder, err = os.ReadFile(output); err != nil {
		return err
	}
	out.oracleBytes, out.encoderBytes = len(plain.oracle), len(plain.encoder)
	for _, raw := range [][]byte{plain.oracle, plain.encoder} {
		if _, problems := btfverify.Verify(raw, c.whole, c.kernel); len(problems) > 0 {
			return fmt.Errorf("refused: %v", problems[0])
		}
	}
	out.plain, out.compared = plain, plain
	if c.distilled {
		return c.compareDistilled(path, out)
	}
	out.result, err = c.base.Compare(plain.oracle, plain.encoder)
	return err
}

// vmlinux is the path in outcomes for vmlinux itself.
const vmlinux = "vmlinux"

// readBase returns the BTF of the base. If requested, or if the base has none, like Debian's armhf
// kernels, the oracle encodes the base, and its output becomes the base.
func (c *comparison) readBase() ([]byte, error) {
	raw, err := modules.ReadBTF(c.options.base)
	if !c.encodeBase && !errors.Is(err, modules.ErrNoSection) {
		return raw, err
	}
	raw, err = c.keptOutput(vmlinux, ".btf", func(output string) error {
		_, err := encoder.Run(c.options.oracle, c.flags(), "", c.options.base, output)
		return err
	})
	c.options.base = filepath.Join(c.kept, vmlinux+".btf")
	c.kept = filepath.Join(c.kept, "encoded-base") // the outputs for modules depend on the base
	return raw, err
}

// prepareVerification selects the rules of the kernel that the modules are for.
func (c *comparison) prepareVerification(base []byte) error {
	version := "" // the newest: distilled bases are verified as it reads them
	for _, k := range btfverify.Kernels {
		if number, _, _ := strings.Cut(c.options.kernel, "-"); number == k.Version && !c.distilled {
			version = number
		}
	}
	var err error
	if c.kernel, err = btfverify.KernelOf(version); err != nil {
		return err
	}
	if c.vmlinux {
		return nil
	}
	var problems []btfverify.Problem
	if c.whole, problems = btfverify.Verify(base, nil, c.kernel); len(problems) > 0 {
		return fmt.Errorf("%s: refused: %v", c.options.base, problems[0])
	}
	return nil
}

// keptOutput returns the oracle's output for a module. It encodes the module unless an earlier run did.
func (c *comparison) keptOutput(path, suffix string, encode func(output string) error) ([]byte, error) {
	kept := filepath.Join(c.kept, path+suffix)
	if raw, err := os.ReadFile(kept); err == nil {
		return raw, nil
	}
	temporary := kept + ".new"
	if err := os.MkdirAll(filepath.Dir(kept), 0o755); err != nil {
		return nil, err
	}
	if err := encode(temporary); err != nil {
		return nil, err
	}
	if err := os.Rename(temporary, kept); err != nil {
		return nil, err
	}
	return os.ReadFile(kept)
}

// encode runs an encoder, with one thread: modules are encoded in parallel.
func (c *comparison) encode(program string, flags []string, path, output string) error {
	base := c.options.base
	if c.vmlinux {
		base = ""
	}
	_, err := encoder.Run(program, flags, base, c.file(path), output)
	return err
}

// file returns the path of a module, or of vmlinux.
func (c *comparison) file(path string) string {
	if c.vmlinux {
		return c.options.base
	}
	return filepath.Join(c.modules, path)
}
