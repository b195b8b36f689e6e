// SPDX-License-Identifier: GPL-2.0-only

package probe

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
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
	p, err := start(append(slices.Clone(e.words), flag))
	if errors.Is(err, exec.ErrNotFound) {
		return "", errors.New("not found in PATH")
	} else if err != nil {
		return "", fmt.Errorf("cannot start: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	context.AfterFunc(ctx, p.kill)
	status, err := p.wait()
	switch {
	case p.stdout.overflow:
		return "", fmt.Errorf("printed more than %d bytes for %s", mostBytes, flag)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "", fmt.Errorf("did not answer %s within %s", flag, e.timeout)
	case ctx.Err() != nil:
		return "", fmt.Errorf("interrupted while it was asked for %s", flag)
	case err != nil:
		return "", fmt.Errorf("cannot be waited for: %w", err)
	case status != 0:
		return "", fmt.Errorf("%s failed: %s%s", flag, describe(status), lastLine(string(p.stderr.buf)))
	}
	return string(p.stdout.buf), nil
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
