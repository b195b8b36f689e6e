// SPDX-License-Identifier: GPL-2.0-only

// Soak encodes all modules of a kernel again and again in one process: memory and open files stay what they are.
package main

import (
	"flag"
	"fmt"
	"hash/fnv"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/encode"
	"github.com/kbtf/kbtf/scripts/tools/modules"
)

// A round is what was seen after encoding all modules once.
type round struct {
	heap    uint64 // in use after a collection, bytes
	mapped  uint64 // taken from the system and not given back, bytes
	files   int    // open
	outputs uint64 // a hash of all outputs
}

// most is by how much memory may exceed what the first rounds took, which fill what is kept. A single round may exceed it: the runtime
// gives memory back when it sees fit.
const (
	most     = 0.05
	together = 3 // rounds at the beginning, and at the end
)

func main() {
	base := flag.String("base", "", "vmlinux")
	directory := flag.String("modules", "", "the modules of that kernel")
	rounds := flag.Int("rounds", 10, "how often")
	every := flag.Int("every", 1, "only each Nth module")
	flag.Parse()
	if err := soak(*base, *directory, *rounds, *every); err != nil {
		fmt.Fprintf(os.Stderr, "soak: %v\n", err)
		os.Exit(1)
	}
}

func soak(basePath, directory string, rounds, every int) error {
	paths, err := modules.Find(directory)
	if err != nil {
		return err
	}
	var chosen []string
	for i := 0; i < len(paths); i += every {
		chosen = append(chosen, filepath.Join(directory, paths[i]))
	}
	base, err := encode.LoadBase(basePath, encode.BaseCache{})
	if err != nil {
		return err
	}
	fmt.Printf("%d modules, %d times\n%8s %10s %10s %6s %9s\n", len(chosen), rounds, "round", "heap MiB", "taken MiB", "files", "time")
	var seen []round
	for i := range rounds {
		began := time.Now()
		r, err := encodeAll(chosen, base)
		if err != nil {
			return err
		}
		seen = append(seen, r)
		fmt.Printf("%8d %10.1f %10.1f %6d %7.1f s\n", i+1, float64(r.heap)/(1<<20), float64(r.mapped)/(1<<20), r.files, time.Since(began).Seconds())
		if r.outputs != seen[0].outputs {
			return fmt.Errorf("round %d: other output than in the first", i+1)
		}
		if r.files != seen[0].files {
			return fmt.Errorf("round %d: %d files are open, not %d", i+1, r.files, seen[0].files)
		}
	}
	if grew(seen, func(r round) uint64 { return r.heap }) || grew(seen, func(r round) uint64 { return r.mapped }) {
		return fmt.Errorf("the last %d rounds: more than %.0f %% above the first %d", together, 100*most, together)
	}
	return nil
}

// grew tells whether all of the last rounds took more memory than any of the first ones.
func grew(seen []round, memory func(round) uint64) bool {
	n := min(together, len(seen)/2)
	if n == 0 {
		return false
	}
	before, least := uint64(0), uint64(math.MaxUint64)
	for i := range n {
		before = max(before, memory(seen[i]))
		least = min(least, memory(seen[len(seen)-1-i]))
	}
	return float64(least) > (1+most)*float64(before)
}

func encodeAll(paths []string, base *btf.Base) (r round, err error) {
	sums := make([]uint64, len(paths))
	err = modules.InParallel(runtime.NumCPU(), len(paths), func(i int) error {
		img, err := elfimage.Open(paths[i])
		if err != nil {
			return err
		}
		defer img.Close()
		blob, err := encode.File(img, base, encode.Options{Dialect: base.Dialect, Threads: 1})
		h := fnv.New64a()
		_, _ = h.Write(blob)
		sums[i] = h.Sum64()
		return err
	})
	if err != nil {
		return r, err
	}
	for i, s := range sums {
		r.outputs = r.outputs*31 + s + uint64(i)
	}
	// Twice: what pools keep survives one collection.
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	r.heap, r.mapped = m.HeapAlloc, m.Sys-m.HeapReleased
	entries, err := os.ReadDir("/proc/self/fd")
	r.files = len(entries)
	return r, err
}
