// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// edits returns the lines that a patch removes and adds, in order, by file; the
// message is in "". Line numbers, context, object names and the diffstat, which
// depend on the rest of the tree, are not included.
func edits(patch string) map[string][]string {
	message, diff, _ := strings.Cut(patch, "\n---\n")
	found := map[string][]string{"": strings.Split(message, "\n")}
	file := ""
	before, after := 0, 0 // remaining lines of the hunk
	for _, line := range strings.Split(diff, "\n") {
		switch {
		case before+after == 0:
			if name, ok := strings.CutPrefix(line, "+++ b/"); ok {
				file = name
			}
			before, after = hunk(line)
			continue
		case strings.HasPrefix(line, "-"):
			before--
		case strings.HasPrefix(line, "+"):
			after--
		default:
			before--
			after--
			continue
		}
		found[file] = append(found[file], line)
	}
	return found
}

// hunk parses the header of a hunk and returns its numbers of lines. They are 0
// for other lines.
func hunk(line string) (before, after int) {
	head, ok := strings.CutPrefix(line, "@@ -")
	if !ok {
		return 0, 0
	}
	old, head, _ := strings.Cut(head, " +")
	new, _, _ := strings.Cut(head, " ")
	lines := func(span string) int {
		count := 1 // default
		if _, number, ok := strings.Cut(span, ","); ok {
			_, _ = fmt.Sscan(number, &count)
		}
		return count
	}
	return lines(old), lines(new)
}

func TestEdits(t *testing.T) {
	const patch = `Subject: wire

Message.
---
 Makefile | 3 ++-
 1 file changed, 2 insertions(+), 1 deletion(-)

diff --git a/Makefile b/Makefile
index 3caa53c50b0c..0aaf90e5fc12 100644
--- a/Makefile
+++ b/Makefile
@@ -1,3 +1,4 @@ all:
 one
--- old
+++ new
+newer
 two
@@ -10 +11,2 @@ last:
 ten
+eleven
diff --git a/lib/Kconfig b/lib/Kconfig
index 111111111111..222222222222 100644
--- a/lib/Kconfig
+++ b/lib/Kconfig
@@ -5,2 +5,3 @@
 five
+config
 six
--` + " \nkconfig-probe\n"
	want := map[string][]string{
		"":            {"Subject: wire", "", "Message."},
		"Makefile":    {"--- old", "+++ new", "+newer", "+eleven"},
		"lib/Kconfig": {"+config"},
	}
	if diff := cmp.Diff(want, edits(patch)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for _, test := range []struct {
		name     string
		old, new string
		equal    bool
	}{
		{"context", " two\n", " zwei\n", true},
		{"line number", "@@ -10 +11,2 @@ last:", "@@ -12 +13,2 @@ other:", true},
		{"object name", "3caa53c50b0c", "3caa53c50b0d", true},
		{"diffstat", "3 ++-", "4 +++-", true},
		{"added line", "+newer\n", "+newest\n", false},
		{"removed line", "--- old\n", "--- older\n", false},
		{"removed instead of added", "+config\n", "-config\n", false},
		{"message", "Message.", "Massage.", false},
		{"file", "+++ b/lib/Kconfig", "+++ b/lib/Kconfig.debug", false},
		{"order of lines", "+++ new\n+newer\n", "+newer\n+++ new\n", false},
	} {
		changed := strings.Replace(patch, test.old, test.new, 1)
		if changed == patch {
			t.Fatalf("%s: not in the patch", test.name)
		}
		if equal := cmp.Equal(edits(patch), edits(changed)); equal != test.equal {
			t.Errorf("%s: equal %v, want %v", test.name, equal, test.equal)
		}
	}
	joined := strings.NewReplacer("@@ -1,3 +1,4 @@", "@@ -1,4 +1,6 @@",
		" two\n@@ -10 +11,2 @@ last:\n ten\n", " two\n ten\n").Replace(patch)
	if diff := cmp.Diff(edits(patch), edits(joined)); diff != "" {
		t.Errorf("joined hunks: -want +got\n%s", diff)
	}
	swapped := strings.NewReplacer("+newer\n", "+eleven\n", "+eleven\n", "+newer\n").Replace(patch)
	if cmp.Equal(edits(patch), edits(swapped)) {
		t.Error("the order of hunks is ignored")
	}
}
