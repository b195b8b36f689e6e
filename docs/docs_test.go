// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package docs runs the commands of the pages in this folder.
package docs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pages are the pages whose commands are run. Lines "    $ COMMAND" of a page run in one shell, in one
// folder. The lines after a command are its output on stdout and stderr. In the output, "..." matches any
// text, or any number of lines if it is alone on a line.
var pages = []string{
	"compare-encoders.md", "doctor.md", "drop-in.md", "how-it-works.md", "in-ci.md", "install.md", "look.md",
	"patch-a-tree.md", "stripped-modules.md",
}

// others are pages about long measurements, which name the tests that run them.
var others = []string{
	"deviations.md", "dialect.md", "kernels.md", "out-of-tree.md", "parity.md", "performance.md",
	"reliability.md", "verify-and-diff.md", "wiring.md",
}

func TestAllPagesAreListed(t *testing.T) {
	found, err := filepath.Glob("*.md")
	if err != nil || len(found) != len(pages)+len(others) {
		t.Errorf("%v: want %v and %v; %v", found, pages, others, err)
	}
}

// withPahole are the pages that need pahole.
var withPahole = []string{"compare-encoders.md", "doctor.md", "drop-in.md"}

// TestPages runs the pages that need only the programs, TestPagesWithPahole the others.
func TestPages(t *testing.T) {
	runPages(t, programs(t), slices.DeleteFunc(slices.Clone(pages), func(page string) bool {
		return slices.Contains(withPahole, page)
	}))
}

func runPages(t *testing.T, bin string, pages []string) {
	for _, page := range pages {
		t.Run(page, func(t *testing.T) {
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			steps := parse(string(text))
			if len(steps) == 0 {
				t.Fatal("no command")
			}
			runPage(t, steps, fixture(t, bin), bin)
		})
	}
}

type step struct {
	line    int
	command string
	want    []string
}

// parse returns the commands of a page, with their expected output.
func parse(text string) (steps []step) {
	open := false
	for i, line := range strings.Split(text, "\n") {
		code, indented := strings.CutPrefix(line, "    ")
		command, isCommand := strings.CutPrefix(code, "$ ")
		switch {
		case indented && isCommand:
			steps = append(steps, step{line: i + 1, command: command})
			open = true
		case indented && open:
			last := &steps[len(steps)-1]
			last.want = append(last.want, strings.TrimRight(code, " "))
		default:
			open = false
		}
	}
	return steps
}

// pattern returns the regular expression that the output must match.
func pattern(want []string) *regexp.Regexp {
	var s strings.Builder
	s.WriteString("^")
	for _, line := range want {
		if line == "..." {
			s.WriteString("(?:.*\n)*?")
			continue
		}
		s.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), regexp.QuoteMeta("..."), ".*") + "\n")
	}
	return regexp.MustCompile(s.String() + "$")
}

// mark separates the outputs of commands.
const mark = "@@ end of step"

func runPage(t *testing.T, steps []step, dir, bin string) {
	t.Helper()
	var script strings.Builder
	script.WriteString("set -eu\n")
	for _, s := range steps {
		fmt.Fprintf(&script, "%s\necho '%s'\n", s.command, mark)
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("bash", "-c", script.String())
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "KBTF="+root, "LC_ALL=C",
		"KBTF_BASE_CACHE=off", "PAHOLE=", "MAKEFLAGS=")
	out, err := cmd.CombinedOutput()
	outputs := strings.Split(string(out), mark+"\n")
	for i, s := range steps {
		if i >= len(outputs)-1 {
			t.Fatalf("line %d: %s\n%v\n%s", s.line, s.command, err, outputs[len(outputs)-1])
		}
		// Pages have no trailing blanks.
		got := regexp.MustCompile(`(?m)[ \t]+$`).ReplaceAllString(outputs[i], "")
		if !pattern(s.want).MatchString(got) {
			t.Errorf("line %d: %s\ngot:\n%s\nwant:\n%s", s.line, s.command, got, strings.Join(s.want, "\n"))
		}
	}
}

func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// programs builds the programs, laid out as installed, and returns their directory.
func programs(t *testing.T) (bin string) {
	t.Helper()
	prefix := t.TempDir()
	bin = filepath.Join(prefix, "bin")
	run(t, ".", "go", "build", "-o", bin+"/", "../cmd/btf-ko", "../cmd/kconfig-probe")
	if err := os.MkdirAll(filepath.Join(prefix, "lib/kbtf"), 0o755); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{
		filepath.Join(prefix, "lib/kbtf/pahole"):         "../../bin/btf-ko",
		filepath.Join(prefix, "lib/kbtf/resolve_btfids"): "../../bin/btf-ko",
	} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	return bin
}

// fixture creates the files that pages use: linux, a tree like 5.10; vmlinux with BTF, and the same BTF in
// vmlinux.btf; the modules dummy.ko and xfs.ko; boot-config, a configuration with BTF for modules.
func fixture(t *testing.T, bin string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	sources, err := filepath.Abs("../testdata/c")
	if err != nil {
		t.Fatal(err)
	}
	for _, unit := range []string{"vmlinux", "ring", "echo"} {
		run(t, dir, "gcc", "-c", "-gdwarf-5", "-O2", "-ffreestanding", "-fno-pic", "-fno-pie",
			"-fno-asynchronous-unwind-tables", "-o", unit+".o", filepath.Join(sources, unit+".c"))
	}
	run(t, dir, "ld", "-e", "start_kernel", "-o", "vmlinux", "vmlinux.o")
	run(t, dir, "ld", "-r", "-o", "dummy.ko", "ring.o")
	run(t, dir, "ld", "-r", "-o", "xfs.ko", "echo.o")
	run(t, dir, filepath.Join(bin, "btf-ko"), "vmlinux")
	run(t, dir, "objcopy", "--dump-section", ".BTF=vmlinux.btf", "vmlinux", "ignored")
	linux := filepath.Join(dir, "linux")
	if err := os.CopyFS(linux, os.DirFS("../testdata/minitree")); err != nil {
		t.Fatal(err)
	}
	run(t, linux, "chmod", "+x", "scripts/syncconfig")
	config, err := os.ReadFile(filepath.Join(linux, "defconfig"))
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile(filepath.Join(linux, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		filepath.Join(linux, ".config"):   string(config),
		filepath.Join(linux, "Makefile"):  "VERSION = 5\nPATCHLEVEL = 10\nSUBLEVEL = 223\n" + string(makefile),
		filepath.Join(dir, "boot-config"): string(config) + "CONFIG_DEBUG_INFO_BTF_MODULES=y\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
