// SPDX-License-Identifier: GPL-2.0-only

package probe

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A process is an encoder that is being asked. os/exec can do the same, with a
// goroutine for each pipe and one for the context, and a child of its own to
// find out what the kernel can do: that takes longer than most encoders do, and
// Kconfig asks again and again.
type process struct {
	pid    int
	stdout head
	stderr head
}

// head is a pipe, of which the first bytes are kept.
type head struct {
	fd       int
	buf      []byte
	overflow bool // there was more
}

// pollTime is how often a process is looked at whose pipes stay open, in
// milliseconds. One that ends and leaves nobody behind is not waited for.
const pollTime = 10

// start runs a command in the locale C. It gets a process group of its own, so
// that a wrapper dies together with what it started, and dies when we do.
func start(words []string) (*process, error) {
	program := words[0]
	if filepath.Base(program) == program {
		var err error
		if program, err = exec.LookPath(program); err != nil {
			return nil, err
		}
	}
	env := slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "LC_ALL=") })

	var opened []int
	defer func() {
		for _, fd := range opened {
			_ = unix.Close(fd)
		}
	}()
	null, err := unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	opened = append(opened, null)
	var pipes [2][2]int
	for i := range pipes {
		if err := unix.Pipe2(pipes[i][:], unix.O_CLOEXEC); err != nil {
			return nil, err
		}
		opened = append(opened, pipes[i][:]...)
	}
	pid, err := syscall.ForkExec(program, words, &syscall.ProcAttr{
		Env:   append(env, "LC_ALL=C"),
		Files: []uintptr{uintptr(null), uintptr(pipes[0][1]), uintptr(pipes[1][1])},
		Sys:   &syscall.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL},
	})
	if err != nil {
		return nil, err
	}
	opened = []int{null, pipes[0][1], pipes[1][1]}
	return &process{pid, head{fd: pipes[0][0]}, head{fd: pipes[1][0]}}, nil
}

// kill ends the process and its children.
func (p *process) kill() { _ = unix.Kill(-p.pid, unix.SIGKILL) }

// wait reads what the process prints until it has ended, and kills what it
// left behind.
func (p *process) wait() (syscall.WaitStatus, error) {
	p.read()
	_ = p.ended(0)
	p.kill() // before the group's number can be another's
	var status syscall.WaitStatus
	_, err := retry(func() (int, error) { return syscall.Wait4(p.pid, &status, 0, nil) })
	_ = unix.Close(p.stdout.fd)
	_ = unix.Close(p.stderr.fd)
	return status, err
}

// read reads both pipes to their end. A child that holds them open after the
// process has ended is waited for no longer than grace.
func (p *process) read() {
	heads := []*head{&p.stdout, &p.stderr}
	fds := []unix.PollFd{{Fd: int32(p.stdout.fd), Events: unix.POLLIN}, {Fd: int32(p.stderr.fd), Events: unix.POLLIN}}
	var until time.Time
	for open := len(fds); open > 0; {
		if until.IsZero() {
			if p.ended(unix.WNOHANG) {
				until = time.Now().Add(grace)
			}
		} else if time.Now().After(until) {
			return
		}
		if n, _ := unix.Poll(fds, pollTime); n <= 0 {
			continue
		}
		for i := range fds {
			if fds[i].Revents != 0 && !heads[i].read() {
				fds[i].Fd = -1 // not looked at any more
				open--
			}
		}
		if p.stdout.overflow {
			p.kill() // this is no version: do not drain it
			return
		}
	}
}

// read reads what is there; false: this is the end.
func (h *head) read() bool {
	var buf [mostBytes + 1]byte
	n, err := retry(func() (int, error) { return unix.Read(h.fd, buf[:]) })
	if n <= 0 || err != nil {
		return false
	}
	keep := min(n, mostBytes-len(h.buf))
	h.buf = append(h.buf, buf[:keep]...)
	h.overflow = h.overflow || keep < n
	return true
}

// ended waits for the end of the process, or with WNOHANG only looks; the
// process stays a zombie.
func (p *process) ended(options int) bool {
	var info unix.Siginfo
	_, err := retry(func() (int, error) {
		return 0, unix.Waitid(unix.P_PID, p.pid, &info, unix.WEXITED|unix.WNOWAIT|options, nil)
	})
	return err != nil || info.Signo != 0
}

// retry repeats a system call that a signal interrupts.
func retry(call func() (int, error)) (int, error) {
	for {
		if n, err := call(); err != unix.EINTR {
			return n, err
		}
	}
}

// describe says how a process ended, in the words of os.ProcessState.
func describe(status syscall.WaitStatus) string {
	switch {
	case status.CoreDump():
		return fmt.Sprintf("signal: %v (core dumped)", status.Signal())
	case status.Signaled():
		return fmt.Sprintf("signal: %v", status.Signal())
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}
