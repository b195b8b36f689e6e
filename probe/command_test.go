// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package probe

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fakeEncoder writes an executable shell script.
func fakeEncoder(t *testing.T, name, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSplitBTF(t *testing.T) {
	for _, tt := range []struct {
		name   string
		script string
		answer Answer
		reason string // without the encoder's path
	}{
		{"new", "echo v1.24", Yes, "pahole v1.24 supports split BTF"},
		{"run with --version only", `[ "$*" = --version ] && echo v1.24`, Yes, "pahole v1.24 supports split BTF"},
		{"btf-ko", "echo btf-ko v0.1.0", Yes, "btf-ko v0.1.0 supports split BTF"},
		{"old", "echo v1.18", No, "pahole v1.18 is older than 1.19, the first with split BTF"},
		{"candidate", "echo v1.19-rc1", No, "pahole v1.19-rc1 is older than 1.19, the first with split BTF"},
		{"chatty on stderr", "echo warning >&2; echo v1.24", Yes, "pahole v1.24 supports split BTF"},
		{"much on stderr", "seq 20000 >&2; echo v1.24", Yes, "pahole v1.24 supports split BTF"},
		{"child keeps the pipe", "sleep 60 & echo v1.24", Yes, "pahole v1.24 supports split BTF"},
		{"child outside the group keeps the pipe", "setsid sleep 1 & echo v1.24", Yes, "pahole v1.24 supports split BTF"},

		{"garbled", "echo hello", Unknown, `--version printed "hello", which is not a version`},
		{"silent", "true", Unknown, "--version printed no version"},
		{"version on stderr", "echo v1.24 >&2", Unknown, "--version printed no version"},
		{"binary", `printf '\177ELF\002\n'`, Unknown, `--version printed "\x7fELF\x02", which is not a version`},
		{"fails", "echo no libdw >&2; exit 3", Unknown, `--version failed: exit status 3: "no libdw"`},
		{"fails after a version", "echo v1.24; exit 1", Unknown, "--version failed: exit status 1"},
		{"crashes", "kill -SEGV $$", Unknown, "--version failed: signal: segmentation fault"},
		{"endless", "while :; do echo v1.24; done", Unknown, "printed more than 4096 bytes for --version"},
		{"ignores SIGPIPE", "trap '' PIPE; while :; do echo v1.24; done", Unknown,
			"printed more than 4096 bytes for --version"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := fakeEncoder(t, "pahole", tt.script)
			got := SplitBTF(t.Context(), NewCommand(path))
			if want := (Decision{tt.answer, path + ": " + tt.reason}); got != want {
				t.Errorf("got %v %q,\nwant %v %q", got.Answer, got.Reason, want.Answer, want.Reason)
			}
		})
	}
}

func TestSplitBTFCannotStart(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "plain")
	if err := os.WriteFile(file, []byte("echo v1.24\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("v1.24\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	for _, tt := range []struct{ encoder, reason string }{
		{"pahole", "pahole: not found in PATH"},
		{"ccache pahole", "ccache pahole: not found in PATH"},
		{dir + "/none", dir + "/none: cannot start: no such file or directory"},
		{dir, dir + ": cannot start: permission denied"},
		{file, file + ": cannot start: permission denied"},
		{text, text + ": cannot start: exec format error"},
	} {
		got := SplitBTF(t.Context(), NewCommand(tt.encoder))
		if want := (Decision{Unknown, tt.reason}); got != want {
			t.Errorf("%s: got %v %q, want %q", tt.encoder, got.Answer, got.Reason, want.Reason)
		}
	}
}

// An encoder that hangs is killed with its children.
func TestVersionKillsTheWholeGroup(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	c := NewCommand(fakeEncoder(t, "pahole", "sleep 600 & echo $! > "+pidFile+"; wait"))
	c.timeout = 500 * time.Millisecond
	_, err := c.Version(t.Context())
	if want := c.String() + ": did not answer --version within 500ms"; err == nil || err.Error() != want {
		t.Fatalf("got %v, want %s", err, want)
	}
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for !gone(t, child) {
		time.Sleep(time.Millisecond)
	}
}

// gone reports whether a process has ended, reaped or not.
func gone(t *testing.T, pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if errors.Is(err, os.ErrNotExist) {
		return true
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.HasPrefix(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " Z")
}

func TestVersionInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := fakeEncoder(t, "pahole", "sleep 60")
	_, err := NewCommand(path).Version(ctx)
	if want := path + ": interrupted while waiting for --version"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestNewCommand(t *testing.T) {
	for _, tt := range []struct{ command, pahole, want string }{
		{"", "", "pahole"},
		{"", " ", "pahole"},
		{"", "ccache pahole", "ccache pahole"},
		{"btf-ko", "pahole-1.30", "btf-ko"},
		{" ", "pahole-1.30", "pahole-1.30"},
		{"  nice   -n 5 pahole ", "", "nice -n 5 pahole"},
	} {
		t.Setenv("PAHOLE", tt.pahole)
		if got := NewCommand(tt.command).String(); got != tt.want {
			t.Errorf("NewCommand(%q) with PAHOLE=%q: %q, want %q", tt.command, tt.pahole, got, tt.want)
		}
	}
}

// Arguments are passed on without a shell.
func TestCommandWithArguments(t *testing.T) {
	path := fakeEncoder(t, "ccache", `[ "$1 $2 $#" = 'a$b --version 2' ] && echo v1.30`)
	got := SplitBTF(t.Context(), NewCommand(path+" a$b"))
	if got.Answer != Yes {
		t.Errorf("got %v %q", got.Answer, got.Reason)
	}
}
