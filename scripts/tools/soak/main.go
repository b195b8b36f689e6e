// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Soak encodes all modules of a kernel several times in one process, and checks that memory, open
// files and the output do not change.
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

// A round is the state after encoding all modules once.
type round struct {
	heap    uint64 // bytes in use after a garbage collection
	mapped  uint64 // bytes allocated from the system
	files   int    // number of open files
	outputs uint64 // a hash of all outputs
}

// The last rounds may use more memory than the first rounds, which fill caches, by the fraction most.
// Single rounds do not count, as the runtime returns memory to the system with a delay.
const (
	most     = 0.05
	together = 3 // number of first and last rounds
)

func main() {
	base := flag.String("base", "", "vmlinux")
	directory := flag.String("modules", "", "directory of the modules of that kernel")
	rounds := flag.Int("rounds", 10, "number of rounds")
	every := flag.Int("every", 1, "encode every Nth module")
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
	fmt.Printf("%d modules, %d times\n", len(chosen), rounds)
	fmt.Printf("%8s %10s %10s %6s %9s\n", "round", "heap MiB", "total MiB", "files", "time")
	var seen []round
	for i := range rounds {
		began := time.Now()
		r, err := encodeAll(chosen, base)
		if err != nil {
			return err
		}
		seen = append(seen, r)
		const mib = 1 << 20
		fmt.Printf("%8d %10.1f %10.1f %6d %7.1f s\n",
			i+1, float64(r.heap)/mib, float64(r.mapped)/mib, r.files, time.Since(began).Seconds())
		if r.outputs != seen[0].outputs {
			return fmt.Errorf("round %d: the output differs from the first", i+1)
		}
		if r.files != seen[0].files {
			return fmt.Errorf("round %d: %d open files, %d in the first", i+1, r.files, seen[0].files)
		}
	}
	heap := func(r round) uint64 { return r.heap }
	mapped := func(r round) uint64 { return r.mapped }
	if grew(seen, heap) || grew(seen, mapped) {
		return fmt.Errorf("memory grew: the last %d rounds use over %.0f %% more than the first %d",
			together, 100*most, together)
	}
	return nil
}

// grew reports whether all of the last rounds used more memory than the first rounds may.
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
	// Two collections: the contents of a sync.Pool survive one.
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	r.heap, r.mapped = m.HeapAlloc, m.Sys-m.HeapReleased
	entries, err := os.ReadDir("/proc/self/fd")
	r.files = len(entries)
	return r, err
}
