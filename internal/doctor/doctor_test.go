// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package doctor

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/kbtf/kbtf/kbuild"
	"github.com/kbtf/kbtf/probe"
)

func parsed(t *testing.T, text string) probe.Version {
	t.Helper()
	v, err := probe.ParseVersion(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// paholeOn returns a diagnosis of a version of pahole and a tree, with the text of the tree's scripts.
func paholeOn(t *testing.T, text string, major, minor uint64, scripts string) *Diagnosis {
	t.Helper()
	return &Diagnosis{
		Encoder: Encoder{Name: probe.Pahole, parsed: parsed(t, text), readable: true},
		Tree:    &Tree{release: linux(major, minor), scripts: scripts},
	}
}

func TestDefectsAreReportedWhereTheyApply(t *testing.T) {
	const old, flags = "", "--skip_encoding_btf_vars --skip_encoding_btf_enum64"
	gen := func(d *Diagnosis) { d.Config = &Config{all: map[string]string{"GENDWARFKSYMS": "y", "X86": "y"}} }
	none := func(*Diagnosis) {}
	tests := []struct {
		pahole       string
		major, minor uint64
		scripts      string
		change       func(*Diagnosis)
		want         string // part of the only finding; empty for none
	}{
		{"v1.17", 5, 11, old, none, ""},
		{"v1.18", 5, 11, old, none, "size zero"},
		{"v1.18-rc1", 5, 11, old, none, ""},
		{"v1.21", 5, 11, old, none, "size zero"},
		{"v1.21.3", 5, 11, old, none, "size zero"},
		{"v1.22-rc1", 5, 11, old, none, "size zero"},
		{"v1.21", 5, 11, flags, none, ""},
		{"v1.22", 5, 11, old, none, ""},
		{"v1.23", 5, 10, old, none, ""},
		{"v1.24", 5, 10, old, none, "ENUM64"},
		{"v1.24-12-gabc123", 5, 10, old, none, "ENUM64"},
		{"v1.24-rc1", 5, 10, old, none, ""},
		{"v1.30", 5, 19, old, none, "ENUM64"},
		{"v2.0", 5, 19, old, none, "ENUM64"},
		{"v1.24", 5, 10, flags, none, ""},
		{"v1.24", 6, 0, old, none, ""},
		{"v1.27", 6, 12, old, none, "6 to 7 GB"},
		{"v1.28", 6, 12, old, none, ""},
		{"v1.28", 6, 15, old, gen, "GENDWARFKSYMS"},
		{"v1.29", 6, 15, old, gen, "GENDWARFKSYMS"},
		{"v1.30", 6, 15, old, gen, ""},
		{"v1.28", 6, 12, "--btf_features=x -j$(JOBS)", none, "not reproducible"},
		{"v1.28", 6, 12, "pahole -jobless", none, ""},
		{"v1.29", 6, 12, "-j$(JOBS)", none, ""},
		{"v1.32", 7, 2, old, func(d *Diagnosis) { d.Encoder.Libbpf = "1.7.0" }, "typedef"},
		{"v1.32", 7, 2, old, func(d *Diagnosis) { d.Encoder.Libbpf = "1.7.1" }, ""},
		{"btf-ko v0.1.0", 5, 10, old, func(d *Diagnosis) { d.Encoder.Name = probe.BTFKo }, ""},
	}
	for _, test := range tests {
		d := paholeOn(t, test.pahole, test.major, test.minor, test.scripts)
		test.change(d)
		d.defects()
		var texts []string
		for _, f := range d.Findings {
			texts = append(texts, f.Text)
			if f.Fix == "" || f.Source == "" {
				t.Errorf("no fix or source: %+v", f)
			}
		}
		all := strings.Join(texts, "\n")
		if test.want == "" && all != "" || !strings.Contains(all, test.want) || len(texts) > 1 {
			t.Errorf("%s, Linux %d.%d, %q: %q, want %q", test.pahole, test.major, test.minor, test.scripts, all, test.want)
		}
	}
}

// smallTree copies a tree that kconfig-probe can patch.
func smallTree(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../kbuild/testdata/small")); err != nil {
		t.Fatal(err)
	}
	edit(t, filepath.Join(dir, "Makefile"), func(s string) string {
		return "VERSION = 5\nPATCHLEVEL = 10\nSUBLEVEL = 7\nEXTRAVERSION = -rc1\n" + s
	})
	return dir
}

func edit(t *testing.T, path string, change func(string) string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(change(string(text))), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestWiring(t *testing.T) {
	recognised := func(dir string) *Tree {
		t.Helper()
		tree, err := readTree(dir)
		if err != nil {
			t.Fatal(err)
		}
		return tree
	}
	dir := smallTree(t)
	modfinal := filepath.Join(dir, "scripts/Makefile.modfinal")
	if tree := recognised(dir); tree.Wiring != Absent || tree.Version != "5.10.7-rc1" || tree.Reason != "" {
		t.Errorf("before: %+v", tree)
	}
	for _, e := range kbuild.Encoders {
		plan, err := kbuild.NewPlan(dir, kbuild.Wiring{Encoder: e, Helper: kbuild.InModfinal})
		if err != nil {
			t.Fatal(err)
		}
		if err := plan.Apply(dir); err != nil {
			t.Fatal(err)
		}
		if tree := recognised(dir); tree.Wiring != Ours || tree.Encoder != string(e) {
			t.Errorf("patched for %s: %+v", e, tree)
		}
		if e == kbuild.Encoders[len(kbuild.Encoders)-1] {
			break
		}
		if err := plan.Revert(dir); err != nil {
			t.Fatal(err)
		}
	}
	// An edited rule looks like upstream's, but the tree cannot be patched.
	edit(t, modfinal, func(s string) string { return strings.Replace(s, "BTF [M]", "BTF  [M]", 1) })
	if tree := recognised(dir); tree.Wiring != Upstream || tree.Reason == "" {
		t.Errorf("changed: %+v", tree)
	}
	edit(t, modfinal, func(s string) string {
		return strings.Replace(s, "call if_changed_except,ld_ko_o,", "call if_changed_except,ld_ko_o,$(objtree)/vmlinux", 1)
	})
	if tree := recognised(dir); tree.Wiring != Broken {
		t.Errorf("objtree: %+v", tree)
	}
	edit(t, modfinal, func(s string) string { return strings.ReplaceAll(s, "cmd_btf_ko", "cmd_other") })
	if tree := recognised(dir); tree.Wiring != HalfPatched {
		t.Errorf("no command: %+v", tree)
	}
	// Headers: a stub Makefile, auto.conf instead of Kconfig files.
	headers := smallTree(t)
	if err := os.Remove(filepath.Join(headers, "lib/Kconfig.debug")); err != nil {
		t.Fatal(err)
	}
	edit(t, filepath.Join(headers, "Makefile"), func(string) string {
		return "include /usr/src/linux-headers-common/Makefile\n"
	})
	edit(t, filepath.Join(headers, "scripts/Makefile.modfinal"), func(s string) string {
		return s + "      cmd_btf_ko = $(PAHOLE) -J $@\n"
	})
	err := os.CopyFS(headers, fstest.MapFS{
		"include/config/auto.conf":      {Data: []byte("CONFIG_DEBUG_INFO_BTF=y\nCONFIG_DEBUG_INFO_BTF_MODULES=y\n")},
		"include/config/kernel.release": {Data: []byte("6.12.117+deb12-cloud-amd64\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	tree := recognised(headers)
	if tree.Wiring != Upstream || tree.Version != "6.12.117+deb12-cloud-amd64" || !tree.headers ||
		tree.is("< 6.12") || !tree.is("< 6.13") {
		t.Errorf("headers: %+v", tree)
	}
	d := Diagnosis{Tree: tree, Config: &Config{Path: ".config", all: map[string]string{"DEBUG_INFO_BTF": "y"}}}
	d.tree()
	d.config()
	findings := fmt.Sprint(d.Findings)
	if !strings.Contains(findings, "make skips BTF of modules") ||
		strings.Contains(findings, "the next make silently drops") {
		t.Errorf("headers without vmlinux: %s", findings)
	}
	// Some distributions' headers have all makefiles and Kconfig files.
	err = os.CopyFS(headers, fstest.MapFS{"lib/Kconfig.debug": {Data: []byte("config DEBUG_INFO_BTF\n")}})
	if err != nil {
		t.Fatal(err)
	}
	if tree := recognised(headers); tree.Wiring != Upstream || !tree.headers {
		t.Errorf("headers with Kconfig files: %+v", tree)
	}
	_, err = readTree(t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "not a kernel tree: Makefile: no such file") {
		t.Error(err)
	}
}

func TestStructModuleSymbols(t *testing.T) {
	header := filepath.Join(t.TempDir(), "module.h")
	const text = `#ifdef CONFIG_BEFORE
#endif
struct module {
	int state;
#if defined(CONFIG_B) || defined(CONFIG_A)
#ifdef CONFIG_B
	int b;
#endif
#endif
} ____cacheline_aligned;
#ifdef CONFIG_AFTER
#endif
`
	if err := os.WriteFile(header, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(structModuleSymbols(header), " "); got != "A B" {
		t.Error(got)
	}
}

// The version of libbpf is in the name of the file that libbpf.so.1 links to.
func TestLibbpf(t *testing.T) {
	dir := t.TempDir()
	gcc := func(args ...string) {
		t.Helper()
		cmd := exec.Command("gcc", append([]string{"-nostdlib", "-x", "c", "/dev/null", "-x", "none"}, args...)...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
		}
	}
	gcc("-shared", "-Wl,-soname,libbpf.so.1", "-o", "libbpf.so.1.4.7")
	if err := os.Symlink("libbpf.so.1.4.7", filepath.Join(dir, "libbpf.so.1")); err != nil {
		t.Fatal(err)
	}
	gcc("-Wl,--no-as-needed", "-Wl,-e,0", "-o", "uses", "libbpf.so.1")
	gcc("-shared", "-o", "without")
	for _, tt := range []struct{ program, folder, want string }{
		{"uses", dir, "1.4.7"},
		{"uses", t.TempDir(), ""},
		{"without", dir, ""},
	} {
		if got := libbpf(filepath.Join(dir, tt.program), []string{tt.folder}); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.program, got, tt.want)
		}
	}
	if got := libbpf("doctor_test.go", libraryFolders); got != "" {
		t.Errorf("text file: %q", got)
	}
}
