// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// git runs git in dir without the user's configuration and returns its output.
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

// TestPatchForGit checks that git am applies the patch like Apply does, and that
// diffstat and object names are git's.
func TestPatchForGit(t *testing.T) {
	for _, e := range Encoders {
		t.Run(string(e), func(t *testing.T) {
			s := shapedTree(t, forms()[len(forms())-1], "savedcmd_")
			dir := writeTree(t, s)
			p, err := NewPlan(dir, Wiring{Strict, e, InKbuildInclude})
			must(t, err)
			mail := filepath.Join(t.TempDir(), "mail")
			must(t, WriteFile(mail, p.Patch()))
			git(t, dir, "init", "-q")
			git(t, dir, "add", "-A")
			git(t, dir, "commit", "-q", "-m", "base")
			git(t, dir, "am", "-q", mail)

			want := "kbuild: Generate split BTF for kernel modules with " + string(e) + "\n"
			if subject := git(t, dir, "log", "-1", "--format=%s"); subject != want {
				t.Errorf("subject %q, want %q", subject, want)
			}
			for path, want := range after(s, p) {
				got, err := os.ReadFile(filepath.Join(dir, path))
				must(t, err)
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
				want := git(t, dir, "diff", "--abbrev=12", "HEAD~", "--", c.Path)
				if !strings.Contains(want, "\n"+index[i]+"\n") {
					t.Errorf("%s is not in\n%s", index[i], want)
				}
			}
		})
	}
}

// TestPatchText checks the style of the patch as checkpatch.pl does: short lines
// in the message and no trailing blanks.
func TestPatchText(t *testing.T) {
	for _, w := range []Wiring{btfKo, pahole} {
		for _, f := range forms() {
			p, err := shapedTree(t, f, "cmd_").plan("tree", w)
			must(t, err)
			message, diff, _ := strings.Cut(p.Patch(), "\n---\n")
			for _, line := range strings.Split(message, "\n") {
				if len(line) > 75 {
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

// applies checks that a tool applies the patch in file, that Applied recognises
// the result, and that both Revert and the tool restore the original.
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
		t.Fatalf("not recognised after %s: %v", tool[0], err)
	}
	if diff := cmp.Diff(p, applied); diff != "" {
		t.Errorf("another plan after %s:\n%s", tool[0], diff)
	}
	must(t, applied.Revert(dir))
	if diff := cmp.Diff(before, listing(t, dir)); diff != "" {
		t.Errorf("after Revert:\n%s", diff)
	}
	run(dir, tool...)
	run(dir, append(slices.Clone(tool), "-R")...)
	if diff := cmp.Diff(before, listing(t, dir)); diff != "" {
		t.Errorf("after %s -R:\n%s", tool[0], diff)
	}
}

// TestPatchApplies applies the patch for each form with git and patch.
func TestPatchApplies(t *testing.T) {
	for _, f := range forms() {
		for _, w := range []Wiring{btfKo, {Strict, BTFKo, InKbuildInclude}, pahole} {
			t.Run(fmt.Sprint(f.name(), " ", w), func(t *testing.T) {
				t.Parallel()
				s := shapedTree(t, f, "savedcmd_")
				dir := writeTree(t, s)
				p, err := NewPlan(dir, w)
				must(t, err)
				file := filepath.Join(t.TempDir(), "patch")
				must(t, WriteFile(file, p.Patch()))
				for _, tool := range [][]string{{"git", "apply"}, {"patch", "-s", "-p1"}} {
					applies(t, s, p, tool, file)
				}
			})
		}
	}
}
