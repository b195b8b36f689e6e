// SPDX-License-Identifier: GPL-2.0-only

package kbuild

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const builtWithBTF = "CONFIG_DEBUG_INFO_BTF=y\nCONFIG_DEBUG_INFO_BTF_MODULES=y\n"

// headersOf are the files of a tree's headers that distributions install: Debian's Makefile is one line, others have all makefiles and
// Kconfig files.
func headersOf(t *testing.T, s sources, config string) string {
	t.Helper()
	headers := sources{autoConf: config, topMakefile: "include /usr/src/linux-headers-common/Makefile\n"}
	for path, text := range s {
		if filepath.Dir(path) == "scripts" {
			headers[path] = text
		}
	}
	return writeTree(t, headers)
}

// Headers get the rule; how they were configured is not for us to change.
func TestHeaders(t *testing.T) {
	for _, f := range forms()[1:] {
		for _, w := range []Wiring{{BTFKo, InModfinal}, {BTFKo, InKbuildInclude}, {Pahole, InModfinal}} {
			s := shapedTree(t, f, "cmd_")
			full, err := s.plan("tree", w)
			must(t, err)
			want := map[string]string{}
			for _, c := range full.Changes {
				if filepath.Dir(c.Path) == "scripts" {
					want[c.Path] = c.New
				}
			}

			dir := headersOf(t, s, builtWithBTF)
			p, err := NewPlan(dir, w)
			if err != nil {
				t.Fatalf("%s %v: %v", f.name(), w, err)
			}
			for _, c := range p.Changes {
				if want[c.Path] != c.New {
					t.Errorf("%s %v: %s is changed to something else than in a full tree", f.name(), w, c.Path)
				}
				delete(want, c.Path)
			}
			if len(want) > 0 {
				t.Errorf("%s %v: %d files in scripts/ are not changed", f.name(), w, len(want))
			}
			if strings.Contains(p.Patch(), "kconfig-probe, which answers") {
				t.Errorf("%s %v: the patch tells of Kconfig", f.name(), w)
			}

			must(t, p.Apply(dir))
			applied, err := Applied(dir)
			if err != nil || applied == nil || applied.Wiring != w && f.genBTF == "" {
				t.Fatalf("%s %v: applied, but found %v, %v", f.name(), w, applied, err)
			}
			must(t, applied.Revert(dir))
			for path, text := range s {
				if got, err := os.ReadFile(filepath.Join(dir, path)); err == nil && filepath.Dir(path) == "scripts" && string(got) != text {
					t.Fatalf("%s %v: %s is not as it was\n%s", f.name(), w, path, cmp.Diff(text, string(got)))
				}
			}
		}
	}
}

func TestWhatAreHeaders(t *testing.T) {
	s := shapedTree(t, forms()[len(forms())-1], "savedcmd_")
	for _, test := range []struct {
		name  string
		files sources
		want  bool
	}{
		{"a tree that was built", sources{autoConf: builtWithBTF, "init/main.c": ""}, false},
		{"a tree that was not", sources{"init/main.c": ""}, false},
		{"build files alone", nil, false},
		{"headers with all makefiles and Kconfig files", sources{autoConf: builtWithBTF}, true},
	} {
		tree := sources{}
		for path, text := range s {
			tree[path] = text
		}
		for path, text := range test.files {
			tree[path] = text
		}
		read, err := readTree(writeTree(t, tree))
		if err != nil || read.areHeaders() != test.want {
			t.Errorf("%s: headers: %v, %v", test.name, read.areHeaders(), err)
		}
	}

	_, err := NewPlan(headersOf(t, s, "CONFIG_DEBUG_INFO_BTF=y\n# CONFIG_DEBUG_INFO_BTF_MODULES is not set\n"), btfKo)
	if err == nil || !strings.HasSuffix(err.Error(), "/include/config/auto.conf: has no CONFIG_DEBUG_INFO_BTF_MODULES=y: the kernel of these headers takes no BTF of modules") {
		t.Errorf("not configured: %v", err)
	}
	_, err = NewPlan(headersOf(t, shapedTree(t, forms()[0], "cmd_"), builtWithBTF), btfKo)
	if err == nil || !strings.Contains(err.Error(), "scripts/Makefile.modfinal: gives modules no BTF, but include/config/auto.conf has CONFIG") {
		t.Errorf("configured, but not wired: %v", err)
	}
	dir := headersOf(t, s, builtWithBTF)
	must(t, os.Remove(filepath.Join(dir, modfinal)))
	if _, err := NewPlan(dir, btfKo); err == nil || !strings.Contains(err.Error(), "scripts/Makefile.modfinal: does not exist: these headers are incomplete") {
		t.Errorf("without scripts/Makefile.modfinal: %v", err)
	}
}
