// SPDX-License-Identifier: GPL-2.0-only

package kbuild

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// edits returns the lines that a patch removes and inserts, in their order, by file; and below "" its
// message. What moves when the tree around the edits does - line numbers, context, blob ids, the
// diffstat - is left out.
func edits(patch string) map[string][]string {
	message, diff, _ := strings.Cut(patch, "\n---\n")
	found := map[string][]string{"": strings.Split(message, "\n")}
	file := ""
	before, after := 0, 0 // lines that are left of a hunk
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

// hunk returns how many lines a hunk has before and after, by its head; 0 for other lines.
func hunk(line string) (before, after int) {
	head, ok := strings.CutPrefix(line, "@@ -")
	if !ok {
		return 0, 0
	}
	old, head, _ := strings.Cut(head, " +")
	new, _, _ := strings.Cut(head, " ")
	lines := func(span string) int {
		count := 1 // if the head does not say
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
		{"context moved", " two\n", " zwei\n", true},
		{"lines moved", "@@ -10 +11,2 @@ last:", "@@ -12 +13,2 @@ other:", true},
		{"another blob", "3caa53c50b0c", "3caa53c50b0d", true},
		{"another diffstat", "3 ++-", "4 +++-", true},
		{"an inserted line", "+newer\n", "+newest\n", false},
		{"a removed line", "--- old\n", "--- older\n", false},
		{"removed instead of inserted", "+config\n", "-config\n", false},
		{"the message", "Message.", "Massage.", false},
		{"a hunk of another file", "+++ b/lib/Kconfig", "+++ b/lib/Kconfig.debug", false},
		{"the order", "+++ new\n+newer\n", "+newer\n+++ new\n", false},
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
		t.Errorf("two hunks are one: -want +got\n%s", diff)
	}
	swapped := strings.NewReplacer("+newer\n", "+eleven\n", "+eleven\n", "+newer\n").Replace(patch)
	if cmp.Equal(edits(patch), edits(swapped)) {
		t.Error("the order of hunks does not count")
	}
}
