// SPDX-License-Identifier: GPL-2.0-only

package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Limits on a broken encoder: configuring a kernel must never wait for one.
const (
	timeout   = 5 * time.Second
	grace     = 100 * time.Millisecond // for a child of it that holds the pipe open
	mostBytes = 4096                   // of each of stdout and stderr
)

// Encoder is the command that turns DWARF into BTF.
type Encoder struct {
	words   []string // the program and words that go before its flags
	timeout time.Duration
}

// NewEncoder is the encoder for a command line such as "pahole" or
// "ccache pahole"; an empty one means $PAHOLE, or else pahole.
func NewEncoder(command string) Encoder {
	for _, c := range []string{command, os.Getenv("PAHOLE"), Pahole} {
		if words := strings.Fields(c); len(words) > 0 {
			return Encoder{words, timeout}
		}
	}
	panic("unreachable: pahole is a word")
}

func (e Encoder) String() string { return strings.Join(e.words, " ") }

// Version asks the encoder for its version. It returns within five seconds
// and leaves no process of the encoder's group behind.
func (e Encoder) Version(ctx context.Context) (Version, error) {
	out, err := e.run(ctx, "--version")
	if err != nil {
		return Version{}, fmt.Errorf("%s: %w", e, err)
	}
	v, err := ParseVersion(out)
	if err != nil {
		return Version{}, fmt.Errorf("%s: --version %w", e, err)
	}
	return v, nil
}

func (e Encoder) run(ctx context.Context, flag string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()

	var stdout, stderr head
	stdout.full = cancel // more is no version: stop it, do not drain it
	cmd := exec.CommandContext(ctx, e.words[0], append(e.words[1:len(e.words):len(e.words)], flag)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// A group of its own, so that a wrapper dies together with what it started.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	killGroup := func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Cancel = killGroup
	cmd.WaitDelay = grace

	if err := cmd.Start(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return "", errors.New("not found in PATH")
		}
		return "", fmt.Errorf("cannot start: %w", cause(err))
	}
	err := cmd.Wait()
	_ = killGroup() // whatever the encoder left behind; usually nobody
	switch {
	case stdout.overflow:
		return "", fmt.Errorf("printed more than %d bytes for %s", mostBytes, flag)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "", fmt.Errorf("did not answer %s within %s", flag, e.timeout)
	case ctx.Err() != nil:
		return "", fmt.Errorf("interrupted while it was asked for %s", flag)
	case errors.Is(err, exec.ErrWaitDelay):
		// It exited with 0, but a child of it held the pipe open.
	case err != nil:
		return "", fmt.Errorf("%s failed: %w%s", flag, err, lastLine(stderr.buf.String()))
	}
	return stdout.buf.String(), nil
}

// head keeps the first bytes that are written to it and calls full once there
// are more.
type head struct {
	buf      bytes.Buffer // not embedded: its ReadFrom would read everything
	overflow bool
	full     func()
}

func (h *head) Write(p []byte) (int, error) {
	keep := min(len(p), mostBytes-h.buf.Len())
	h.buf.Write(p[:keep])
	if keep < len(p) && !h.overflow {
		h.overflow = true
		if h.full != nil {
			h.full()
		}
	}
	return len(p), nil
}

// cause is err without the path that the message already names.
func cause(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// lastLine is the last line that the encoder wrote to stderr, as the end of a
// message.
func lastLine(stderr string) string {
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	if last == "" {
		return ""
	}
	return ": " + quote(last)
}
