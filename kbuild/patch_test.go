// SPDX-License-Identifier: GPL-2.0-only

package kbuild

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write ../patches from the real trees")

// git runs git in dir, with nothing of the user's configuration.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{
		"-c", "user.name=tester", "-c", "user.email=tester@example.org"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// What git am makes of the mail is what Apply writes, and git agrees with the
// mail's diffstat and its names of blobs.
func TestPatchIsForGit(t *testing.T) {
	for _, e := range Encoders {
		t.Run(string(e), func(t *testing.T) {
			s := shapedTree(t, forms()[len(forms())-1], "savedcmd_")
			dir := writeTree(t, s)
			p, err := NewPlan(dir, Wiring{e, InKbuildInclude})
			if err != nil {
				t.Fatal(err)
			}
			mail := filepath.Join(t.TempDir(), "mail")
			if err := WriteFile(mail, p.Patch()); err != nil {
				t.Fatal(err)
			}
			git(t, dir, "init", "-q")
			git(t, dir, "add", "-A")
			git(t, dir, "commit", "-q", "-m", "base")
			git(t, dir, "am", "-q", mail)

			if subject := git(t, dir, "log", "-1", "--format=%s"); subject != "kbuild: Generate split BTF for kernel modules with "+string(e)+"\n" {
				t.Errorf("subject %q", subject)
			}
			for path, want := range after(s, p) {
				got, err := os.ReadFile(filepath.Join(dir, path))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, string(got)); diff != "" {
					t.Errorf("%s:\n%s", path, diff)
				}
			}
			_, stat, _ := strings.Cut(p.Patch(), "\n---\n")
			stat, diff, _ := strings.Cut(stat, "\n\n")
			if want := git(t, dir, "diff", "--stat", "HEAD~"); stat+"\n" != want {
				t.Errorf("diffstat\n%s\nwant\n%s", stat, want)
			}
			var index []string
			for _, line := range strings.Split(diff, "\n") {
				if strings.HasPrefix(line, "index ") {
					index = append(index, line)
				}
			}
			for i, c := range p.Changes {
				if want := git(t, dir, "diff", "--abbrev=12", "HEAD~", "--", c.Path); !strings.Contains(want, "\n"+index[i]+"\n") {
					t.Errorf("%s is not in\n%s", index[i], want)
				}
			}
		})
	}
}

// The kernel's checkers and mailers want short lines and no trailing blanks.
func TestPatchText(t *testing.T) {
	for _, w := range []Wiring{btfKo, pahole} {
		for _, f := range forms() {
			p, err := shapedTree(t, f, "cmd_").plan("tree", w)
			must(t, err)
			message, diff, _ := strings.Cut(p.Patch(), "\n---\n")
			for _, line := range strings.Split(message, "\n") {
				if len(line) > 76 {
					t.Errorf("message line of %d characters: %s", len(line), line)
				}
			}
			for _, line := range strings.Split(diff, "\n") {
				if strings.HasPrefix(line, "+") && line != strings.TrimRight(line, " \t") {
					t.Errorf("trailing blanks: %q", line)
				}
			}
		}
	}
}

// realTrees are kernel trees that scripts/fetch gets, and the folders of their
// patches.
var realTrees = []struct{ input, folder string }{
	{"linux-orig-5.10", "5.10-vanilla"},
	{"linux-source-5.10", "5.10-debian"},
	{"linux-orig-6.1", "6.1-vanilla"},
	{"linux-source-6.1", "6.1-debian"},
	{"linux-orig-6.12", "6.12-vanilla"},
	{"linux-source-6.12", "6.12-debian"},
	{"linux-orig-7.2", "7.2-vanilla"},
	{"linux-source-7.2", "7.2-debian"},
}

// fetch is the directory of a real input.
func fetch(t *testing.T, input string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("downloads a kernel tree")
	}
	cmd := exec.Command("../scripts/fetch", input)
	cmd.Stderr = os.Stderr // progress
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("scripts/fetch %s: %v", input, err)
	}
	return strings.TrimSpace(string(out))
}

// patchNames are the patches in each folder.
var patchNames = map[string]Wiring{
	"btf-ko.patch":                {BTFKo, InModfinal},
	"btf-ko-kbuild-include.patch": {BTFKo, InKbuildInclude},
	"pahole.patch":                {Pahole, InModfinal},
	"pahole-kbuild-include.patch": {Pahole, InKbuildInclude},
}

// ../patches holds what real trees get, and in README.md of which version of
// each. After a wanted change: go test ./kbuild -run TestRealTrees -update
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
		kernel := fetch(t, tree.input)
		version, err := os.ReadFile(filepath.Join(kernel, ".fetched"))
		must(t, err)
		row := fmt.Sprintf("| %s | %s |", tree.folder, strings.TrimSpace(string(version)))
		table += row + "\n"
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
				want, got := string(mail), p.Patch()
				if !*update && !strings.Contains(string(text), row) {
					// The mirror has a later version: what surrounds the edits may have moved.
					want, got = unplaced.ReplaceAllString(want, ""), unplaced.ReplaceAllString(got, "")
					file = filepath.Join(t.TempDir(), "patch")
					must(t, WriteFile(file, p.Patch()))
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s is out of date:\n%s", file, diff)
				}
				for _, tool := range [][]string{{"git", "apply"}, {"patch", "-s", "-p1"}} {
					applies(t, s, p, tool, file)
				}
			})
		}
	}
	if *update {
		must(t, WriteFile(index, head+table))
	}
}

const indexHead = "| folder | made from |\n|---|---|\n"

// unplaced is what a diff says of places and of the rest of files.
var unplaced = regexp.MustCompile(`(?m)^(index .*|@@ .*|[ ].*)\n`)

// applies checks that a tool makes of the tree what the plan says, that this
// is found, and that both the tool and Revert take it back to the byte.
func applies(t *testing.T, s sources, p *Plan, tool []string, file string) {
	t.Helper()
	mail, err := os.Open(file)
	must(t, err)
	defer mail.Close()
	run := func(dir string, command ...string) {
		t.Helper()
		_, err := mail.Seek(0, io.SeekStart)
		must(t, err)
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Dir, cmd.Stdin = dir, mail
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, out)
		}
	}
	dir := writeTree(t, s)
	before := listing(t, dir)
	run(dir, tool...)
	applied, err := Applied(dir)
	if err != nil || applied == nil {
		t.Fatalf("%s applied it, but it is not found: %v", tool[0], err)
	}
	if diff := cmp.Diff(p, applied); diff != "" {
		t.Errorf("%s made another plan of it:\n%s", tool[0], diff)
	}
	must(t, applied.Revert(dir))
	if diff := cmp.Diff(before, listing(t, dir)); diff != "" {
		t.Errorf("reverted:\n%s", diff)
	}
	run(dir, tool...)
	run(dir, append(slices.Clone(tool), "-R")...)
	if diff := cmp.Diff(before, listing(t, dir)); diff != "" {
		t.Errorf("%s -R:\n%s", tool[0], diff)
	}
}
