// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package fault converts panics and memory faults into errors. A damaged file, or a file that
// changes while it is mapped, must not end the process without a message, nor affect other modules.
package fault

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
)

// ErrTruncated is the error for a mapped file that became shorter, or whose disk failed (SIGBUS).
var ErrTruncated = errors.New("a file was truncated while it was being read: try again when it " +
	"is not being written")

// PanicOnFault turns memory faults of this goroutine into panics. Every goroutine that reads mapped
// files must call it, because a fault otherwise ends the process.
func PanicOnFault() { debug.SetPanicOnFault(true) }

// FromPanic returns the error for a result of recover. The deferred function that recovers must
// call it directly.
func FromPanic(p any) error {
	if _, isFault := p.(interface{ Addr() uintptr }); isFault {
		return ErrTruncated
	}
	pc := make([]uintptr, 8)
	frames := runtime.CallersFrames(pc[:runtime.Callers(3, pc)])
	for f, more := frames.Next(); ; f, more = frames.Next() {
		if !strings.HasPrefix(f.Function, "runtime.") || !more {
			return fmt.Errorf("internal error at %s:%d: %v (please report it, with the file)",
				filepath.Base(f.File), f.Line, p)
		}
	}
}

// Go calls do in another goroutine. wait returns its result, or panics if it panicked.
func Go[T any](do func() T) (wait func() T) {
	type outcome struct {
		value T
		panic any
	}
	done := make(chan outcome, 1)
	go func() {
		PanicOnFault()
		var o outcome
		defer func() {
			o.panic = recover()
			done <- o
		}()
		o.value = do()
	}()
	return func() T {
		o := <-done
		if o.panic != nil {
			panic(o.panic)
		}
		return o.value
	}
}

// Recover calls do, and returns its panic as an error.
func Recover(do func() error) (err error) {
	PanicOnFault()
	defer func() {
		if p := recover(); p != nil {
			err = FromPanic(p)
		}
	}()
	return do()
}
