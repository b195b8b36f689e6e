// SPDX-License-Identifier: GPL-2.0-only

package encode

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kbtf/kbtf/internal/elfimage"
)

// Benchmarks read Debian's 6.1 debug kernel where scripts/fetch has put it: run `scripts/fetch linux-6.1-dbg` first.

func debugKernel(b *testing.B, pattern string) string {
	cache := os.Getenv("KBTF_CACHE")
	if cache == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			b.Fatal(err)
		}
		cache = filepath.Join(home, ".cache", "kbtf")
	}
	found, err := filepath.Glob(filepath.Join(cache, "linux-6.1-dbg/usr/lib/debug", pattern))
	if err != nil || len(found) == 0 {
		b.Fatalf("no %s in %s: run scripts/fetch linux-6.1-dbg", pattern, cache)
	}
	return found[0]
}

func BenchmarkLoadBase(b *testing.B) {
	path := debugKernel(b, "boot/vmlinux-*")
	for b.Loop() {
		base, err := LoadBase(path, BaseCache{})
		if err == nil {
			err = base.Ready()
		}
		if err != nil {
			b.Fatal(err)
		}
		base.FindString([]byte("struct"))
	}
}

func BenchmarkModule(b *testing.B) {
	base, err := LoadBase(debugKernel(b, "boot/vmlinux-*"), BaseCache{})
	if err != nil {
		b.Fatal(err)
	}
	for _, module := range []string{"net/8021q/8021q.ko", "fs/xfs/xfs.ko", "drivers/gpu/drm/i915/i915.ko"} {
		b.Run(filepath.Base(module), func(b *testing.B) {
			img, err := elfimage.Open(debugKernel(b, "lib/modules/*/kernel/"+module))
			if err != nil {
				b.Fatal(err)
			}
			defer img.Close()
			b.SetBytes(int64(img.Section(".debug_info").Size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := File(img, base, Options{Dialect: base.Dialect, Threads: 1}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
