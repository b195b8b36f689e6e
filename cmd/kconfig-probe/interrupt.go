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

// patience is how long an encoder takes at most that does not hang. Catching
// signals takes 0.3 ms, a tenth of what such an encoder and we take together,
// so only others are worth it.
var patience = 20 * time.Millisecond

// untilInterrupted is the context of asking an encoder. It has a process group
// of its own, so an interrupt has to reach it, and what it started, through
// us. Before patience is over the interrupt ends us, and the encoder with us.
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

// withoutInterrupts is for what is done as a whole or not at all.
func withoutInterrupts(do func() error) error {
	signal.Ignore(interrupts...)
	defer signal.Reset(interrupts...)
	return do()
}
