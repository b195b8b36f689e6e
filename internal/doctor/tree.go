// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/kbtf/kbtf/internal/kernel"
	"github.com/kbtf/kbtf/kbuild"
	"github.com/kbtf/kbtf/probe"
)

// Wiring is the way in which a tree generates BTF for its modules.
type Wiring string

const (
	Absent      Wiring = "absent"       // not at all
	Upstream    Wiring = "upstream"     // by the rule of kernels since 5.11
	Ours        Wiring = "ours"         // by kconfig-probe patch
	Broken      Wiring = "broken"       // as upstream, but every change of vmlinux relinks all modules
	HalfPatched Wiring = "half-patched" // only one of Kconfig and Makefile.modfinal
)

// Tree describes a kernel source tree, or the headers installed to build external modules.
type Tree struct {
	Path    string `json:"path"`
	Version string `json:"version"`
	Wiring  Wiring `json:"wiring"`
	Encoder string `json:"encoder,omitempty"` // that the rule runs, if Wiring is Ours
	Reason  string `json:"reason,omitempty"`  // why kconfig-probe patch refuses the tree

	release  *semver.Version   // without patch level and EXTRAVERSION
	headers  bool              // installed headers, which are not reconfigured
	scripts  string            // text of the files that pass flags to pahole
	modfinal string            // text of scripts/Makefile.modfinal
	genBTF   string            // text of scripts/gen-btf.sh, which modfinal runs since 7.0
	symbols  map[string]string // of the configuration that was built, if one was
	host     kernel.Host
}

func readTree(dir string) (*Tree, error) {
	makefile, err := os.ReadFile(filepath.Join(dir, "Makefile"))
	if err != nil {
		return nil, notATree(dir, err)
	}
	t := &Tree{Path: dir, headers: kbuild.Headers(dir), host: kernel.ThisHost()}
	number := func(name string) string {
		m := regexp.MustCompile(`(?m)^` + name + ` *= *(\S*)$`).FindSubmatch(makefile)
		if m == nil {
			return ""
		}
		return string(m[1])
	}
	version, patchlevel := number("VERSION"), number("PATCHLEVEL")
	if major, err := strconv.ParseUint(version, 10, 32); err == nil && patchlevel != "" {
		minor, _ := strconv.ParseUint(patchlevel, 10, 32) // 0 if malformed
		t.release = linux(major, minor)
		t.Version = version + "." + patchlevel
		if sub := number("SUBLEVEL"); sub != "" && sub != "0" {
			t.Version += "." + sub
		}
		t.Version += number("EXTRAVERSION")
	} else if t.Version = built(dir, "kernel.release"); t.Version != "" { // the Makefile of headers may be a stub
		var major, minor uint64
		if _, err := fmt.Sscanf(t.Version, "%d.%d", &major, &minor); err != nil {
			return nil, notATree(dir, fmt.Errorf("include/config/kernel.release: unexpected release %q", t.Version))
		}
		t.release = linux(major, minor)
	} else {
		return nil, notATree(dir, errors.New("no VERSION and PATCHLEVEL in Makefile"))
	}
	for _, name := range []string{"Makefile.btf", "pahole-flags.sh", "link-vmlinux.sh"} {
		text, err := os.ReadFile(filepath.Join(dir, "scripts", name))
		if err == nil {
			t.scripts += string(text)
		}
	}
	t.symbols, _ = probe.ReadConfig(filepath.Join(dir, "include/config/auto.conf"))
	return t, t.recognise()
}

// built returns the contents of a file in include/config, or "" if the tree was not built.
func built(dir, name string) string {
	text, _ := os.ReadFile(filepath.Join(dir, "include/config", name))
	return strings.TrimSpace(string(text))
}

func notATree(dir string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = fmt.Errorf("%s: %w", filepath.Base(p.Path), p.Err)
	}
	return fmt.Errorf("%s: not a kernel tree: %w", dir, err)
}

// recognise sets t.Wiring. kbuild recognises its own patch byte for byte.
func (t *Tree) recognise() error {
	symbols := "lib/Kconfig.debug"
	if t.headers {
		symbols = "include/config/auto.conf"
	}
	kconfig, err := os.ReadFile(filepath.Join(t.Path, symbols))
	if err != nil {
		return notATree(t.Path, err)
	}
	modfinal, err := os.ReadFile(filepath.Join(t.Path, "scripts/Makefile.modfinal"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // before 5.6
		return notATree(t.Path, err)
	}
	t.modfinal = string(modfinal)
	if genBTF, err := os.ReadFile(filepath.Join(t.Path, "scripts/gen-btf.sh")); err == nil {
		t.genBTF = string(genBTF)
	}
	if applied, err := kbuild.Applied(t.Path); err == nil && applied != nil {
		t.Wiring, t.Encoder = Ours, string(applied.Encoder)
		return nil
	}
	symbol := regexp.MustCompile(`(?m)^(config |CONFIG_)DEBUG_INFO_BTF_MODULES\b`).Match(kconfig)
	command := regexp.MustCompile(`(?m)^ *cmd_btf_ko *=`).Match(modfinal)
	t.Wiring = Absent
	switch {
	case symbol != command:
		t.Wiring = HalfPatched
	case symbol:
		t.Wiring = Upstream
		// With objtree=. make names the prerequisite vmlinux, which filter-out of ./vmlinux does not match.
		exceptCall := regexp.MustCompile(`\$\(call if_changed_except,\w+,(.*)`)
		if call := exceptCall.FindSubmatch(modfinal); call != nil && strings.Contains(string(call[1]), "$(objtree)") {
			t.Wiring = Broken
		}
	}
	if _, err := kbuild.NewPlan(t.Path, kbuild.Wiring{Encoder: kbuild.BTFKo, Helper: kbuild.InModfinal}); err != nil {
		t.Reason = err.Error()
	}
	return nil
}

// linux returns the version of the release Linux major.minor.
func linux(major, minor uint64) *semver.Version { return semver.New(major, minor, 0, "", "") }

// is reports whether the tree's release satisfies a semver constraint.
func (t *Tree) is(constraint string) bool { return satisfies(t.release, constraint) }

// tree checks how the tree is wired.
func (d *Diagnosis) tree() {
	t := d.Tree
	if t == nil {
		return
	}
	patch := "kconfig-probe patch " + t.Path + " --apply"
	d.headers()
	if t.Wiring == Upstream || t.Wiring == Broken {
		d.skipped(patch)
	}
	switch t.Wiring {
	case Absent:
		if t.Reason != "" {
			patch = "merge kconfig-probe fragment kconfig and modfinal by hand (" + t.Reason + ")"
		}
		d.problem(patch, "%s: modules get no BTF: the tree has no rule for it", t.Path)
	case HalfPatched:
		why := t.Reason
		if why == "" {
			why = t.Path + ": half patched: only one of lib/Kconfig.debug and scripts/Makefile.modfinal supports BTF for modules"
		}
		fix := "revert the merge, then " + patch
		if t.headers && t.modfinal == "" { // the reason names the file
			fix = "install the package, then run kconfig-probe doctor again"
		}
		d.problem(fix, "%s", why)
	case Broken:
		d.Findings = append(d.Findings, Finding{
			Severity: Warning,
			Text: t.Path + ": every change of vmlinux relinks all modules: " +
				"if_changed_except excludes $(objtree)/vmlinux, but make names the prerequisite vmlinux",
			Fix:    "in scripts/Makefile.modfinal, exclude vmlinux instead of $(objtree)/vmlinux",
			Source: "https://lore.kernel.org/linux-modules/20260402141911.1577711-1-petr.pavlu@suse.com/",
		})
	}
}

// skipped checks whether the rule leaves out the BTF of modules in this configuration.
func (d *Diagnosis) skipped(patch string) {
	t := d.Tree
	config := t.symbols
	if d.Config != nil {
		config = d.Config.all
	}
	skip := kbuild.Skips(t.modfinal, config)
	if skip == nil || config["DEBUG_INFO_BTF_MODULES"] != "y" { // config reports the latter
		return
	}
	condition := ""
	if skip.Condition != "" {
		condition = " (" + skip.Condition + ")"
	}
	fix := patch
	if t.Reason != "" {
		fix = "encode them after each build: btf-ko --btf_base vmlinux --modules_order modules.order"
		if t.headers {
			fix = "encode them after each build: btf-ko --btf_base auto x.ko"
		}
	}
	d.problem(fix, "%s:%d: the rule makes no BTF of modules in this configuration%s",
		filepath.Join(t.Path, "scripts/Makefile.modfinal"), skip.Line, condition)
}
