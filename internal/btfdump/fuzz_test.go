// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfdump

import (
	"io"
	"path/filepath"
	"testing"

	"github.com/kbtf/kbtf/internal/btfraw"
	"github.com/kbtf/kbtf/internal/btfverify"
)

// Whatever is read can be printed, and whatever btfverify takes has C or a reason why not.
func FuzzDump(f *testing.F) {
	dir := f.TempDir()
	source, object := filepath.Join(dir, "kinds.c"), filepath.Join(dir, "kinds.o")
	write(f, source, kindsSource)
	run(f, "gcc", "-w", "-g", "-O1", "-ffreestanding", "-fms-extensions", "-c", "-o", object, source)
	f.Add(encoded(f, object))
	kernel, err := btfverify.KernelOf("")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := btfraw.Read(data, nil)
		if err != nil {
			return
		}
		if err := Raw(io.Discard, b); err != nil {
			t.Fatal(err)
		}
		if _, problems := btfverify.Verify(data, nil, kernel); len(problems) > 0 {
			return
		}
		w := newCWriter(b)
		for r := range b.All {
			_ = w.top(r.ID)
		}
	})
}
