// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package heap bounds the garbage collector of a short-lived process.
package heap

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// heap is this process's heap.
var heap struct {
	mu       sync.Mutex
	bound    int64
	followed bool // followHeap runs after each collection
}

// Bound turns the garbage collector off until the heap has grown to bound bytes. While more is in use,
// collecting for each new page would take half of the CPUs, so the limit is then 1.5 times what is in
// use.
func Bound(bound int64) {
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

// afterCollection calls do soon after each collection, which frees an unreferenced object.
func afterCollection(do func()) {
	runtime.AddCleanup(new([8]*byte), func(do func()) {
		do()
		afterCollection(do)
	}, do)
}
