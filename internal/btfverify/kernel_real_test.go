// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package btfverify

import (
	"encoding/binary"
	"strings"
	"testing"
)

// TestRunningKernel loads the BTF of TestForm into the running kernel, which has to refuse what
// Verify refuses.
func TestRunningKernel(t *testing.T) {
	running, err := AskRunning()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("Linux %s", running.Release)
	for _, test := range formTests {
		if test.kernel != "" && !strings.HasPrefix(running.Release, test.kernel+".") {
			continue
		}
		t.Run(test.name, func(t *testing.T) {
			if err := running.Load(test.bytes(binary.NativeEndian)); (err != nil) != (len(test.want) > 0) {
				t.Errorf("%v; want: %q", err, test.want)
			}
		})
	}
}
