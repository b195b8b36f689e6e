// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package kbuild

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/kbtf/kbtf/internal/fetchtest"
)

var update = flag.Bool("update", false, "write ../patches from the real trees")

// realTrees has the names of kernel trees for scripts/fetch and the directories
// of their patches.
var realTrees = []struct{ input, folder string }{
	{"linux-orig-5.10", "5.10-vanilla"},
	{"linux-source-5.10", "5.10-debian"},
	{"linux-orig-6.1", "6.1-vanilla"},
	{"linux-source-6.1", "6.1-debian"},
	{"linux-orig-6.12", "6.12-vanilla"},
	{"linux-source-6.12", "6.12-debian"},
	{"linux-orig-7", "7.2-vanilla"},
	{"linux-source-7", "7.2-debian"},
}

// patchNames has the patches in each directory.
var patchNames = map[string]Wiring{
	"btf-ko.patch":                {BTFKo, InModfinal},
	"btf-ko-kbuild-include.patch": {BTFKo, InKbuildInclude},
	"pahole.patch":                {Pahole, InModfinal},
	"pahole-kbuild-include.patch": {Pahole, InKbuildInclude},
}

// TestRealTrees compares the patches for real trees with those in ../patches,
// whose README.md has the versions of the trees. Only the edits have to be
// equal, as newer versions may differ around them. After an intended change, run
// make patches.
func TestRealTrees(t *testing.T) {
	index := "../patches/README.md"
	text, err := os.ReadFile(index)
	must(t, err)
	head, _, found := strings.Cut(string(text), indexHead)
	if !found {
		t.Fatalf("%s has no table", index)
	}
	table := indexHead
	for _, tree := range realTrees {
		kernel := fetchtest.Path(t, tree.input)
		fetched, err := os.ReadFile(filepath.Join(kernel, ".fetched"))
		must(t, err)
		version := strings.TrimSpace(string(fetched))
		t.Log(version)
		table += fmt.Sprintf("| %s | %s |\n", tree.folder, version)
		s, err := readTree(kernel)
		must(t, err)
		for name, w := range patchNames {
			t.Run(tree.folder+"/"+name, func(t *testing.T) {
				p, err := s.plan(kernel, w)
				must(t, err)
				file, err := filepath.Abs(filepath.Join("../patches", tree.folder, name))
				must(t, err)
				if *update {
					must(t, os.MkdirAll(filepath.Dir(file), 0o755))
					must(t, WriteFile(file, p.Patch()))
				}
				mail, err := os.ReadFile(file)
				must(t, err)
				if diff := cmp.Diff(edits(string(mail)), edits(p.Patch())); diff != "" {
					t.Errorf("%s: %s differs: if intended, run make patches:\n%s", version, file, diff)
				}
				fresh := filepath.Join(t.TempDir(), "patch")
				must(t, WriteFile(fresh, p.Patch()))
				for _, tool := range [][]string{{"git", "apply"}, {"patch", "-s", "-p1"}} {
					applies(t, s, p, tool, fresh)
				}
			})
		}
	}
	if *update {
		must(t, WriteFile(index, head+table))
	}
}

const indexHead = "| folder | made from |\n|---|---|\n"
