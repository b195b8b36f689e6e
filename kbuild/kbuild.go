// SPDX-License-Identifier: GPL-2.0-only

// Package kbuild wires split BTF for modules into a kernel tree.
//
// It reads the tree's build files, decides by what they contain (not by the
// kernel's version) which edits they need, and shows the edits as a patch,
// makes them, or takes them back. A tree that it does not understand is
// refused with the line that it stumbled over.
package kbuild

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// The files that matter, relative to the top of the tree. The last exists since
// 7.0 only, and modfinal since 5.4.
const (
	kconfigDebug  = "lib/Kconfig.debug"
	modfinal      = "scripts/Makefile.modfinal"
	kbuildInclude = "scripts/Kbuild.include"
	topMakefile   = "Makefile"
	genBTFScript  = "scripts/gen-btf.sh"
)

// autoConf is the configuration that a tree was built with.
const autoConf = "include/config/auto.conf"

// buildFiles are in the order of a patch.
var buildFiles = []string{topMakefile, kconfigDebug, kbuildInclude, modfinal, genBTFScript}

// Wiring is what a user chooses.
type Wiring struct {
	Encoder Encoder
	Helper  Helper
}

// Encoder is what the wiring calls to encode a module.
type Encoder string

const (
	BTFKo  Encoder = "btf-ko"
	Pahole Encoder = "pahole" // whatever $(PAHOLE) of the tree is
)

// Encoders are all values of Encoder, the default first.
var Encoders = []Encoder{BTFKo, Pahole}

// Helper is the file that if_changed_except goes into.
type Helper string

const (
	InModfinal      Helper = "modfinal"       // where it is used
	InKbuildInclude Helper = "kbuild-include" // beside the other variants of if_changed
)

// Helpers are all values of Helper, the default first.
var Helpers = []Helper{InModfinal, InKbuildInclude}

// Error is a reason to refuse a tree, and its place.
type Error struct {
	File   string // as the user would open it
	Line   int    // 0: the file as a whole
	Reason string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Reason)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Reason)
}

// sources are the texts of a tree's build files by path. Of a kernel's headers
// they are those in scripts/: the configuration is made.
type sources map[string]string

func (s sources) areHeaders() bool {
	_, configurable := s[kconfigDebug]
	return !configurable
}

// readTree reads the build files of the tree in dir, or of the headers.
func readTree(dir string) (sources, error) {
	s := sources{}
	headers := Headers(dir)
	if headers && !takesModuleBTF(dir) {
		return nil, &Error{File: filepath.Join(dir, autoConf), Reason: "has no CONFIG_DEBUG_INFO_BTF_MODULES=y: the kernel of these headers takes no BTF of modules"}
	}
	for _, path := range buildFiles {
		if headers && filepath.Dir(path) != "scripts" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, path))
		switch {
		case errors.Is(err, fs.ErrNotExist) && path == genBTFScript:
		case errors.Is(err, fs.ErrNotExist) && headers:
			return nil, &Error{File: filepath.Join(dir, path), Reason: "does not exist: these headers are incomplete; install the package that has their scripts/ (linux-headers or linux-kbuild, kernel-devel)"}
		case errors.Is(err, fs.ErrNotExist) && path == modfinal:
			return nil, &Error{File: filepath.Join(dir, path), Reason: "does not exist: modules are linked elsewhere before 5.4, and there is no BTF of modules for such a tree"}
		case errors.Is(err, fs.ErrNotExist):
			return nil, &Error{File: filepath.Join(dir, path), Reason: fmt.Sprintf("does not exist: is %s the top of a kernel tree?", dir)}
		case err != nil:
			return nil, &Error{File: filepath.Join(dir, path), Reason: "cannot read: " + cause(err)}
		default:
			s[path] = string(text)
		}
	}
	return s, nil
}

// Headers tells whether dir is what distributions install to build external
// modules: a built tree without the kernel's sources.
func Headers(dir string) bool {
	_, noConfig := os.Stat(filepath.Join(dir, autoConf))
	_, noSources := os.Stat(filepath.Join(dir, "init/main.c"))
	return noConfig == nil && noSources != nil
}

// takesModuleBTF tells whether a tree was built for BTF of modules.
func takesModuleBTF(dir string) bool {
	config, err := os.ReadFile(filepath.Join(dir, autoConf))
	return err == nil && slices.Contains(strings.Split(string(config), "\n"), "CONFIG_DEBUG_INFO_BTF_MODULES=y")
}

// cause is err without the path that an Error already names.
func cause(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	var le *os.LinkError
	if errors.As(err, &le) {
		return le.Err.Error()
	}
	return err.Error()
}

// lazy compiles an expression when it is first needed: kconfig-probe starts
// anew for each of Kconfig's questions, which need none.
func lazy(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
