// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// The bound holds as long as less is in use; else it follows, so that the collector does not run all the time, and comes back.
func TestBoundHeap(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	defer func() {
		boundHeap(limit)
		debug.SetGCPercent(percent)
	}()
	// Nor does an earlier bound of this process come back.
	const bound = 64 << 20
	boundHeap(3 * bound)
	runtime.GC()
	boundHeap(bound)
	limitBecomes(t, bound, bound)

	inUse := make([]byte, 2*bound)
	limitBecomes(t, 3*bound, 3*bound+bound/2) // the test itself uses some
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 64 {
		garbage = make([]byte, bound/8)
	}
	runtime.ReadMemStats(&after)
	// 512 MiB, and less than 64 MiB at a time: a page at a time would make it 64, one for each allocation.
	if n := after.NumGC - before.NumGC; n > 24 {
		t.Errorf("%d collections for 8 times the bound", n)
	}
	runtime.KeepAlive(inUse)
	inUse, garbage = nil, nil
	limitBecomes(t, bound, bound)
	for range 20 {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	limitBecomes(t, bound, bound)
}

var garbage []byte

// limitBecomes collects until the memory limit is in a range.
func limitBecomes(t *testing.T, least, most int64) {
	t.Helper()
	limit := int64(math.MaxInt64)
	for range 1000 {
		runtime.GC()
		if limit = debug.SetMemoryLimit(-1); least <= limit && limit <= most {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("the limit is %d, not from %d to %d", limit, least, most)
}
