// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package modules reads the modules of a kernel.
package modules

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/kbtf/kbtf/internal/cli"
	"golang.org/x/sync/errgroup"
)

// Find returns the paths of the modules below a directory, also compressed ones. Paths are relative
// to the directory and in byte order.
func Find(directory string) ([]string, error) {
	var paths []string
	err := filepath.WalkDir(directory, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.HasSuffix(strings.TrimSuffix(path, ".xz"), ".ko") {
			path, err = filepath.Rel(directory, path)
			paths = append(paths, path)
		}
		return err
	})
	slices.Sort(paths)
	if err == nil && len(paths) == 0 {
		err = fmt.Errorf("%s: no modules", directory)
	}
	return paths, err
}

// ReadBTF returns the contents of an ELF file's .BTF, or of the file if it is not ELF.
func ReadBTF(path string) ([]byte, error) {
	file, err := elf.Open(path)
	if err != nil {
		var format *elf.FormatError
		if !errors.As(err, &format) {
			return nil, err
		}
		return os.ReadFile(path)
	}
	defer file.Close()
	btf, err := Section(file, ".BTF")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return btf, nil
}

// ErrNoSection is the error for a section that does not exist.
var ErrNoSection = errors.New("no such section")

// Section returns the contents of a section.
func Section(file *elf.File, name string) ([]byte, error) {
	section := file.Section(name)
	if section == nil {
		return nil, fmt.Errorf("%s: %w", name, ErrNoSection)
	}
	return section.Data()
}

// InParallel calls do for each of n items, jobs at a time, until one fails. It shows the progress.
func InParallel(jobs, n int, do func(i int) error) error {
	var done atomic.Int64
	g, ctx := errgroup.WithContext(context.Background())
	g.SetLimit(max(jobs, 1))
	for i := range n {
		g.Go(func() error {
			if ctx.Err() != nil {
				return nil // another one failed
			}
			if err := do(i); err != nil {
				return err
			}
			Progress(int(done.Add(1)), n)
			return nil
		})
	}
	return g.Wait()
}

// Progress shows the progress on stderr if that is a terminal.
func Progress(done, total int) {
	if !cli.IsTerminal(os.Stderr) {
		return
	}
	fmt.Fprintf(os.Stderr, "\r%d of %d modules", done, total)
	if done == total {
		fmt.Fprint(os.Stderr, "\r\033[K")
	}
}
