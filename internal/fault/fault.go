// SPDX-License-Identifier: GPL-2.0-only

// Package fault makes errors of panics: no file, however damaged, and nobody who changes one while it is being read, may end the process
// without a word, or take other modules with it.
package fault

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
)

// ErrCutShort is what a mapped file leads to that became shorter, or whose disk failed (SIGBUS).
var ErrCutShort = errors.New("a file was cut short while it was being read: try again when nobody writes it")

// Catch makes memory faults of this goroutine panics. Each that reads mapped files calls it first: else a fault ends the process.
func Catch() { debug.SetPanicOnFault(true) }

// Error makes an error of what recover gave, in the deferred function that called it.
func Error(p any) error {
	if _, isFault := p.(interface{ Addr() uintptr }); isFault {
		return ErrCutShort
	}
	pc := make([]uintptr, 8)
	frames := runtime.CallersFrames(pc[:runtime.Callers(3, pc)])
	for f, more := frames.Next(); ; f, more = frames.Next() {
		if !strings.HasPrefix(f.Function, "runtime.") || !more {
			return fmt.Errorf("internal error at %s:%d: %v (please report it, with the file)", filepath.Base(f.File), f.Line, p)
		}
	}
}

// Beside calls do in another goroutine. wait gives what it returns, and panics where it did.
func Beside[T any](do func() T) (wait func() T) {
	type outcome struct {
		value T
		panic any
	}
	done := make(chan outcome, 1)
	go func() {
		Catch()
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

// Survive calls do and makes an error of its panic.
func Survive(do func() error) (err error) {
	Catch()
	defer func() {
		if p := recover(); p != nil {
			err = Error(p)
		}
	}()
	return do()
}
