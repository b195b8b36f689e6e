// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// heapBound is how far the heap grows before it is collected, in bytes: most modules are done before that, and it is less than pahole
// takes for the largest ones. What is mapped (the base, the files) comes on top; the kernel can take that back.
const heapBound = 160 << 20

// heap is this process's heap.
var heap struct {
	mu       sync.Mutex
	bound    int64
	followed bool // by the bound, after each collection
}

// boundHeap collects no garbage until the heap has grown to a bound. Where more than that is in use, to collect for each page that
// is needed would take half of the CPUs, so the bound then follows what is in use: half as much may come on top.
func boundHeap(bound int64) {
	heap.mu.Lock()
	defer heap.mu.Unlock()
	heap.bound = bound
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(bound)
	if !heap.followed {
		heap.followed = true
		afterCollection(followHeap)
	}
}

func followHeap() {
	heap.mu.Lock()
	defer heap.mu.Unlock()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	inUse := int64(live[0].Value.Uint64())
	if limit := max(heap.bound, inUse+inUse/2); limit != debug.SetMemoryLimit(-1) {
		debug.SetMemoryLimit(limit)
	}
}

// afterCollection calls do soon after each collection: that is when something dies to which nothing refers.
func afterCollection(do func()) {
	runtime.AddCleanup(new([8]*byte), func(do func()) {
		do()
		afterCollection(do)
	}, do)
}
