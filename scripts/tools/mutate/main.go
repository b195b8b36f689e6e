// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Mutate encodes damaged modules, and modules with damaged bases. It checks that time and memory are
// limited, that the encoder does not panic, and that its output is valid. In modules with .BTF_ids, this section is
// damaged, its symbols and its copy as the linker wrote it.
package main

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/metrics"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/btfverify"
	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/encode"
	"github.com/kbtf/kbtf/scripts/tools/modules"
)

// Limits for a damaged file.
const (
	mostTime   = 10 * time.Second
	mostMemory = 1 << 30 // bytes of heap of all jobs
)

// A campaign has the inputs and the results of all mutations.
type campaign struct {
	base    *btf.Base      // for modules
	whole   *btfverify.BTF // the same base
	kernel  *btfverify.Kernel
	modules []target
	bases   []target
	ids     *idsCampaign // nil: none
	seed    uint64

	mu      sync.Mutex
	outcome map[string]int
	failed  int
	slowest time.Duration
}

// A target is a file to damage.
type target struct {
	path  string
	file  []byte
	parts []span
}

func main() {
	base := flag.String("base", "", "vmlinux, or another base")
	directory := flag.String("modules", "", "directory of the modules of that kernel")
	kernel := flag.String("kernel", "6.1", "kernel version, for the rules of BTF")
	count := flag.Int("count", 20000, "number of mutations")
	number := flag.Int("targets", 10, "number of modules")
	ids := flag.String("ids", "", "directory with modules that have .BTF_ids, and their base vmlinux")
	seed := flag.Uint64("seed", 1, "seed of the mutations")
	jobs := flag.Int("jobs", 2, "mutations at a time")
	flag.Parse()
	if err := run(*base, *directory, *ids, *kernel, *count, *number, *seed, *jobs); err != nil {
		fmt.Fprintf(os.Stderr, "mutate: %v\n", err)
		os.Exit(1)
	}
}

func run(basePath, directory, ids, kernel string, count, number int, seed uint64, jobs int) error {
	c := campaign{seed: seed, outcome: map[string]int{}}
	raw, err := modules.ReadBTF(basePath)
	if err != nil {
		return err
	}
	if c.kernel, err = btfverify.KernelOf(kernel); err != nil {
		return err
	}
	var problems []btfverify.Problem
	if c.whole, problems = btfverify.Verify(raw, nil, c.kernel); len(problems) > 0 {
		return fmt.Errorf("base %s: %v", basePath, problems[0])
	}
	if c.base, err = encode.LoadBase(basePath, encode.BaseCache{}); err != nil {
		return err
	}
	if err := c.findTargets(directory, number); err != nil {
		return err
	}
	if ids != "" {
		if c.ids, err = newIDsCampaign(ids); err != nil {
			return err
		}
		defer os.RemoveAll(c.ids.work)
	}
	began := time.Now()
	stop := make(chan struct{})
	var memory uint64
	var watch sync.WaitGroup
	watch.Go(func() { memory = watchMemory(stop) })
	err = modules.InParallel(jobs, count, func(i int) error { return c.one(i) })
	close(stop)
	watch.Wait()
	if err != nil {
		return err
	}
	fmt.Printf("%d mutations of %d modules, %d bases and %d modules with .BTF_ids in %.0f s, seed %d\n",
		count, len(c.modules), len(c.bases), c.ids.len(), time.Since(began).Seconds(), seed)
	for _, what := range slices.Sorted(maps.Keys(c.outcome)) {
		fmt.Printf("  %6d  %s\n", c.outcome[what], what)
	}
	fmt.Printf("slowest %v (at most %v), heap %d MiB (at most %d)\n",
		c.slowest.Round(time.Millisecond), mostTime, memory>>20, mostMemory>>20)
	if memory > mostMemory {
		c.failed++
	}
	if c.failed > 0 {
		return fmt.Errorf("%d failures", c.failed)
	}
	return nil
}

// findTargets selects modules of at most 1 MiB at even distances, and generates two small bases.
func (c *campaign) findTargets(directory string, number int) error {
	paths, err := modules.Find(directory)
	if err != nil {
		return err
	}
	const largest = 1 << 20 // bytes: small files allow more mutations
	for i := 0; len(c.modules) < number && i < len(paths); i += max(len(paths)/(4*number), 1) {
		path := filepath.Join(directory, paths[i])
		st, err := os.Stat(path)
		if err != nil {
			return err
		}
		if st.Size() > largest {
			continue
		}
		t, err := readTarget(path, encoded)
		if err != nil {
			return err
		}
		c.modules = append(c.modules, t)
	}
	if len(c.modules) == 0 {
		return fmt.Errorf("%s: no small modules", directory)
	}
	// The BTF of a module without a base is a small base.
	for _, t := range c.modules[:min(2, len(c.modules))] {
		blob, err := encodeBytes(t.path, t.file, encode.NoBase())
		if err != nil {
			return err
		}
		parts, err := partsOf(t.path, blob, encoded)
		if err != nil {
			return err
		}
		c.bases = append(c.bases, target{t.path + " as a base", blob, parts})
	}
	return nil
}

func readTarget(path string, sections []string) (target, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return target{}, err
	}
	parts, err := partsOf(path, file, sections)
	return target{path, file, parts}, err
}

func encodeBytes(path string, file []byte, base *btf.Base) ([]byte, error) {
	img, err := elfimage.Parse(path, file)
	if err != nil {
		return nil, err
	}
	return encode.File(img, base, encode.Options{Dialect: base.Dialect, Threads: 1})
}

// one runs the ith mutation. Of five, one is of a base, and one of a module with .BTF_ids.
func (c *campaign) one(i int) error {
	r := rand.New(rand.NewPCG(c.seed, uint64(i)))
	module := c.modules[r.IntN(len(c.modules))]
	of := module
	if i%5 == 0 {
		of = c.bases[r.IntN(len(c.bases))]
	}
	ofIDs := i%5 == 1 && c.ids != nil
	if ofIDs {
		of = c.ids.modules[r.IntN(len(c.ids.modules))]
	}
	damaged, how := mutate(of.file, of.parts, r)
	began := time.Now()
	done := make(chan string, 1)
	go func() {
		switch {
		case i%5 == 0:
			done <- c.tryBase(module, damaged)
		case ofIDs:
			done <- c.ids.try(i, damaged)
		default:
			done <- c.tryModule(module.path, damaged)
		}
	}()
	var outcome string
	select {
	case outcome = <-done:
	case <-time.After(mostTime):
		outcome = "FAILED: time limit"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slowest = max(c.slowest, time.Since(began))
	c.outcome[outcome]++
	if strings.HasPrefix(outcome, "FAILED") {
		c.failed++
		fmt.Printf("mutation %d of %s:%s: %s\n", i, of.path, how, outcome)
	}
	return nil
}

func (c *campaign) tryModule(path string, file []byte) string {
	blob, err := encodeBytes(path, file, c.base)
	if err != nil {
		return failure("module", err)
	}
	if _, problems := btfverify.Verify(blob, c.whole, c.kernel); len(problems) > 0 {
		return fmt.Sprintf("FAILED: module encoded, not valid: %v", problems[0])
	}
	return "module: encoded, valid"
}

func (c *campaign) tryBase(module target, raw []byte) string {
	blob, err := btf.ParseBlob(raw)
	if err != nil {
		return failure("base", err)
	}
	base, err := btf.NewBase("base", blob)
	if err != nil {
		return failure("base", err)
	}
	encoded, err := encodeBytes(module.path, module.file, base)
	if err != nil {
		return failure("base", err)
	}
	whole, problems := btfverify.Verify(raw, nil, c.kernel)
	if len(problems) > 0 {
		return "base: not valid, and encoded"
	}
	if _, problems := btfverify.Verify(encoded, whole, c.kernel); len(problems) > 0 {
		return fmt.Sprintf("FAILED: encoded against a valid base, not valid: %v", problems[0])
	}
	return "base: encoded, valid"
}

func failure(of string, err error) string {
	if text := err.Error(); strings.Contains(text, "internal error") || strings.Contains(text, "\n") {
		return "FAILED: " + text
	}
	return of + ": refused"
}

// watchMemory samples the size of the heap until stop is closed, and returns the maximum.
func watchMemory(stop chan struct{}) (most uint64) {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	for {
		metrics.Read(sample)
		most = max(most, sample[0].Value.Uint64())
		select {
		case <-stop:
			return most
		case <-time.After(5 * time.Millisecond):
		}
	}
}
