// SPDX-License-Identifier: GPL-2.0-only

package probe

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// The encoders whose version line is understood. pahole prints its version
// alone, so a line without a name is pahole's.
const (
	Pahole = "pahole"
	BTFKo  = "btf-ko"
)

// splitSince is the first version of each encoder that writes split BTF.
var splitSince = map[string]*semver.Version{
	Pahole: semver.MustParse("1.19.0"),
	BTFKo:  semver.MustParse("0.0.0-0"), // every version: it is what btf-ko is for
}

// Version is an encoder's answer to --version.
type Version struct {
	Encoder string // Pahole or BTFKo
	Text    string // the version as printed, without the encoder's name
	order   *semver.Version
}

// versionLine: an optional name, an optional v, two or three numbers, a suffix
// that ends at the first blank, and perhaps a remark in parentheses.
var versionLine = regexp.MustCompile(
	`^(?:([A-Za-z][A-Za-z_-]*)(?: version)? )?(v?(\d+)\.(\d+)(?:\.(\d+))?((?:[-+~.]|rc)[-+~.\w]*)?)(?: \(.*\))?$`)

var (
	// preRelease: v1.19-rc1, v1.19-rc1-5-gabc123, and 1.19~git2020 or whatever
	// else follows the tilde of dpkg and rpm; older than 1.19.
	preRelease = regexp.MustCompile(`^(?:[-.]?(rc|pre|alpha|beta)|~([A-Za-z]*))[-.]?(\d*)(?:-(\d+)-g[0-9a-f]+)?`)
	// commitsAfter: v1.24-12-gabc123 of git describe, 1.24+r29+g02d67c5 of
	// Arch Linux; newer than 1.24.
	commitsAfter = regexp.MustCompile(`^(?:-|\+r)(\d+)[-+.]g[0-9a-f]+`)
)

// ParseVersion reads what an encoder and its distribution print for --version.
// A suffix that is neither a pre-release nor a number of commits is a
// distribution's package revision and does not change the order.
func ParseVersion(output string) (Version, error) {
	line, _, _ := strings.Cut(strings.TrimSpace(output), "\n")
	line = strings.TrimRight(line, " \t\r")
	if line == "" {
		return Version{}, fmt.Errorf("printed no version")
	}
	m := versionLine.FindStringSubmatch(line)
	if m == nil {
		return Version{}, fmt.Errorf("printed %s, which is not a version", quote(line))
	}
	v := Version{Encoder: m[1], Text: m[2]}
	if v.Encoder == "" {
		v.Encoder = Pahole
	}
	if splitSince[v.Encoder] == nil {
		return Version{}, fmt.Errorf("printed %s, which is neither pahole nor btf-ko", quote(line))
	}

	var n [3]uint64
	for i, digits := range m[3:6] {
		if digits == "" {
			continue // no patch level
		}
		var err error
		if n[i], err = strconv.ParseUint(digits, 10, 32); err != nil {
			return Version{}, fmt.Errorf("printed %s, which is not a version: number out of range", quote(line))
		}
	}
	v.order = order(n[0], n[1], n[2], m[6])
	return v, nil
}

// order maps a version to the semantic version that sorts where it belongs.
// Semantic versions know nothing newer than a release and older than the next
// one, so commits after 1.24.0 become 1.24.1-0.12, as in Go's pseudo-versions.
func order(major, minor, patch uint64, suffix string) *semver.Version {
	pre := ""
	if m := preRelease.FindStringSubmatch(suffix); m != nil {
		name := m[1] + m[2]
		if name == "" {
			name = "pre"
		}
		pre = name + "." + number(m[3])
		if m[4] != "" {
			pre += ".0." + number(m[4])
		}
	} else if m := commitsAfter.FindStringSubmatch(suffix); m != nil {
		patch++
		pre = "0." + number(m[1])
	}
	return semver.New(major, minor, patch, pre, "")
}

// number is s as semver wants numbers: not empty, without leading zeros.
func number(s string) string {
	s = strings.TrimLeft(s, "0")
	if s == "" {
		return "0"
	}
	return s
}

// Compare is negative, zero or positive as v is older than, as old as or newer
// than w. Versions of different encoders do not compare.
func (v Version) Compare(w Version) int { return v.order.Compare(w.order) }

// SplitsBTF reports whether this version writes split BTF.
func (v Version) SplitsBTF() bool { return !v.order.LessThan(splitSince[v.Encoder]) }

// Numeric is the newest release that v is at least as new as, in the form
// that kernel trees compare: 1.24 is 124. The kernel concatenates the digits,
// which makes 2.0 twenty and 1.100 eleven hundred; here a minor above 99 stays
// 99, so that the numbers have the order of the versions (1.100 is 199, 2.0 is
// 200) and a pre-release counts as the version before (1.19-rc1 is 118).
func (v Version) Numeric() uint64 {
	n := v.order.Major()*100 + min(v.order.Minor(), 99)
	if v.order.Patch() == 0 && v.order.Prerelease() != "" && n > 0 {
		n--
	}
	return n
}

// quote bounds what a broken encoder can put into a message.
func quote(s string) string {
	const most = 60 // bytes
	if len(s) > most {
		return strconv.Quote(s[:most]) + "..."
	}
	return strconv.Quote(s)
}
