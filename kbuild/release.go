// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import (
	"cmp"
	"fmt"
	"strconv"
)

// version is the first two numbers of a release of the kernel, or zero.
type version struct{ major, minor int }

func (v version) after(other version) bool {
	return v.major > other.major || v.major == other.major && v.minor > other.minor
}

// release returns the first release that may have the form.
func (f form) release() version { return parseVersion(cmp.Or(f.stable, f.since)) }

// parseVersion parses the start of a release such as 6.12.107-amd64.
func parseVersion(text string) (v version) {
	if n, _ := fmt.Sscanf(text, "%d.%d", &v.major, &v.minor); n < 2 {
		return version{}
	}
	return v
}

var (
	makefileVersion    = lazy(`(?m)^VERSION *= *(\d+)$`)
	makefilePatchlevel = lazy(`(?m)^PATCHLEVEL *= *(\d+)$`)
)

// release returns the version of the tree, or zero if it is unknown. Headers have it
// in include/config.
func (s sources) release() version {
	if text, ok := s[kernelRelease]; ok {
		return parseVersion(text)
	}
	major := makefileVersion().FindStringSubmatch(s[topMakefile])
	minor := makefilePatchlevel().FindStringSubmatch(s[topMakefile])
	if major == nil || minor == nil {
		return version{}
	}
	var v version
	v.major, _ = strconv.Atoi(major[1])
	v.minor, _ = strconv.Atoi(minor[1])
	return v
}
