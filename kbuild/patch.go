// SPDX-License-Identifier: GPL-2.0-only

package kbuild

import (
	"crypto/sha1"
	"fmt"
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
	who, how := "btf-ko", `btf-ko encodes BTF itself, so neither pahole nor libdw is needed for
modules. It has to be in PATH, and so has kconfig-probe.
`
	if p.Encoder == Pahole {
		who, how = "pahole", `Split BTF needs pahole 1.19. kconfig-probe asks $(PAHOLE) for its
version and has to be in PATH.
`
	}
	return `Subject: [PATCH] kbuild: Generate split BTF for kernel modules with ` + who + `

Generate BTF for each kernel module, if the tools at hand can, as split
BTF: it holds only the types that vmlinux does not have and refers to the
BTF of vmlinux for the others.

PAHOLE_HAS_SPLIT_BTF is what kconfig-probe finds out about the encoder. Its
answer is quoted because without kconfig-probe it is empty, which counts as
n only in quotes. DEBUG_INFO_BTF_MODULES tells both make and C code that
modules have BTF. It follows from DEBUG_INFO_BTF, MODULES and the probe.

A module's BTF has to be generated again if the module is linked again or if
vmlinux changed, and the latter must not link the module. Therefore vmlinux
becomes a prerequisite of modules, and if_changed_except, which is like
if_changed, ignores it. The BTF command also runs if only the command line
of the linker changed, since the new .ko has no BTF then. vmlinux is a
prerequisite only where it exists: external modules are often built against
a tree that has none, and get no BTF then.

` + how
}

// stat is what git diff --stat prints.
func (p *Plan) stat() string {
	var s strings.Builder
	width, digits := 0, 0
	for _, c := range p.Changes {
		added, deleted := c.count()
		width = max(width, len(c.Path))
		digits = max(digits, len(fmt.Sprint(added+deleted)))
	}
	var insertions, deletions int
	for _, c := range p.Changes {
		added, deleted := c.count()
		fmt.Fprintf(&s, " %-*s | %*d %s%s\n", width, c.Path, digits, added+deleted,
			strings.Repeat("+", added), strings.Repeat("-", deleted))
		insertions += added
		deletions += deleted
	}
	fmt.Fprintf(&s, " %d files changed, %d insertions(+)", len(p.Changes), insertions)
	if deletions > 0 {
		fmt.Fprintf(&s, ", %d deletion%s(-)", deletions, plural(deletions))
	}
	return s.String() + "\n"
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
