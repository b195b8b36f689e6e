// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package bzimage

import (
	"bytes"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/bzimage/bzimagetest"
)

// FuzzVmlinux opens arbitrary bytes as a bootable kernel. The result must be an ELF file or a one-line error.
func FuzzVmlinux(f *testing.F) {
	for _, payload := range [][]byte{[]byte(vmlinux), gzipped(f), zstandard(f), xz(f)} {
		data := bzimagetest.Image(payload)
		f.Add(data[:len(data)-len(payload)], payload)
		f.Add(data, []byte(nil))
	}
	f.Fuzz(func(t *testing.T, head, payload []byte) {
		t.Setenv("PATH", "/nowhere") // no programs
		for _, data := range [][]byte{append(bytes.Clone(head), payload...), bzimagetest.Image(payload)} {
			if release := Release(data); len(release) > 256 || strings.ContainsAny(release, " \x00") {
				t.Errorf("release %q", release)
			}
			got, err := Vmlinux(data)
			switch {
			case err != nil && strings.Contains(err.Error(), "\n"):
				t.Errorf("refused with %q", err)
			case err == nil && !bytes.HasPrefix(got, []byte("\x7fELF")):
				t.Errorf("got % x ...", got[:min(len(got), 16)])
			}
		}
	})
}
