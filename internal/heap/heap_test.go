// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package heap

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// The limit is the bound while less is in use. Otherwise it follows what is in use, so that the
// collector does not run all the time, and returns to the bound.
func TestBound(t *testing.T) {
	percent, limit := debug.SetGCPercent(100), debug.SetMemoryLimit(-1)
	defer func() {
		Bound(limit)
		debug.SetGCPercent(percent)
	}()
	// An earlier bound of this process has no effect.
	const bound = 64 << 20
	Bound(3 * bound)
	runtime.GC()
	Bound(bound)
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
