// SPDX-License-Identifier: GPL-2.0-only

package kbuild

import (
	"crypto/sha1"
	"fmt"
	"slices"
	"strings"

	udiff "github.com/aymanbagabas/go-udiff"
)

// Patch is the plan as a mail that git am takes. The same trees give the same
// bytes: its author and its date are fixed.
func (p *Plan) Patch() string {
	var mail strings.Builder
	mail.WriteString(mailHeader)
	mail.WriteString(p.message())
	mail.WriteString("---\n")
	mail.WriteString(p.stat())
	mail.WriteString("\n")
	for _, c := range p.Changes {
		mail.WriteString(c.diff())
	}
	mail.WriteString("-- \nkconfig-probe\n\n")
	return mail.String()
}

// mailHeader has the date that git format-patch itself uses where it needs a
// fixed one.
const mailHeader = `From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
From: kconfig-probe <kconfig-probe@kbtf.invalid>
Date: Mon, 17 Sep 2001 00:00:00 +0000
`

func (p *Plan) message() string {
	asks := slices.ContainsFunc(p.Changes, func(c Change) bool { return c.Path == kconfigDebug })
	var who, how, external string
	switch p.Encoder {
	case BTFKo:
		who, how = "btf-ko", `btf-ko encodes BTF itself, so neither pahole nor libdw is needed for
modules. It has to be in PATH`
		if asks {
			how += `, and so has kconfig-probe, which answers for
PAHOLE_HAS_SPLIT_BTF`
		}
		how += ".\n"
		external = `. Then btf-ko
finds the BTF of that release's vmlinux, running or installed, or KBTF_BASE
names a file that has it. Without it they get no BTF, which is said.`
	case Pahole:
		who, how = "pahole", "Split BTF needs pahole 1.19.\n"
		if asks {
			how += "kconfig-probe asks $(PAHOLE) for its version and\nhas to be in PATH.\n"
		}
		external = `, and get no
BTF then.`
	}
	return `Subject: [PATCH] kbuild: Generate split BTF for kernel modules with ` + who + `

Give each kernel module split BTF: it holds only the types that vmlinux does
not have and refers to the BTF of vmlinux for the others.

A module's BTF has to be generated again if the module is linked again or if
the BTF of vmlinux changed, and the latter must not link the module. So the
BTF of vmlinux is kept in a file beside it, which is written only when that
BTF changes. Modules depend on this file, and if_changed_except, which is
like if_changed_rule, tells apart what has to be done when it is newer.

A module is never left without its BTF, or with that of another vmlinux: its
.cmd file is emptied before it is linked or encoded and written at the end.
It holds both commands and the version of the encoder, so that a change of
any of them makes the module anew. If encoding fails, there is no .ko.

External modules are often built against a tree without vmlinux` + external + `

` + how
}

// columns is how wide git makes a diffstat that is not for a terminal.
const columns = 80

// stat is what git diff --stat prints.
func (p *Plan) stat() string {
	var s strings.Builder
	width, most := 0, 0
	for _, c := range p.Changes {
		added, deleted := c.count()
		width = max(width, len(c.Path))
		most = max(most, added+deleted)
	}
	digits := len(fmt.Sprint(most))
	graph := min(most, columns-width-digits-6)
	var insertions, deletions int
	for _, c := range p.Changes {
		added, deleted := c.count()
		insertions += added
		deletions += deleted
		fmt.Fprintf(&s, " %-*s | %*d ", width, c.Path, digits, added+deleted)
		if graph < most {
			added, deleted = scale(added, deleted, graph, most)
		}
		fmt.Fprintf(&s, "%s%s\n", strings.Repeat("+", added), strings.Repeat("-", deleted))
	}
	fmt.Fprintf(&s, " %d file%s changed, %d insertion%s(+)", len(p.Changes), plural(len(p.Changes)), insertions, plural(insertions))
	if deletions > 0 {
		fmt.Fprintf(&s, ", %d deletion%s(-)", deletions, plural(deletions))
	}
	return s.String() + "\n"
}

// scale shortens a bar as git does: the sum is rounded, then the shorter part.
func scale(added, deleted, width, most int) (int, int) {
	linear := func(n int) int {
		if n == 0 {
			return 0
		}
		return 1 + n*(width-1)/most
	}
	total := linear(added + deleted)
	if total < 2 && added > 0 && deleted > 0 {
		total = 2
	}
	if added < deleted {
		a := linear(added)
		return a, total - a
	}
	d := linear(deleted)
	return total - d, d
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// diff is the change in git's form. The names of the blobs let git am -3 merge
// the patch into a tree that has moved on.
func (c Change) diff() string {
	return fmt.Sprintf("diff --git a/%[1]s b/%[1]s\nindex %[2]s..%[3]s 100644\n", c.Path, blob(c.Old), blob(c.New)) +
		udiff.Unified("a/"+c.Path, "b/"+c.Path, c.Old, c.New)
}

// blob is git's name for a file's content, as short as git shows it in the
// kernel's repository.
func blob(text string) string {
	sum := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(text), text))
	return fmt.Sprintf("%x", sum)[:12]
}

// count is the numbers of lines that the change adds and deletes.
func (c Change) count() (added, deleted int) {
	for _, line := range strings.Split(udiff.Unified("a", "b", c.Old, c.New), "\n")[2:] {
		switch {
		case strings.HasPrefix(line, "+"):
			added++
		case strings.HasPrefix(line, "-"):
			deleted++
		}
	}
	return added, deleted
}
