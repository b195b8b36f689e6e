// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package fault

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRecover(t *testing.T) {
	failed := errors.New("failed")
	if err := Recover(func() error { return failed }); err != failed {
		t.Errorf("got %v", err)
	}
	err := Recover(func() error { return []error{}[len(os.Args)] })
	if err == nil || !strings.HasPrefix(err.Error(), "internal error at fault_test.go:") {
		t.Errorf("got %v", err)
	}
}

func TestGo(t *testing.T) {
	if got := Go(func() int { return 7 })(); got != 7 {
		t.Errorf("got %d", got)
	}
	err := Recover(func() error { return Go(func() error { panic("other goroutine") })() })
	if err == nil || !strings.Contains(err.Error(), "other goroutine") {
		t.Errorf("got %v", err)
	}
}

// Reading a mapped file that has become shorter is an error.
func TestTruncated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mapped")
	if err := os.WriteFile(path, []byte("contents"), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	mapped, err := unix.Mmap(int(f.Fd()), 0, 8, unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(mapped)
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	sum := byte(0)
	err = Recover(func() error { sum += mapped[0]; return nil })
	if !errors.Is(err, ErrTruncated) {
		t.Errorf("got %v, %d", err, sum)
	}
}
