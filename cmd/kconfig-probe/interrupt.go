// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

var interrupts = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}

// patience is the time after which an encoder is assumed to hang, and signals
// are caught. Catching them from the start would cost every run 0.3 ms.
var patience = 20 * time.Millisecond

// untilInterrupted returns a context that an interrupt cancels. An encoder has
// its own process group, so that the terminal does not interrupt it and its
// children. Before patience is over, an interrupt ends this process, and
// Pdeathsig the encoder.
func untilInterrupted() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(patience, func() {
		caught := make(chan os.Signal, 1)
		signal.Notify(caught, interrupts...)
		<-caught
		cancel()
	})
	return ctx
}

// withoutInterrupts runs do, which must not be left half done.
func withoutInterrupts(do func() error) error {
	signal.Ignore(interrupts...)
	defer signal.Reset(interrupts...)
	return do()
}
