// SPDX-License-Identifier: GPL-2.0-only

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

	"github.com/kbtf/kbtf/kbuild"
)

// Wiring is how a tree gives BTF to its modules.
type Wiring string

const (
	Absent      Wiring = "absent"       // not at all
	Upstream    Wiring = "upstream"     // as kernels since 5.11 do
	Ours        Wiring = "ours"         // as kconfig-probe patch has wired it
	Broken      Wiring = "broken"       // as upstream, but every module is linked again whenever vmlinux changes
	HalfPatched Wiring = "half-patched" // Kconfig or Makefile.modfinal, but not both
)

// A Tree is a kernel's source tree, or its headers: what is installed to build external modules with.
type Tree struct {
	Path    string `json:"path"`
	Version string `json:"version"`
	Wiring  Wiring `json:"wiring"`
	Encoder string `json:"encoder,omitempty"` // whom the wiring calls, if it is ours
	Reason  string `json:"reason,omitempty"`  // why kconfig-probe patch would refuse it

	release *semver.Version // without patch level and EXTRAVERSION
	headers bool            // installed headers, which are not reconfigured
	scripts string          // text of the files that pass flags to pahole
}

func readTree(dir string) (*Tree, error) {
	makefile, err := os.ReadFile(filepath.Join(dir, "Makefile"))
	if err != nil {
		return nil, notATree(dir, err)
	}
	t := &Tree{Path: dir, headers: kbuild.Headers(dir)}
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
	} else if t.Version = built(dir, "kernel.release"); t.Version != "" { // headers' Makefile may only include another
		var major, minor uint64
		if _, err := fmt.Sscanf(t.Version, "%d.%d", &major, &minor); err != nil {
			return nil, notATree(dir, fmt.Errorf("its release is %q", t.Version))
		}
		t.release = linux(major, minor)
	} else {
		return nil, notATree(dir, errors.New("its Makefile has no VERSION and PATCHLEVEL"))
	}
	for _, name := range []string{"Makefile.btf", "pahole-flags.sh", "link-vmlinux.sh"} {
		text, err := os.ReadFile(filepath.Join(dir, "scripts", name))
		if err == nil {
			t.scripts += string(text)
		}
	}
	return t, t.recognise()
}

// built is what is in a file of include/config, which a tree has when it was built; empty without.
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

var (
	kconfigSymbol = regexp.MustCompile(`(?m)^(config |CONFIG_)DEBUG_INFO_BTF_MODULES\b`)
	encodeCommand = regexp.MustCompile(`(?m)^ *cmd_btf_ko *=`)
	exceptCall    = regexp.MustCompile(`\$\(call if_changed_except,\w+,(.*)`)
)

// recognise tells how the tree is wired. Kconfig-probe's own planner is asked first: it knows what it has written, byte for byte.
func (t *Tree) recognise() error {
	if applied, err := kbuild.Applied(t.Path); err == nil && applied != nil {
		t.Wiring, t.Encoder = Ours, string(applied.Encoder)
		return nil
	}
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
	symbol, command := kconfigSymbol.Match(kconfig), encodeCommand.Match(modfinal)
	t.Wiring = Absent
	switch {
	case symbol != command:
		t.Wiring = HalfPatched
	case symbol:
		t.Wiring = Upstream
		// make calls the prerequisite $(objtree)/vmlinux vmlinux where objtree is "."; filter-out does not.
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

// tree judges how the tree is wired.
func (d *Diagnosis) tree() {
	t := d.Tree
	if t == nil {
		return
	}
	patch := "kconfig-probe patch " + t.Path + " --apply"
	if _, err := os.Stat(filepath.Join(t.Path, "vmlinux")); err != nil && t.headers && t.Wiring == Upstream {
		d.problem(patch+"; or btf-ko --btf_base auto after each build",
			"%s: there is no vmlinux: make skips BTF of the modules that are built with these headers", t.Path)
	}
	switch t.Wiring {
	case Absent:
		if t.Reason != "" {
			patch = "merge by hand: kconfig-probe fragment kconfig, and modfinal (" + t.Reason + ")"
		}
		d.problem(patch, "%s: modules get no BTF: nothing in this tree makes it", t.Path)
	case HalfPatched:
		why := t.Reason
		if why == "" {
			why = t.Path + ": lib/Kconfig.debug and scripts/Makefile.modfinal do not fit: only one of them knows of BTF for modules"
		}
		d.problem("take back what was merged, then "+patch, "%s", why)
	case Broken:
		d.Findings = append(d.Findings, Finding{Warning, t.Path + ": every module is linked again whenever vmlinux changes: if_changed_except is told $(objtree)/vmlinux, make says vmlinux",
			"in scripts/Makefile.modfinal, let the call exclude vmlinux as the prerequisite is spelled", "https://lore.kernel.org/linux-modules/20260402141911.1577711-1-petr.pavlu@suse.com/"})
	}
}
