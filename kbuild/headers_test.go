// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const builtWithBTF = "CONFIG_DEBUG_INFO_BTF=y\nCONFIG_DEBUG_INFO_BTF_MODULES=y\n"

// headersOf writes the headers of a tree and returns their directory. They are
// like Debian's, whose Makefile is one line. Other distributions install all
// makefiles and Kconfig files.
func headersOf(t *testing.T, s sources, config string) string {
	t.Helper()
	headers := sources{
		autoConf:    config,
		topMakefile: "include /usr/src/linux-headers-common/Makefile\n",
	}
	v := s.release()
	headers[kernelRelease] = fmt.Sprintf("%d.%d.0-1-amd64\n", v.major, v.minor)
	maps.Copy(headers, inScripts(s))
	return writeTree(t, headers)
}

// inScripts returns the files in scripts/.
func inScripts(s sources) sources {
	files := maps.Clone(s)
	maps.DeleteFunc(files, func(path, _ string) bool { return filepath.Dir(path) != "scripts" })
	return files
}

// TestHeaders checks that headers get the same rule as a tree, and that their
// configuration is unchanged.
func TestHeaders(t *testing.T) {
	for _, f := range forms()[1:] {
		for _, w := range []Wiring{btfKo, {Strict, BTFKo, InKbuildInclude}, pahole} {
			s := shapedTree(t, f, "cmd_")
			full, err := s.plan("tree", w)
			must(t, err)

			dir := headersOf(t, s, builtWithBTF)
			p, err := NewPlan(dir, w)
			if err != nil {
				t.Fatalf("%s %v: %v", f.name(), w, err)
			}
			changed := after(sources{}, p)
			if diff := cmp.Diff(inScripts(after(sources{}, full)), changed); diff != "" {
				t.Errorf("%s %v: changes differ from those of a tree:\n%s", f.name(), w, diff)
			}
			if strings.Contains(p.message(), "kconfig-probe, which") {
				t.Errorf("%s %v: the patch mentions Kconfig", f.name(), w)
			}

			must(t, p.Apply(dir))
			applied, err := Applied(dir)
			if err != nil || applied == nil || applied.Wiring != w {
				t.Fatalf("%s %v: applied, but found %v, %v", f.name(), w, applied, err)
			}
			must(t, applied.Revert(dir))
			for path, want := range inScripts(s) {
				got, err := os.ReadFile(filepath.Join(dir, path))
				must(t, err)
				if diff := cmp.Diff(want, string(got)); diff != "" {
					t.Fatalf("%s %v: %s after Revert:\n%s", f.name(), w, path, diff)
				}
			}
		}
	}
}

func TestReadTreeOfHeaders(t *testing.T) {
	s := shapedTree(t, forms()[len(forms())-1], "savedcmd_")
	for _, test := range []struct {
		name  string
		files sources
		want  bool
	}{
		{"built tree", sources{autoConf: builtWithBTF, "init/main.c": ""}, false},
		{"tree before its first build", sources{"init/main.c": ""}, false},
		{"only build files", nil, false},
		{"headers with all makefiles and Kconfig files", sources{autoConf: builtWithBTF}, true},
	} {
		tree := maps.Clone(s)
		maps.Copy(tree, test.files)
		read, err := readTree(writeTree(t, tree))
		if err != nil || read.areHeaders() != test.want {
			t.Errorf("%s: headers: %v, %v", test.name, read.areHeaders(), err)
		}
	}
}

func TestHeadersRefused(t *testing.T) {
	wired := shapedTree(t, forms()[len(forms())-1], "savedcmd_")
	incomplete := maps.Clone(wired)
	delete(incomplete, modfinal)
	for _, tt := range []struct {
		name   string
		tree   sources
		config string
		err    string // after the directory
	}{
		{"built without module BTF", wired,
			"CONFIG_DEBUG_INFO_BTF=y\n# CONFIG_DEBUG_INFO_BTF_MODULES is not set\n",
			"/include/config/auto.conf: CONFIG_DEBUG_INFO_BTF_MODULES is not set: " +
				"use headers of a kernel that supports module BTF"},
		{"no rule for module BTF", shapedTree(t, forms()[0], "cmd_"), builtWithBTF,
			"/scripts/Makefile.modfinal: does not define cmd_btf_ko, but include/config/auto.conf " +
				"sets CONFIG_DEBUG_INFO_BTF_MODULES: reinstall the headers"},
		{"no Makefile.modfinal", incomplete, builtWithBTF,
			"/scripts/Makefile.modfinal: does not exist: incomplete headers: install the package " +
				"with their scripts/ (linux-headers, linux-kbuild or kernel-devel)"},
	} {
		dir := headersOf(t, tt.tree, tt.config)
		if _, err := NewPlan(dir, btfKo); err == nil || err.Error() != dir+tt.err {
			t.Errorf("%s: got %v\nwant %s", tt.name, err, dir+tt.err)
		}
	}
}
