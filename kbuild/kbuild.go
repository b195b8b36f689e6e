// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package kbuild patches kernel trees to generate split BTF for modules.
//
// [NewPlan] reads the build files of a tree and plans the edits they need. The
// [Plan] can be printed as a patch ([Plan.Patch]) or written into the tree
// ([Plan.Apply]). [Applied] recognises a patched tree and returns its plan, for
// [Plan.Revert].
//
// The text of the build files decides, not the version of the kernel, because
// distributions backport changes. A tree with unexpected text is refused with
// an error that names file and line.
//
// The files of this package:
//
//   - forms.go has the rules for module BTF of all releases; strict.go, simple.go
//     and batch.go have ours.
//   - fragment.go has what these need in other files.
//   - plan.go replaces the former by the latter, state.go does the opposite, with
//     release.go.
//   - skips.go finds rules that leave out BTF in a configuration.
//   - makefile.go and kconfig.go parse what these need to know.
//   - patch.go prints a plan, write.go applies it.
//
// docs/wiring.md explains the inserted text line by line.
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

	"github.com/kbtf/kbtf/internal/patherr"
)

// Build files, relative to the top of the tree. Makefile.modfinal exists since
// 5.4, gen-btf.sh since 7.0.
const (
	kconfigDebug  = "lib/Kconfig.debug"
	modfinal      = "scripts/Makefile.modfinal"
	kbuildInclude = "scripts/Kbuild.include"
	topMakefile   = "Makefile"
	genBTFScript  = "scripts/gen-btf.sh"
)

// The configuration and the release of a built tree.
const (
	autoConf      = "include/config/auto.conf"
	kernelRelease = "include/config/kernel.release"
)

// buildFiles lists the build files in the order of a patch.
var buildFiles = []string{topMakefile, kconfigDebug, kbuildInclude, modfinal, genBTFScript}

// Wiring selects the variant of the patch.
type Wiring struct {
	Rule    Rule // Strict if empty
	Encoder Encoder
	Helper  Helper // ignored by Batch
}

// String describes the wiring in messages.
func (w Wiring) String() string {
	text := "the " + string(w.Rule) + " rule for " + string(w.Encoder)
	if w.Helper == InKbuildInclude {
		text += ", with helpers in Kbuild.include"
	}
	return text
}

// Normal returns the wiring that has the same patch, with defaults in place of
// empty and ignored values.
func (w Wiring) Normal() Wiring {
	if w.Rule == "" {
		w.Rule = Strict
	}
	if w.Rule == Batch {
		w.Helper = InModfinal
	}
	return w
}

// Rule is the rule that gives modules their BTF.
type Rule string

const (
	Strict Rule = "strict" // never leaves missing or stale BTF
	Simple Rule = "simple" // upstream's first version, in two files
	Batch  Rule = "batch"  // one btf-ko --update for all modules
)

// Rules lists all rules, the default first.
var Rules = []Rule{Strict, Simple, Batch}

// Encoder is the program that encodes modules.
type Encoder string

const (
	BTFKo  Encoder = "btf-ko"
	Pahole Encoder = "pahole" // $(PAHOLE) of the tree
)

// Encoders lists all encoders, the default first.
var Encoders = []Encoder{BTFKo, Pahole}

// Helper selects the file that defines if_changed_except.
type Helper string

const (
	InModfinal      Helper = "modfinal"       // scripts/Makefile.modfinal, the only user
	InKbuildInclude Helper = "kbuild-include" // scripts/Kbuild.include, after if_changed_rule
)

// Helpers lists all values of Helper, the default first.
var Helpers = []Helper{InModfinal, InKbuildInclude}

// fileError is an error at a place in a file.
type fileError struct {
	file   string
	line   int // from 1; 0 for the whole file
	reason string
}

func (e *fileError) Error() string {
	if e.line == 0 {
		return fmt.Sprintf("%s: %s", e.file, e.reason)
	}
	return fmt.Sprintf("%s:%d: %s", e.file, e.line, e.reason)
}

// sources holds the text of a tree's build files by path. For headers, these
// are only the files in scripts/, and the release.
type sources map[string]string

// areHeaders reports whether readTree read headers.
func (s sources) areHeaders() bool {
	_, configurable := s[kconfigDebug]
	return !configurable
}

// readTree reads the build files of the tree or headers in dir.
func readTree(dir string) (sources, error) {
	headers := Headers(dir)
	if headers && !hasModuleBTF(dir) {
		return nil, &fileError{
			file: filepath.Join(dir, autoConf),
			reason: "CONFIG_DEBUG_INFO_BTF_MODULES is not set: " +
				"use headers of a kernel that supports module BTF",
		}
	}
	s := sources{}
	if headers {
		if text, err := os.ReadFile(filepath.Join(dir, kernelRelease)); err == nil {
			s[kernelRelease] = string(text)
		}
	}
	for _, path := range buildFiles {
		if headers && filepath.Dir(path) != "scripts" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, path))
		if err == nil {
			s[path] = string(text)
			continue
		}
		reason := "cannot read: " + patherr.Cause(err).Error()
		if errors.Is(err, fs.ErrNotExist) {
			switch {
			case path == genBTFScript:
				continue
			case headers:
				reason = "does not exist: incomplete headers: install the package with their scripts/ " +
					"(linux-headers, linux-kbuild or kernel-devel)"
			case path == modfinal:
				reason = "does not exist: kernels before 5.4 are not supported"
			default:
				reason = fmt.Sprintf("does not exist: is %s the top of a kernel tree?", dir)
			}
		}
		return nil, &fileError{file: filepath.Join(dir, path), reason: reason}
	}
	return s, nil
}

// Headers reports whether dir has kernel headers as distributions install them
// to build external modules: a configured tree without the kernel's sources.
func Headers(dir string) bool {
	_, noConfig := os.Stat(filepath.Join(dir, autoConf))
	_, noSources := os.Stat(filepath.Join(dir, "init/main.c"))
	return noConfig == nil && noSources != nil
}

// hasModuleBTF reports whether the tree in dir is configured for module BTF.
func hasModuleBTF(dir string) bool {
	config, err := os.ReadFile(filepath.Join(dir, autoConf))
	lines := strings.Split(string(config), "\n")
	return err == nil && slices.Contains(lines, "CONFIG_DEBUG_INFO_BTF_MODULES=y")
}

// lazy compiles a regular expression on first use. kconfig-probe runs for each
// question of Kconfig, and these need no expressions.
func lazy(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
