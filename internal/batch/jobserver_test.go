// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package batch

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// acquire does not block, and release writes the token back.
func TestJobserver(t *testing.T) {
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	keep, err := os.OpenFile(fifo, os.O_RDWR, 0) // keeps the pipe open, as make does
	if err != nil {
		t.Fatal(err)
	}
	defer keep.Close()
	for _, tt := range []struct {
		makeflags string
		write     int
	}{
		{fmt.Sprintf(" -j3 --jobserver-auth=%d,%d -- V=1", fds[0], fds[1]), fds[1]},
		{fmt.Sprintf("rR --jobserver-fds=%d,%d -j", fds[0], fds[1]), fds[1]},
		{" -j3 --jobserver-auth=fifo:" + fifo, int(keep.Fd())},
	} {
		if n, err := unix.Write(tt.write, []byte("+x")); n != 2 || err != nil {
			t.Fatal(n, err)
		}
		s := findJobserver(tt.makeflags)
		if !s.found() {
			t.Fatalf("%q: not found", tt.makeflags)
		}
		a, ok := s.acquire()
		b, ok2 := s.acquire()
		if !ok || !ok2 || a != '+' || b != 'x' {
			t.Errorf("%q: tokens %q %v, %q %v", tt.makeflags, a, ok, b, ok2)
		}
		if c, ok := s.acquire(); ok {
			t.Errorf("%q: a third token %q", tt.makeflags, c)
		}
		s.release(a)
		if again, ok := s.acquire(); !ok || again != a {
			t.Errorf("%q: after release of %q: %q %v", tt.makeflags, a, again, ok)
		}
		s.close()
		if flags, err := unix.FcntlInt(uintptr(fds[0]), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK != 0 {
			t.Errorf("%q: O_NONBLOCK is set for other readers (%v)", tt.makeflags, err)
		}
	}
	file, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, makeflags := range []string{
		"", "w", " -j --jobserver-auth=-2,-2", " --jobserver-auth=998,999", " --jobserver-auth=fifo:/nowhere",
		fmt.Sprintf(" --jobserver-auth=%d,%d", file.Fd(), file.Fd()),
	} {
		if s := findJobserver(makeflags); s.found() {
			t.Errorf("%q: %+v", makeflags, s)
		}
	}
}
