// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"crypto/sha1"
	"fmt"
	"slices"
	"strings"

	udiff "github.com/aymanbagabas/go-udiff"
)

// Patch returns the plan as a mail for git am. Author and date are fixed, so
// equal trees have equal patches.
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

// mailHeader has the fixed date of git format-patch's From line. The author is to
// be replaced, also in the sign-off.
const (
	mailHeader = `From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
From: ` + author + `
Date: Mon, 17 Sep 2001 00:00:00 +0000
`
	author = "Your Name <you@example.org>"
)

// message returns the subject and body of the mail: why, then how.
func (p *Plan) message() string {
	return "Subject: [PATCH] kbuild: Generate split BTF for kernel modules with " + string(p.Encoder) + "\n\n" +
		whySplitBTF + p.whyAnother() + "\n" + how[p.Rule] + "\n" + p.external() + p.requirements() +
		"\nSigned-off-by: " + author + "\n"
}

const whySplitBTF = `Tracing programs, kfuncs and CO-RE need the types of modules. With split
BTF, a module has only the types that vmlinux lacks, and refers to the BTF
of vmlinux for all others.

BTF of a module has to be regenerated if the module is linked again or the
BTF of vmlinux changes, but the latter should not link the module.
`

// whyAnother returns what is wrong with the rule that is replaced, if there is one.
func (p *Plan) whyAnother() string {
	replaces := slices.ContainsFunc(p.Changes, func(c Change) bool {
		return c.Path == modfinal && strings.Contains(c.Old, "cmd_btf_ko")
	})
	if !replaces || p.Rule == Simple {
		return ""
	}
	return `
The present rule relies on time stamps: if only the link command, the flags
or the encoder changes, or a build is killed, modules are left with BTF
that is stale or missing.
`
}

// how describes the rules.
var how = map[Rule]string{
	Strict: `Therefore let modules depend on a file that has a digest of the BTF of
vmlinux, the flags and the version of the encoder, and is written only if
these change. Add if_changed_except, a variant of if_changed, to link
modules only if anything else has changed.

A module never keeps stale BTF: its .cmd file is removed before the module
is linked or encoded, and written afterwards. If encoding fails, the .ko
file is removed.
`,
	Simple: `Add if_changed_except, a variant of if_changed that excludes dependencies,
and let modules depend on vmlinux.
`,
	Batch: `Therefore link modules as if they had no BTF, and run btf-ko once for all
of them at the end. With --update, it encodes the modules whose BTF was not
made from the present module, for this BTF of vmlinux, with these flags and
this version. It finds that out from a record in each module, which is gone
when the module is linked. So nothing depends on time stamps or .cmd files,
and one process reads the BTF of vmlinux once.
`,
}

// external describes what happens to external modules.
func (p *Plan) external() string {
	switch {
	case p.Rule == Simple:
		return ""
	case p.Encoder == Pahole:
		return "External modules get no BTF if they are built without vmlinux.\n\n"
	}
	return `External modules are often built without vmlinux. In this case, btf-ko uses
the BTF of the running or installed kernel of that release, or the file in
KBTF_BASE. If there is none, it prints a message and modules get no BTF.

`
}

// requirements lists the programs that the build needs.
func (p *Plan) requirements() string {
	switch asks := p.changes(kconfigDebug); {
	case p.Encoder == Pahole && asks:
		return `pahole 1.19 or newer is required. kconfig-probe, which checks the version
of $(PAHOLE), has to be in PATH.
`
	case p.Encoder == Pahole:
		return "pahole 1.19 or newer is required.\n"
	case asks:
		return `btf-ko and kconfig-probe, which sets PAHOLE_HAS_SPLIT_BTF, have to be in
PATH. Modules need neither pahole nor resolve_btfids.
`
	}
	return "btf-ko has to be in PATH. Modules need neither pahole nor resolve_btfids.\n"
}

func (p *Plan) changes(path string) bool {
	return slices.ContainsFunc(p.Changes, func(c Change) bool { return c.Path == path })
}

// columns is the width of git's diffstat if stdout is no terminal.
const columns = 80

// stat returns the output of git diff --stat.
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
	fmt.Fprintf(&s, " %d file%s changed, %d insertion%s(+)",
		len(p.Changes), plural(len(p.Changes)), insertions, plural(insertions))
	if deletions > 0 {
		fmt.Fprintf(&s, ", %d deletion%s(-)", deletions, plural(deletions))
	}
	return s.String() + "\n"
}

// scale fits a bar of most characters into width, like git's show_stats in
// diff.c: it rounds the sum, then the smaller part.
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

// diff returns the change as git diff prints it. The object names are for
// git am -3.
func (c Change) diff() string {
	return fmt.Sprintf("diff --git a/%[1]s b/%[1]s\n", c.Path) +
		fmt.Sprintf("index %s..%s 100644\n", blob(c.Old), blob(c.New)) +
		udiff.Unified("a/"+c.Path, "b/"+c.Path, c.Old, c.New)
}

// blob returns git's object name of text, abbreviated as in patches for the
// kernel.
func blob(text string) string {
	sum := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(text), text))
	return fmt.Sprintf("%x", sum)[:12]
}

// count returns the numbers of added and deleted lines.
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
