// SPDX-License-Identifier: GPL-2.0-only

// Parity encodes kernel modules with two encoders, an oracle and the one under test, and
// reports for how many of them both say the same. What "the same" means is defined in
// package btfdiff. It exits with status 1 if an encoder failed or if fewer modules than
// asked for are equal.
package main

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/btfdiff"
	"github.com/kbtf/kbtf/scripts/tools/encoder"
)

type options struct {
	base, modules   string
	kernel          string
	features        []string
	oracle, encoder string
	encoderFlags    []string
	cache, key      string
	every, jobs     int
	only            string
	minEqual        float64
	list            bool
	details         int
}

func main() {
	var o options
	pflag.StringVar(&o.base, "base", "", "vmlinux, or its raw BTF")
	pflag.StringVar(&o.modules, "modules", "", "directory to look for *.ko in")
	pflag.StringVar(&o.kernel, "kernel", "6.12", "version of the kernel, which says what flags its build files pass")
	pflag.StringSliceVar(&o.features, "feature", nil, "ask both encoders for a feature that the kernel's build files do not ask for")
	pflag.StringVar(&o.oracle, "oracle", "", "encoder to compare with")
	pflag.StringVar(&o.encoder, "encoder", "", "encoder under test")
	pflag.StringSliceVar(&o.encoderFlags, "encoder-flags", nil, "flags for the encoder under test only")
	pflag.StringVar(&o.cache, "cache", "", "directory to keep the oracle's outputs in")
	pflag.StringVar(&o.key, "cache-key", "", "what the oracle's outputs depend on besides the version it prints and its flags")
	pflag.IntVar(&o.every, "every", 1, "take every Nth module in byte order of the paths, the first included")
	pflag.StringVar(&o.only, "only", "", "take only modules whose path contains this")
	pflag.IntVarP(&o.jobs, "jobs", "j", 2, "modules to encode at a time")
	pflag.Float64Var(&o.minEqual, "min-equal", 0, "fail if less than this percentage of modules is equal")
	pflag.BoolVar(&o.list, "list", false, "list each module that differs, and how")
	pflag.IntVar(&o.details, "details", 20, "with --list, differences to show per module and side; 0 for all")
	pflag.Parse()
	if o.base == "" || o.modules == "" || o.oracle == "" || o.encoder == "" || o.cache == "" || o.every < 1 || pflag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "usage: parity --base VMLINUX --modules DIR --oracle PAHOLE --encoder BTF-KO --cache DIR [flags]")
		pflag.PrintDefaults()
		os.Exit(2)
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "parity:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	raw, err := readBTF(o.base)
	if err != nil {
		return err
	}
	base, err := btfdiff.NewBase(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", o.base, err)
	}
	paths, err := findModules(o)
	if err != nil {
		return err
	}
	version, err := exec.Command(o.oracle, "--version").Output()
	if err != nil {
		return fmt.Errorf("%s --version: %w", o.oracle, err)
	}
	kept := oracleDir(o, version)
	scratch, err := os.MkdirTemp("", "parity-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)

	outcomes := make([]outcome, len(paths))
	var next, done atomic.Int64
	var wg sync.WaitGroup
	for range max(o.jobs, 1) {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(paths) {
					return
				}
				outcomes[i] = compare(o, base, paths[i],
					filepath.Join(kept, paths[i]+".btf"), filepath.Join(scratch, fmt.Sprint(i)))
				progress(int(done.Add(1)), len(paths))
			}
		})
	}
	wg.Wait()
	oracle := fmt.Sprintf("%s %s", filepath.Base(o.oracle), bytes.TrimSpace(version))
	return report(o, oracle, filepath.Base(o.encoder), outcomes)
}

// flags are what both encoders get.
func (o *options) flags() []string { return encoder.Flags(o.kernel, o.features...) }

// progress shows how far it is, on a terminal only.
func progress(done, total int) {
	if info, err := os.Stderr.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return
	}
	fmt.Fprintf(os.Stderr, "\r%d of %d modules", done, total)
	if done == total {
		fmt.Fprintln(os.Stderr)
	}
}

// readBTF returns the contents of an ELF file's .BTF, or the file if it is not ELF.
func readBTF(path string) ([]byte, error) {
	file, err := elf.Open(path)
	if err != nil {
		var format *elf.FormatError
		if !errors.As(err, &format) {
			return nil, err
		}
		return os.ReadFile(path)
	}
	defer file.Close()
	section := file.Section(".BTF")
	if section == nil {
		return nil, fmt.Errorf("%s: no .BTF section", path)
	}
	return section.Data()
}

// findModules returns the paths, relative to o.modules, of those that were asked for.
func findModules(o options) ([]string, error) {
	var all []string
	err := filepath.WalkDir(o.modules, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.HasSuffix(path, ".ko") {
			path, err = filepath.Rel(o.modules, path)
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(all)
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

// oracleDir is where the oracle's outputs are kept: in a directory whose name says
// all that they depend on.
func oracleDir(o options, version []byte) string {
	flags := sha256.Sum256([]byte(strings.Join(o.flags(), "\n")))
	return filepath.Join(o.cache, fmt.Sprintf("%s-%s-%x", o.key, bytes.TrimSpace(version), flags[:4]))
}

// An outcome is what became of one module.
type outcome struct {
	path                      string
	err                       error
	result                    *btfdiff.Result // of the oracle (A) and the encoder (B)
	oracleBytes, encoderBytes int
}

func compare(o options, base *btfdiff.Base, path, kept, scratch string) outcome {
	out := outcome{path: path}
	module := filepath.Join(o.modules, path)
	oracle, err := os.ReadFile(kept)
	if err != nil {
		temporary := kept + ".new"
		if oracle, err = encode(o.oracle, o.flags(), o.base, module, temporary); err == nil {
			err = os.Rename(temporary, kept)
		}
	}
	if err != nil {
		out.err = err
		return out
	}
	ours, err := encode(o.encoder, append(o.flags(), o.encoderFlags...), o.base, module, scratch)
	if err != nil {
		out.err = err
		return out
	}
	os.Remove(scratch)
	out.oracleBytes, out.encoderBytes = len(oracle), len(ours)
	if out.result, out.err = base.Compare(oracle, ours); out.err != nil {
		out.err = fmt.Errorf("%s: %w", path, out.err)
	}
	return out
}

// encode runs an encoder and returns the bytes it wrote. Modules are encoded in parallel
// here, so the encoder is not asked for threads of its own.
func encode(program string, flags []string, base, module, output string) ([]byte, error) {
	if err := os.MkdirAll(filepath.Dir(output), 0o755); err != nil {
		return nil, err
	}
	if _, err := encoder.Run(program, flags, base, module, output); err != nil {
		return nil, err
	}
	return os.ReadFile(output)
}
