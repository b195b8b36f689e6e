// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kbtf/kbtf/internal/patherr"
)

// Limits on a broken encoder, which must not hang the configuration of a kernel.
const (
	timeout   = 5 * time.Second
	grace     = 100 * time.Millisecond // for children that keep the pipe open
	maxOutput = 4096                   // bytes of stdout and of stderr
)

// Command is the command line of an encoder.
type Command struct {
	words   []string // the program and its first arguments
	timeout time.Duration
}

// NewCommand returns the Command for a command line such as "pahole" or
// "ccache pahole". If line is empty, it is $PAHOLE, or else pahole.
func NewCommand(line string) Command {
	for _, l := range []string{line, os.Getenv("PAHOLE"), Pahole} {
		if words := strings.Fields(l); len(words) > 0 {
			return Command{words, timeout}
		}
	}
	panic("unreachable")
}

func (c Command) String() string { return strings.Join(c.words, " ") }

// Path returns the path of the program, or "" if it is not found.
func (c Command) Path() string {
	path, err := exec.LookPath(c.words[0])
	if err != nil {
		return ""
	}
	return path
}

// Version runs the encoder with --version and parses its output. It returns
// within about five seconds and kills the process group of the encoder.
func (c Command) Version(ctx context.Context) (Version, error) {
	out, err := c.run(ctx, "--version")
	if err != nil {
		return Version{}, fmt.Errorf("%s: %w", c, err)
	}
	v, err := ParseVersion(out)
	if err != nil {
		return Version{}, fmt.Errorf("%s: --version %w", c, err)
	}
	return v, nil
}

// run runs the command with one more argument and returns its stdout.
func (c Command) run(parent context.Context, flag string) (string, error) {
	ctx, stop := context.WithTimeoutCause(parent, c.timeout,
		fmt.Errorf("did not answer %s within %s", flag, c.timeout))
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)

	cmd := exec.CommandContext(ctx, c.words[0], slices.Concat(c.words[1:], []string{flag})...)
	stdout := head{full: func() {
		cancel(fmt.Errorf("printed more than %d bytes for %s", maxOutput, flag))
	}}
	var stderr head
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Env = append(cmd.Environ(), "LC_ALL=C")
	// A process group of its own, so that a wrapper is killed with its children.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = grace

	// Pdeathsig is sent when the thread that started the process exits.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Run()
	if cmd.Process != nil {
		// Kill the children left behind. The group's number is not reused as
		// long as one of them is alive.
		_ = cmd.Cancel()
	}

	var exit *exec.ExitError
	switch {
	case parent.Err() != nil:
		return "", fmt.Errorf("interrupted while waiting for %s", flag)
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case errors.Is(err, exec.ErrNotFound):
		return "", errors.New("not found in PATH")
	case errors.As(err, &exit):
		return "", fmt.Errorf("%s failed: %w%s", flag, exit, lastLine(string(stderr.buf)))
	case err == nil || errors.Is(err, exec.ErrWaitDelay): // a child has the pipe open
		return string(stdout.buf), nil
	case cmd.Process == nil:
		return "", fmt.Errorf("cannot start: %w", patherr.Cause(err))
	default:
		return "", fmt.Errorf("cannot read the output of %s: %w", flag, err)
	}
}

// head is a writer that keeps the first maxOutput bytes.
type head struct {
	buf  []byte
	full func() // if set, called when more is written
}

func (h *head) Write(p []byte) (int, error) {
	n := min(len(p), maxOutput-len(h.buf))
	h.buf = append(h.buf, p[:n]...)
	if n < len(p) && h.full != nil {
		h.full()
		return n, io.ErrShortWrite
	}
	return len(p), nil
}

// lastLine returns the last line of stderr, quoted, to end a message with.
func lastLine(stderr string) string {
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	if last == "" {
		return ""
	}
	return ": " + quote(last)
}
