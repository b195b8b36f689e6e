// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/dwarf"
	"github.com/kbtf/kbtf/internal/elfimage"
)

// Benchmarks read Debian's 6.1 debug kernel: run `scripts/fetch linux-6.1-dbg` first.
//
// There is one benchmark for each phase of encoding, and Module for all of them, with the same
// workloads on one thread. MB/s is always of .debug_info, so that phases compare with each other,
// and with the bare Walk, which is a part of Build. To compare two versions:
//
//	go test ./internal/encode -run '^$' -bench /xfs -count 10 >old    # and the same into new
//	go run golang.org/x/perf/cmd/benchstat@latest old new

var workloads = []struct{ name, file string }{
	{"8021q", "lib/modules/*/kernel/net/8021q/8021q.ko"},
	{"xfs", "lib/modules/*/kernel/fs/xfs/xfs.ko"},
	{"i915", "lib/modules/*/kernel/drivers/gpu/drm/i915/i915.ko"},
	{"vmlinux", vmlinux},
}

const vmlinux = "boot/vmlinux-*"

// A workload is a file, opened as far as the measured phase needs.
type workload struct {
	path   string
	img    *elfimage.Image
	base   *btf.Base
	opt    Options
	d      *dwarf.Data
	groups [][]dwarf.Unit // one unit each
}

// eachWorkload runs a benchmark for all workloads.
func eachWorkload(b *testing.B, run func(b *testing.B, w *workload)) {
	for _, file := range workloads {
		b.Run(file.name, func(b *testing.B) {
			w := &workload{path: debugKernel(b, file.file), base: NoBase()}
			var err error
			if file.file != vmlinux {
				w.base, err = LoadBase(debugKernel(b, vmlinux), BaseCache{})
				check(b, err)
				check(b, w.base.Ready())
			}
			w.opt = Options{Dialect: w.base.Dialect, Threads: 1}
			w.img, err = elfimage.Open(w.path)
			check(b, err)
			defer w.img.Close()
			w.d, err = dwarf.Load(w.img, wanted)
			check(b, err)
			units, err := w.d.Units()
			check(b, err)
			for i := range units {
				w.groups = append(w.groups, units[i:i+1])
			}
			b.SetBytes(int64(w.img.Section(".debug_info").Size))
			b.ReportAllocs()
			run(b, w)
		})
	}
}

func debugKernel(b *testing.B, pattern string) string {
	cache := os.Getenv("KBTF_CACHE")
	if cache == "" {
		home, err := os.UserHomeDir()
		check(b, err)
		cache = filepath.Join(home, ".cache", "kbtf")
	}
	found, err := filepath.Glob(filepath.Join(cache, "linux-6.1-dbg/usr/lib/debug", pattern))
	if err != nil || len(found) == 0 {
		b.Fatalf("no %s in %s: run scripts/fetch linux-6.1-dbg", pattern, cache)
	}
	return found[0]
}

func check(b *testing.B, err error) {
	if err != nil {
		b.Helper()
		b.Fatal(err)
	}
}

// BenchmarkLoadBase indexes a base.
func BenchmarkLoadBase(b *testing.B) {
	path := debugKernel(b, vmlinux)
	for b.Loop() {
		base, err := LoadBase(path, BaseCache{})
		check(b, err)
		check(b, base.Ready())
		base.FindString([]byte("struct"))
	}
}

// BenchmarkMapBase maps a base with its index from a cache, and checks it.
func BenchmarkMapBase(b *testing.B) {
	path := debugKernel(b, vmlinux)
	cache := BaseCache{b.TempDir()}
	base, err := LoadBase(path, cache)
	check(b, err)
	check(b, cache.Save(base))
	for b.Loop() {
		base, err := LoadBase(path, cache)
		check(b, err)
		check(b, base.Ready())
		if !base.Indexed {
			b.Fatal("the index did not come from the cache")
		}
	}
}

// BenchmarkModule encodes a file: all phases.
func BenchmarkModule(b *testing.B) {
	eachWorkload(b, func(b *testing.B, w *workload) {
		for b.Loop() {
			_, err := File(w.img, w.base, w.opt)
			check(b, err)
		}
	})
}

// BenchmarkMap maps a file and reads its section headers.
func BenchmarkMap(b *testing.B) {
	eachWorkload(b, func(b *testing.B, w *workload) {
		for b.Loop() {
			img, err := elfimage.Open(w.path)
			check(b, err)
			img.Close()
		}
	})
}

// BenchmarkRelocate opens the debugging sections with their relocations, which are followed while
// walking.
func BenchmarkRelocate(b *testing.B) {
	eachWorkload(b, func(b *testing.B, w *workload) {
		for b.Loop() {
			_, err := dwarf.Load(w.img, wanted)
			check(b, err)
		}
	})
}

// BenchmarkWalk visits the DIEs and reads the attributes that BTF needs.
func BenchmarkWalk(b *testing.B) {
	eachWorkload(b, func(b *testing.B, w *workload) {
		var r dwarf.Reader
		for b.Loop() {
			for _, units := range w.groups {
				r.Reset(w.d, &units[0])
				for r.Next() {
				}
				check(b, r.Err())
			}
		}
	})
}

// BenchmarkBuild converts the DIEs to types, functions and variables, and hashes each type.
func BenchmarkBuild(b *testing.B) {
	eachWorkload(b, func(b *testing.B, w *workload) {
		_, r := w.begin(b)
		for b.Loop() {
			for _, units := range w.groups {
				r.read(units)
				check(b, r.err)
			}
		}
	})
}

// BenchmarkDedup adds units to a module.
func BenchmarkDedup(b *testing.B) {
	eachWorkload(b, func(b *testing.B, w *workload) {
		for b.Loop() {
			b.StopTimer()
			_, r := w.begin(b)
			m := btf.NewModule(w.base)
			b.StartTimer()
			for _, units := range w.groups {
				b.StopTimer()
				r.read(units)
				b.StartTimer()
				check(b, r.merge(m))
			}
		}
	})
}

// BenchmarkWrite adds the functions to a module, resolves the types against the base, and writes
// the rest.
func BenchmarkWrite(b *testing.B) {
	eachWorkload(b, func(b *testing.B, w *workload) {
		for b.Loop() {
			b.StopTimer()
			table, r := w.begin(b)
			m := btf.NewModule(w.base)
			for _, units := range w.groups {
				r.read(units)
				check(b, r.merge(m))
			}
			b.StartTimer()
			_, err := table.emit(m, &w.opt)
			check(b, err)
			_, err = m.Marshal(w.img.Order, false)
			check(b, err)
		}
	})
}

// begin prepares to read the units.
func (w *workload) begin(b *testing.B) (*functionTable, *unitReader) {
	table, err := readFunctionTable(w.img, w.base, &w.opt)
	check(b, err)
	return table, newUnitReader(w.d, table, &w.opt)
}
