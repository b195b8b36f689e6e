// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import "testing"

// No rule of upstream's leaves out BTF, with or without LTO. doctor tests rules that do.
func TestUpstreamSkipsNothing(t *testing.T) {
	for _, f := range forms()[1:] {
		text := shapedTree(t, f, "savedcmd_")[modfinal]
		for _, lto := range []string{"", "LTO", "LTO_CLANG", "LTO_CLANG_THIN", "LTO_NONE"} {
			symbols := map[string]string{"DEBUG_INFO_BTF_MODULES": "y", lto: "y"}
			if skip := Skips(text, symbols); skip != nil {
				t.Errorf("%s, %s: %+v", f.name(), lto, skip)
			}
		}
		if skip := Skips(text, nil); skip == nil || skip.Condition != "ifdef CONFIG_DEBUG_INFO_BTF_MODULES" {
			t.Errorf("%s without BTF: %+v", f.name(), skip)
		}
	}
}
