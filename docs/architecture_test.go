// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package docs

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// testOnly are packages that only tests import.
var testOnly = []string{
	"internal/btfraw/btfrawtest", "internal/bzimage/bzimagetest", "internal/cli/clitest",
	"internal/elfimage/elftest", "internal/fetchtest", "internal/tooltest",
}

// TestArchitecture compares the graph in CONTRIBUTING.md with the imports: an arrow for each import
// that does not follow from others.
func TestArchitecture(t *testing.T) {
	text, err := os.ReadFile("../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	graph := regexp.MustCompile("(?s)```mermaid\ngraph TD\n(.*?)```").FindSubmatch(text)
	if graph == nil {
		t.Fatal("CONTRIBUTING.md has no graph")
	}
	var got []string
	for _, line := range strings.Split(strings.TrimSpace(string(graph[1])), "\n") {
		got = append(got, strings.TrimSpace(line))
	}
	want := arrows(t)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-imports +CONTRIBUTING.md\n%s", diff)
	}
}

// arrows returns the transitive reduction of the imports among our packages, in Mermaid's syntax.
func arrows(t *testing.T) (lines []string) {
	t.Helper()
	const module = "github.com/kbtf/kbtf"
	imports := map[string][]string{}
	out := run(t, "..", "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	for line := range strings.Lines(out) {
		words := strings.Fields(line)
		for i := range words {
			if words[i] == module {
				words[i] = "kbtf"
			}
			words[i] = strings.TrimPrefix(words[i], module+"/")
		}
		imports[words[0]] = words[1:]
	}
	for name := range imports {
		if slices.Contains(testOnly, name) || strings.HasPrefix(name, "scripts") || name == "docs" {
			delete(imports, name)
		}
	}
	for name, list := range imports {
		imports[name] = slices.DeleteFunc(list, func(to string) bool { return imports[to] == nil })
	}
	var reaches func(from, to string) bool
	reaches = func(from, to string) bool {
		return slices.ContainsFunc(imports[from], func(next string) bool { return next == to || reaches(next, to) })
	}
	short := func(name string) string { return strings.TrimPrefix(name, "internal/") }
	for from, list := range imports {
		for _, to := range list {
			if !slices.ContainsFunc(list, func(other string) bool { return other != to && reaches(other, to) }) {
				lines = append(lines, short(from)+" --> "+short(to))
			}
		}
	}
	slices.Sort(lines)
	return lines
}
