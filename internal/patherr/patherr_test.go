// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package patherr

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"testing"
)

func TestPathErr(t *testing.T) {
	_, notFound := os.Open("missing")
	notLinked := os.Rename("missing", "other")
	plain := errors.New("plain")
	for _, tt := range []struct {
		err              error
		cause, pathFirst string
	}{
		{notFound, "no such file or directory", "missing: no such file or directory"},
		{fmt.Errorf("base: %w", notFound), "no such file or directory",
			"missing: no such file or directory"},
		{notLinked, "no such file or directory", "rename missing other: no such file or directory"},
		{plain, "plain", "plain"},
	} {
		if got := Cause(tt.err).Error(); got != tt.cause {
			t.Errorf("cause of %q: got %q, want %q", tt.err, got, tt.cause)
		}
		if got := PathFirst(tt.err).Error(); got != tt.pathFirst {
			t.Errorf("path of %q first: got %q, want %q", tt.err, got, tt.pathFirst)
		}
	}
	for _, err := range []error{Cause(notFound), PathFirst(notFound), Cause(notLinked)} {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v is not ErrNotExist any more", err)
		}
	}
	if Cause(nil) != nil || PathFirst(nil) != nil {
		t.Error("nil is an error")
	}
}
