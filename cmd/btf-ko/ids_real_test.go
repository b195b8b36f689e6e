// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package main

import (
	"debug/elf"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
	"github.com/kbtf/kbtf/internal/fetchtest"
)

// Our .BTF_ids is that of the kernel's own program, for the same BTF.
func TestAsResolveBTFIDs(t *testing.T) {
	tool := fetchtest.Path(t, "resolve_btfids-6.12")
	for _, target := range elftest.Targets {
		t.Run(target.Name, func(t *testing.T) {
			base, module := idsModule(t, target)
			mustRun(t, "--btf_base", base, module)
			theirs := copyOf(t, module, filepath.Join(t.TempDir(), "theirs.ko"), elf.EM_NONE)
			elftest.Run(t, "", tool, "-b", base, theirs)
			mustRun(t, "--btf_base", base, "--resolve_ids", module)
			want := idWords(t, theirs)
			if diff := cmp.Diff(want, idWords(t, module)); diff != "" {
				t.Errorf("-resolve_btfids +btf-ko\n%s", diff)
			}
			mustRun(t, "--btf_base", base, "--resolve_ids", theirs)
			if diff := cmp.Diff(want, idWords(t, theirs)); diff != "" {
				t.Errorf("after resolve_btfids: -want +got\n%s", diff)
			}
		})
	}
}
