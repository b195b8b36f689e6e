// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encoder

import (
	"slices"
	"testing"
)

// Unknown kernels have the flags of the newest known one.
func TestFlagsByVersion(t *testing.T) {
	for kernel, newest := range map[string]bool{
		"5.10": false, "6.1": false, "6.12": false, "6.12-cloud": false, "6.12.117": false,
		"6.18": true, "7": true, "7-cloud": true, "7.2": true, "7.3.1": true, "10.0": true, "": true,
	} {
		if got := slices.Contains(Flags(kernel), "--btf_features=attributes"); got != newest {
			t.Errorf("%q: attributes %v, want %v", kernel, got, newest)
		}
	}
}
