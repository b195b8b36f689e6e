// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package batch

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// A jobserver shares the jobs of a parallel GNU make with its children (GNU make manual, section "POSIX
// Jobserver Interaction"). Each token, a byte in a pipe, allows one job in addition to the one that
// every child has. Tokens are written back unchanged.
type jobserver struct {
	read, write int // file descriptors; 0 without a jobserver
}

func (s jobserver) found() bool { return s.read > 0 }

// limit returns the number of jobs to run at most.
func (s jobserver) limit() int { return runtime.NumCPU() }

// findJobserver opens the jobserver in MAKEFLAGS. It is a named pipe or, before make 4.4, a pair of file
// descriptors, which are open only in recipe lines that begin with + or call $(MAKE).
func findJobserver(makeflags string) jobserver {
	auth := ""
	for word := range strings.FieldsSeq(makeflags) {
		for _, option := range []string{"--jobserver-auth=", "--jobserver-fds="} {
			if value, ok := strings.CutPrefix(word, option); ok {
				auth = value // the last one wins
			}
		}
	}
	if auth == "" {
		return jobserver{}
	}
	readPath, fifo := strings.CutPrefix(auth, "fifo:")
	writePath := readPath
	if !fifo {
		var r, w int
		if n, err := fmt.Sscanf(auth, "%d,%d", &r, &w); n != 2 || err != nil || r < 0 || w < 0 {
			return jobserver{}
		}
		var st unix.Stat_t
		if unix.Fstat(r, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
			return jobserver{} // not passed to this command
		}
		// Reopen the pipe, so that O_NONBLOCK does not affect other readers.
		readPath, writePath = fmt.Sprintf("/proc/self/fd/%d", r), fmt.Sprintf("/proc/self/fd/%d", w)
	}
	read, err := unix.Open(readPath, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return jobserver{}
	}
	write, err := unix.Open(writePath, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		_ = unix.Close(read)
		return jobserver{}
	}
	return jobserver{read, write}
}

func (s jobserver) close() {
	_ = unix.Close(s.read)
	_ = unix.Close(s.write)
}

// acquire reads a token; ok is false if none is available.
func (s jobserver) acquire() (token byte, ok bool) {
	var b [1]byte
	n, err := unix.Read(s.read, b[:])
	return b[0], n == 1 && err == nil
}

// release writes a token back.
func (s jobserver) release(token byte) {
	for {
		if _, err := unix.Write(s.write, []byte{token}); err != unix.EINTR {
			if err != nil {
				fmt.Fprintf(os.Stderr, "btf-ko: make's jobserver: %v\n", err)
			}
			return
		}
	}
}
