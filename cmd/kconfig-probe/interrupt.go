// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

var interrupts = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}

// untilInterrupted returns a context that an interrupt cancels, until stop is called. The encoder runs in
// its own process group, so that the terminal does not signal it and its children.
func untilInterrupted() (ctx context.Context, stop context.CancelFunc) {
	return signal.NotifyContext(context.Background(), interrupts...)
}

// withoutInterrupts runs do with interrupts ignored, so that it is not left half done.
func withoutInterrupts(do func() error) error {
	signal.Ignore(interrupts...)
	defer signal.Reset(interrupts...)
	return do()
}
