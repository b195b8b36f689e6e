// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package headers patches all kernel headers that are installed on a machine, and installs a hook that
// patches those that are installed later. Every module that is built with them, by DKMS for example,
// then gets BTF.
package headers

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kbtf/kbtf/internal/patherr"
	"github.com/kbtf/kbtf/kbuild"
)

// A Machine is a file system with kernel headers.
type Machine struct {
	Root   string // its root directory
	Wiring kbuild.Wiring
}

// State is the state of headers.
type State string

const (
	Enabled     State = "enabled"
	Disabled    State = "disabled"
	Unsupported State = "unsupported"
)

// Headers are the headers of a kernel.
type Headers struct {
	Dir    string
	State  State
	Reason error // why they are unsupported
}

// patterns are the directories in which distributions install headers: Debian's and Fedora's, and the
// link that all have.
var patterns = []string{
	"usr/src/linux-headers-*", "usr/src/kernels/*", "lib/modules/*/build", "usr/lib/modules/*/build",
}

// Dirs returns the directories of the installed headers, or only of those of a kernel release, sorted.
func (m Machine) Dirs(release string) (dirs []string, err error) {
	for _, pattern := range patterns {
		found, err := filepath.Glob(filepath.Join(m.Root, pattern))
		if err != nil {
			return nil, err // a malformed Root
		}
		for _, dir := range found {
			if dir, err = m.resolve(dir); err == nil && kbuild.Headers(dir) && (release == "" || isOf(dir, release)) {
				dirs = append(dirs, dir)
			}
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs), nil
}

// resolve follows links. An absolute one refers to the root of the machine.
func (m Machine) resolve(path string) (string, error) {
	if target, err := os.Readlink(path); err == nil && filepath.IsAbs(target) {
		path = filepath.Join(m.Root, target)
	}
	return filepath.EvalSymlinks(path)
}

// isOf reports whether headers are of a kernel release.
func isOf(dir, release string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "include/config/kernel.release"))
	if err != nil { // not in the headers of all distributions
		name := filepath.Base(dir)
		return name == release || strings.HasSuffix(name, "-"+release)
	}
	return strings.TrimSpace(string(text)) == release
}

// plan returns the plan that headers are patched with, or the one to patch them with. Headers may share
// their build files.
func (m Machine) plan(dir string) (plan *kbuild.Plan, applied bool, err error) {
	if plan, err = kbuild.Applied(dir); err != nil || plan != nil {
		return plan, plan != nil, err
	}
	plan, err = kbuild.NewPlan(dir, m.Wiring)
	return plan, false, err
}

// Examine returns the state of headers.
func (m Machine) Examine(dir string) Headers {
	switch _, applied, err := m.plan(dir); {
	case err != nil:
		return Headers{dir, Unsupported, err}
	case applied:
		return Headers{dir, Enabled, nil}
	}
	return Headers{dir, Disabled, nil}
}

// Enable patches headers. It does nothing if they are patched, or not supported.
func (m Machine) Enable(dir string) error {
	plan, applied, err := m.plan(dir)
	if err != nil || applied {
		return nil
	}
	return plan.Apply(dir)
}

// Disable restores headers. It does nothing if they are not patched.
func (m Machine) Disable(dir string) error {
	plan, applied, err := m.plan(dir)
	if err != nil || !applied {
		return nil
	}
	return plan.Revert(dir)
}

// hook is run by the packages of headers on Debian and Ubuntu, before the hook of dkms, which builds
// modules.
//
//go:embed hooks/header_postinst
var hook string

const hookPath = "etc/kernel/header_postinst.d/00-kbtf"

// Hook returns the path of the hook; installed reports whether it is there.
func (m Machine) Hook() (path string, installed bool) {
	path = filepath.Join(m.Root, hookPath)
	_, err := os.Stat(path)
	return path, err == nil
}

// RunsHooks reports whether packages of headers run such hooks.
func (m Machine) RunsHooks() bool {
	_, err := os.Stat(filepath.Join(m.Root, "etc/debian_version"))
	return err == nil
}

// InstallHook installs the hook, if the distribution runs it.
func (m Machine) InstallHook() error {
	path, installed := m.Hook()
	if installed || !m.RunsHooks() {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return patherr.PathFirst(err)
	}
	if err := os.WriteFile(path, []byte(hook), 0o755); err != nil {
		return patherr.PathFirst(err)
	}
	return nil
}

// RemoveHook removes the hook, and its directories unless they have other files.
func (m Machine) RemoveHook() error {
	path, _ := m.Hook()
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return patherr.PathFirst(err)
	}
	_ = os.Remove(filepath.Dir(path))
	_ = os.Remove(filepath.Dir(filepath.Dir(path)))
	return nil
}

func (h Headers) String() string {
	if h.Reason != nil {
		return fmt.Sprintf("%s: %s: %v", h.Dir, h.State, h.Reason)
	}
	return fmt.Sprintf("%s: %s", h.Dir, h.State)
}
