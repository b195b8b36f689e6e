// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package batch encodes many modules in one process, in parallel, within the jobs that make allows.
package batch

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kbtf/kbtf/internal/cli"
	"github.com/kbtf/kbtf/internal/fault"
	"github.com/kbtf/kbtf/internal/patherr"
)

// A Batch encodes files, several at a time and the largest first, so that no large one is left for
// the end. An error of one file has no effect on the others.
type Batch struct {
	Files          []string
	Encode         func(file string) error
	List           bool // print the name of each file, as makefiles do, or on a terminal the progress
	Stdout, Stderr io.Writer

	mu       sync.Mutex // protects the fields below and the output
	next     int        // index of the next file
	done     int
	failed   int
	progress bool // print a progress line on the terminal
}

// ErrSkipped is returned by Encode for a file that is not to be encoded. Encode has reported it.
var ErrSkipped = errors.New("skipped")

// tokenPause is the time between a worker's attempts to get a token from make.
const tokenPause = 10 * time.Millisecond

// Threads returns the number of threads for the user's number of jobs, or a default if that is 0: one
// under a parallel make, whose other jobs keep the CPUs busy, otherwise one per CPU. The kernel's build
// files pass -j without a number in both cases.
func Threads(jobs int) int {
	if jobs > 0 {
		return jobs
	}
	if strings.Contains(os.Getenv("MAKEFLAGS"), "--jobserver") {
		return 1
	}
	return runtime.NumCPU()
}

// Run encodes all files, with as many threads as Threads returns, and returns how many failed.
func (b *Batch) Run(jobs int) (failed int) {
	b.progress = b.List && cli.IsTerminal(b.Stderr)
	if len(b.Files) > 1 {
		b.Files = largestFirst(b.Files)
	}
	// Under make -j this process has one token and acquires more, unless the user set a number of jobs.
	server := jobserver{}
	workers := Threads(jobs)
	if jobs == 0 && len(b.Files) > 1 {
		if server = findJobserver(os.Getenv("MAKEFLAGS")); server.found() {
			workers = server.limit()
			defer server.close()
		}
	}
	var wg sync.WaitGroup
	for i := range min(workers, len(b.Files)) {
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
		fmt.Fprintln(b.Stderr)
	}
	return b.failed
}

func (b *Batch) empty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.next == len(b.Files)
}

// one encodes the next file, and returns false if there is none.
func (b *Batch) one() bool {
	b.mu.Lock()
	if b.next == len(b.Files) {
		b.mu.Unlock()
		return false
	}
	file := b.Files[b.next]
	b.next++
	b.mu.Unlock()

	err := fault.Recover(func() error { return b.Encode(file) })
	skipped := errors.Is(err, ErrSkipped)
	if err != nil && !skipped {
		b.Say("btf-ko: %v", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done++
	switch {
	case skipped:
	case err != nil:
		b.failed++
	case b.progress:
		fmt.Fprintf(b.Stderr, "\r  BTF [M] %d of %d ", b.done, len(b.Files))
	case b.List:
		fmt.Fprintf(b.Stdout, "  BTF [M] %s\n", file)
	}
	return true
}

// Say prints a line to Stderr.
func (b *Batch) Say(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.progress {
		fmt.Fprint(b.Stderr, "\r\x1b[K") // clear the progress line
	}
	cli.Say(b.Stderr, format, args...)
}

// largestFirst sorts files by size, and drops duplicates. Errors of stat are ignored; encoding the file
// reports them.
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

// ReadModulesOrder reads kbuild's modules.order and returns the paths of the modules. The file lists paths
// relative to its directory, of the modules or, since 6.2, of the objects that they are linked from.
func ReadModulesOrder(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot read: %w", path, patherr.Cause(err))
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
		return nil, fmt.Errorf("%s: cannot read: %w", path, patherr.Cause(err))
	}
	return files, nil
}
