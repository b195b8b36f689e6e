// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package kbuild

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/fetchtest"
)

// wantedConfig enables BTF in all trees.
const wantedConfig = `CONFIG_64BIT=y
CONFIG_MODULES=y
CONFIG_DEBUG_KERNEL=y
CONFIG_DEBUG_INFO=y
CONFIG_DEBUG_INFO_DWARF4=y
CONFIG_BPF_SYSCALL=y
CONFIG_DEBUG_INFO_BTF=y
`

// configuredTree is a patched kernel tree for Kconfig. It has links to the files
// of a real tree.
type configuredTree struct {
	t           *testing.T
	kernel      string  // real tree
	s           sources // of the real tree
	src, out    string
	bin, pahole string // directory in PATH, and pahole in it
}

func newConfiguredTree(t *testing.T, kernel string) *configuredTree {
	t.Helper()
	s, err := readTree(kernel)
	must(t, err)
	tree := &configuredTree{
		t: t, kernel: kernel, s: s,
		src: t.TempDir(), out: t.TempDir(), bin: t.TempDir(),
	}
	tree.pahole = filepath.Join(tree.bin, "pahole")
	for _, dir := range []string{".", "lib", "scripts"} {
		must(t, os.MkdirAll(filepath.Join(tree.src, dir), 0o755))
		entries, err := os.ReadDir(filepath.Join(kernel, dir))
		must(t, err)
		for _, e := range entries {
			name := filepath.Join(dir, e.Name())
			if name != "lib" && name != "scripts" && s[name] == "" {
				must(t, os.Symlink(filepath.Join(kernel, name), filepath.Join(tree.src, name)))
			}
		}
	}
	probe := exec.Command("go", "build", "-o", tree.bin, "../cmd/kconfig-probe")
	if out, err := probe.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return tree
}

// wire patches the tree.
func (tree *configuredTree) wire(w Wiring) {
	tree.t.Helper()
	p, err := tree.s.plan(tree.kernel, w)
	must(tree.t, err)
	for path, text := range after(tree.s, p) {
		must(tree.t, os.WriteFile(filepath.Join(tree.src, path), []byte(text), 0o755))
	}
}

// probe installs kconfig-probe, or removes it.
func (tree *configuredTree) probe(installed bool) {
	from, to := filepath.Join(tree.bin, "kconfig-probe"), filepath.Join(tree.bin, "removed")
	if installed {
		from, to = to, from
	}
	must(tree.t, os.Rename(from, to))
}

// tool installs a program that prints a version. With version "" it removes the
// program, with "broken" the program fails.
func (tree *configuredTree) tool(name, version string) {
	path := filepath.Join(tree.bin, name)
	switch version {
	case "":
		_ = os.Remove(path)
	case "broken":
		must(tree.t, os.WriteFile(path, []byte("#!/bin/sh\nexit 1\n"), 0o755))
	default:
		must(tree.t, os.WriteFile(path, []byte("#!/bin/sh\necho "+version+"\n"), 0o755))
	}
}

// make runs make in the tree and returns its output.
func (tree *configuredTree) make(goal string) (string, error) {
	cmd := exec.Command("make", "-s", "-C", tree.src, "O="+tree.out, "PAHOLE="+tree.pahole, goal)
	inherited := slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "MAKE")
	})
	cmd.Env = append(inherited, "PATH="+tree.bin+":/usr/bin:/bin", "ARCH=x86", "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// config runs a goal of Kconfig with wantedConfig as .config.
func (tree *configuredTree) config(goal string) string {
	tree.t.Helper()
	must(tree.t, os.WriteFile(filepath.Join(tree.out, ".config"), []byte(wantedConfig), 0o644))
	out, err := tree.make(goal)
	if err != nil {
		tree.t.Fatalf("make %s: %v\n%s", goal, err, out)
	}
	return out
}

// set returns the BTF symbols that are y in a file of the output directory.
func (tree *configuredTree) set(file string) string {
	tree.t.Helper()
	text, err := os.ReadFile(filepath.Join(tree.out, file))
	must(tree.t, err)
	var set []string
	symbols := []string{"DEBUG_INFO_BTF", "PAHOLE_HAS_SPLIT_BTF", "DEBUG_INFO_BTF_MODULES"}
	for _, symbol := range symbols {
		if strings.Contains(string(text), "\nCONFIG_"+symbol+"=y\n") {
			set = append(set, symbol)
		}
	}
	return strings.Join(set, " ")
}

// TestKconfig configures patched real trees with suitable, old, missing and
// broken encoders.
func TestKconfig(t *testing.T) {
	const (
		base    = "DEBUG_INFO_BTF"
		modules = "DEBUG_INFO_BTF PAHOLE_HAS_SPLIT_BTF DEBUG_INFO_BTF_MODULES"
	)
	for _, real := range realTrees {
		kernel := fetchtest.Path(t, real.input)
		release, _, _ := strings.Cut(real.folder, "-")
		t.Run(real.folder, func(t *testing.T) {
			t.Parallel()
			tree := newConfiguredTree(t, kernel)
			tree.tool("pahole", "v1.30")
			// The strict and the batch rule have the same text for Kconfig.
			const noProbe = "without kconfig-probe"
			for _, tt := range []struct {
				rule          Rule
				encoder, want string
			}{
				{Simple, "btf-ko v0.1.0", modules},
				{Simple, noProbe, base},
				{Strict, "btf-ko v0.1.0", modules},
				{Strict, noProbe, base},
				{Strict, "v1.18", base}, // another program named btf-ko
				{Strict, "", base},
				{Strict, "broken", base},
			} {
				tree.wire(Wiring{tt.rule, BTFKo, InModfinal})
				if tt.encoder == noProbe {
					tree.probe(false)
				} else {
					tree.tool("btf-ko", tt.encoder)
				}
				tree.config("olddefconfig")
				if got := tree.set(".config"); got != tt.want {
					t.Errorf("%s: btf-ko is %q: %q, not %q", tt.rule, tt.encoder, got, tt.want)
				}
				if tt.encoder == noProbe {
					tree.probe(true)
				}
			}

			// Since 5.11 DEBUG_INFO_BTF_MODULES has a prompt. It is visible only
			// with an encoder.
			prompted := release != "5.10"
			for _, encoder := range []string{"", "btf-ko v0.1.0"} {
				tree.tool("btf-ko", encoder)
				listed := strings.Contains(tree.config("listnewconfig"), "CONFIG_DEBUG_INFO_BTF_MODULES=y")
				if want := prompted && encoder != ""; listed != want {
					t.Errorf("btf-ko is %q: listnewconfig has DEBUG_INFO_BTF_MODULES: %v, want %v",
						encoder, listed, want)
				}
			}

			// If the answer changes, the next make runs syncconfig.
			sees := func(when, want string) {
				t.Helper()
				if out, err := tree.make("include/config/auto.conf"); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				if got := tree.set("include/config/auto.conf"); got != want {
					t.Errorf("%s: make sees %q, not %q", when, got, want)
				}
			}
			tree.tool("btf-ko", "")
			tree.config("olddefconfig")
			for _, tt := range []struct{ encoder, want string }{
				{"", base}, {"btf-ko v0.1.0", modules}, {"v1.18", base}, {"btf-ko v0.1.1", modules},
			} {
				tree.tool("btf-ko", tt.encoder)
				sees("btf-ko is "+tt.encoder, tt.want)
			}
			tree.probe(false)
			sees("no kconfig-probe", base)
			tree.probe(true)
			sees("kconfig-probe is installed again", modules)

			tree.wire(pahole)
			// The minimum version of pahole for DEBUG_INFO_BTF, by release.
			minor := map[string]int{"5.10": 0, "6.1": 0, "6.12": 116, "7.2": 122}[release]
			good := modules
			if release == "7.2" {
				// There is no symbol, as the minimum version supports split BTF.
				good = strings.Replace(modules, "PAHOLE_HAS_SPLIT_BTF ", "", 1)
			}
			for _, tt := range []struct {
				encoder string
				numeric int
				want    string
			}{
				{"v1.30", 130, good},
				{"v1.18", 118, base},
				{"", 0, base},
				{"broken", 0, base},
			} {
				if tt.numeric < minor {
					tt.want = ""
				}
				tree.tool("pahole", tt.encoder)
				if tt.encoder == "broken" && (release == "6.1" || release == "6.12") {
					// A bug of these trees: pahole-version.sh prints nothing.
					out, err := tree.make("olddefconfig")
					if err == nil || !strings.Contains(out, "init/Kconfig:") {
						t.Errorf("pahole is broken: %v: %s", err, out)
					}
					continue
				}
				tree.config("olddefconfig")
				if got := tree.set(".config"); got != tt.want {
					t.Errorf("pahole is %q: %q, not %q", tt.encoder, got, tt.want)
				}
			}
		})
	}
}
