// SPDX-License-Identifier: GPL-2.0-only

package kbuild

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
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
			s := smallTree(t)
			dir := writeTree(t, s)
			p, err := NewPlan(dir, e)
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
			for i, path := range []string{kconfigDebug, modfinal} {
				if want := git(t, dir, "diff", "--abbrev=12", "HEAD~", "--", path); !strings.Contains(want, "\n"+index[i]+"\n") {
					t.Errorf("%s is not in\n%s", index[i], want)
				}
			}
		})
	}
}

// The kernel's checkers and mailers want short lines and no trailing blanks.
func TestPatchText(t *testing.T) {
	p, err := smallTree(t).plan("tree", Pahole)
	if err != nil {
		t.Fatal(err)
	}
	message, _, _ := strings.Cut(p.Patch(), "\n---\n")
	for _, line := range strings.Split(message, "\n") {
		if len(line) > 76 {
			t.Errorf("message line of %d characters: %s", len(line), line)
		}
	}
	for _, text := range []string{kconfigFragment(Pahole), modfinalFragment(Pahole, features{paholeFlags: true})} {
		for _, line := range strings.Split(text, "\n") {
			if line != strings.TrimRight(line, " \t") {
				t.Errorf("trailing blanks: %q", line)
			}
		}
	}
}

// realTrees are kernel trees that scripts/fetch gets, and the folder and name
// of their patches.
var realTrees = []struct{ input, patch string }{
	{"linux-orig-5.10", "5.10/vanilla"},
	{"linux-source-5.10", "5.10/debian"},
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

// ../patches holds what real trees get. After a wanted change:
// go test ./kbuild -run TestRealTrees -update
func TestRealTrees(t *testing.T) {
	for _, tree := range realTrees {
		for _, e := range Encoders {
			name := tree.patch + ".patch"
			if e == Pahole {
				name = tree.patch + "-pahole.patch"
			}
			t.Run(name, func(t *testing.T) {
				// A copy of the build files: the cache is for everyone.
				s, err := readTree(fetch(t, tree.input))
				if err != nil {
					t.Fatal(err)
				}
				dir := writeTree(t, s)
				before := listing(t, dir)
				p, err := NewPlan(dir, e)
				if err != nil {
					t.Fatal(err)
				}
				file := filepath.Join("..", "patches", name)
				if *update {
					if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := WriteFile(file, p.Patch()); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), p.Patch()); diff != "" {
					t.Errorf("%s is out of date:\n%s", file, diff)
				}

				mail, err := filepath.Abs(file)
				if err != nil {
					t.Fatal(err)
				}
				git(t, dir, "apply", mail)
				applied, err := Applied(dir)
				if err != nil || applied == nil {
					t.Fatalf("git applied it, but it is not found: %v", err)
				}
				if err := applied.Revert(dir); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(before, listing(t, dir)); diff != "" {
					t.Errorf("reverted:\n%s", diff)
				}
			})
		}
	}
}
