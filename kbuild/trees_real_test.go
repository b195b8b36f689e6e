// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package kbuild

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
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

// patches has the patches in each directory.
var patches = []struct {
	name   string
	wiring Wiring
}{
	{"strict", Wiring{Strict, BTFKo, InModfinal}},
	{"strict-kbuild-include", Wiring{Strict, BTFKo, InKbuildInclude}},
	{"simple", Wiring{Simple, BTFKo, InModfinal}},
	{"simple-kbuild-include", Wiring{Simple, BTFKo, InKbuildInclude}},
	{"batch", Wiring{Batch, BTFKo, InModfinal}},
	{"pahole", Wiring{Strict, Pahole, InModfinal}},
	{"pahole-kbuild-include", Wiring{Strict, Pahole, InKbuildInclude}},
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
		table += fmt.Sprintf("| %s | %s |", tree.folder, version)
		s, err := readTree(kernel)
		must(t, err)
		for _, patch := range patches {
			p, err := s.planRevertible(kernel, patch.wiring)
			must(t, err)
			if !strings.Contains(patch.name, "-") {
				table += fmt.Sprintf(" %s |", lines(p))
			}
			t.Run(tree.folder+"/"+patch.name, func(t *testing.T) {
				file, err := filepath.Abs(filepath.Join("../patches", tree.folder, patch.name+".patch"))
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
				check := exec.Command("perl", filepath.Join(kernel, "scripts/checkpatch.pl"), "--no-tree", "-q", fresh)
				if out, err := check.CombinedOutput(); err != nil {
					t.Errorf("checkpatch.pl: %v\n%s", err, out)
				}
			})
		}
		table += "\n"
	}
	if *update {
		must(t, WriteFile(index, head+table))
	}
}

const indexHead = "| folder | made from | strict | simple | batch | pahole |\n|---|---|---|---|---|---|\n"

// lines returns the numbers of lines that a plan adds and removes: in
// Makefile.modfinal, and in all files.
func lines(p *Plan) string {
	var added, removed int
	rule := ""
	for _, c := range p.Changes {
		a, r := c.count()
		if c.Path == modfinal {
			rule = fmt.Sprintf("+%d -%d", a, r)
		}
		added, removed = added+a, removed+r
	}
	return fmt.Sprintf("%s (+%d -%d)", rule, added, removed)
}
