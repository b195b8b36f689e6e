// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kbtf/kbtf/internal/cli"
	"github.com/kbtf/kbtf/internal/fault"
)

// A batch encodes files, several at a time, the largest first so that none is left over at the end. What goes wrong with one has no
// effect on the others.
type batch struct {
	files          []string
	encode         func(file string) error
	quiet          bool
	stdout, stderr io.Writer

	mu       sync.Mutex // of all below, and of what is printed
	next     int        // the number of files taken
	done     int
	failed   int
	progress bool // a line on the terminal that is overwritten
}

// tokenPause is how long a worker waits that got no token from make.
const tokenPause = 10 * time.Millisecond

// status encodes all files and returns the exit status.
func (b *batch) status(j jobs) int {
	if b.run(j) > 0 {
		return exitFailed
	}
	return exitDone
}

// run encodes all files and returns how many failed.
func (b *batch) run(j jobs) (failed int) {
	b.progress = len(b.files) > 1 && !b.quiet && isTerminal(b.stderr)
	if len(b.files) > 1 {
		b.files = largestFirst(b.files)
	}
	// Under make -j a job has one token, and has to ask for more. Without a jobserver, or with a number on the command line, nobody
	// has to be asked.
	server := jobserver{}
	workers := j.threads()
	if j == 0 && len(b.files) > 1 {
		if server = findJobserver(os.Getenv("MAKEFLAGS")); server.found() {
			workers = server.limit()
			defer server.close()
		}
	}
	var wg sync.WaitGroup
	for i := range min(workers, len(b.files)) {
		wg.Go(func() {
			for {
				if i > 0 && server.found() {
					if b.empty() {
						return
					}
					token, ok := server.acquire()
					if !ok {
						time.Sleep(tokenPause)
						continue
					}
					more := b.one()
					server.release(token)
					if !more {
						return
					}
				} else if !b.one() {
					return
				}
			}
		})
	}
	wg.Wait()
	if b.progress {
		fmt.Fprintln(b.stderr)
	}
	return b.failed
}

func (b *batch) empty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.next == len(b.files)
}

// one encodes the next file; false: there is none.
func (b *batch) one() bool {
	b.mu.Lock()
	if b.next == len(b.files) {
		b.mu.Unlock()
		return false
	}
	file := b.files[b.next]
	b.next++
	b.mu.Unlock()

	err := fault.Recover(func() error { return b.encode(file) })
	if err != nil {
		b.say("btf-ko: %v", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done++
	switch {
	case err != nil:
		b.failed++
	case b.progress:
		fmt.Fprintf(b.stderr, "\r  BTF [M] %d of %d ", b.done, len(b.files))
	case len(b.files) > 1 && !b.quiet: // for one file the rule in the Makefile has said so
		fmt.Fprintf(b.stdout, "  BTF [M] %s\n", file)
	}
	return true
}

// say prints a line to stderr.
func (b *batch) say(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.progress {
		fmt.Fprint(b.stderr, "\r\x1b[K") // over the progress
	}
	cli.Say(b.stderr, format, args...)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// largestFirst sorts files by size, and drops what is named twice. One that cannot be looked at is left for its encoder to complain
// about.
func largestFirst(files []string) []string {
	size := make(map[string]int64, len(files))
	var sorted []string
	for _, f := range files {
		f = filepath.Clean(f)
		if _, again := size[f]; again {
			continue
		}
		size[f] = 0
		if st, err := os.Stat(f); err == nil {
			size[f] = st.Size()
		}
		sorted = append(sorted, f)
	}
	slices.SortStableFunc(sorted, func(a, b string) int { return cmp.Compare(size[b], size[a]) })
	return sorted
}

// readModulesOrder reads kbuild's list of modules: paths from the directory that it is in, of modules, or from 6.2 on of the objects
// that they are linked from.
func readModulesOrder(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot read: %w", path, pathless(err))
	}
	defer f.Close()
	var files []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name := strings.TrimSpace(lines.Text())
		if name == "" {
			continue
		}
		if base, ok := strings.CutSuffix(name, ".o"); ok {
			name = base + ".ko"
		}
		if !strings.HasSuffix(name, ".ko") {
			return nil, fmt.Errorf("%s: %q is neither a module nor an object: is this kbuild's modules.order?", path, name)
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(path), name)
		}
		files = append(files, name)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: cannot read: %w", path, pathless(err))
	}
	return files, nil
}
