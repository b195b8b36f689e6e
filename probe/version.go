// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package probe

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/Masterminds/semver/v3"
)

// Names of the encoders whose versions ParseVersion accepts. pahole prints its
// version without a name.
const (
	Pahole = "pahole"
	BTFKo  = "btf-ko"
)

// splitBTFSince is the first release of pahole that encodes split BTF.
var splitBTFSince = semver.New(1, 19, 0, "", "")

// Version is an encoder's answer to --version.
type Version struct {
	Encoder string // Pahole or BTFKo
	Text    string // the version as printed, without the encoder's name

	// Number is Text as a semantic version, for comparisons and constraints.
	// Commits after a release and package revisions count as the release:
	// v1.24-12-gabc123 and 1.24-4.1 are 1.24.0. Pre-releases are older than the
	// release: v1.19-rc1 is 1.19.0-rc.1.
	Number *semver.Version
}

// ParseVersion parses the output of an encoder's --version: an optional name,
// an optional v, two or three numbers, a suffix up to the first blank, and an
// optional remark in parentheses.
func ParseVersion(output string) (Version, error) {
	line, _, _ := strings.Cut(strings.TrimSpace(output), "\n")
	line = strings.TrimRight(line, " \t\r")
	if line == "" {
		return Version{}, fmt.Errorf("printed no version")
	}
	v, ok := parseLine(line)
	switch {
	case !ok:
		return Version{}, fmt.Errorf("printed %s, which is not a version", quote(line))
	case v.Encoder != Pahole && v.Encoder != BTFKo:
		return Version{}, fmt.Errorf("printed %s, which is neither pahole nor btf-ko", quote(line))
	case max(v.Number.Major(), v.Number.Minor(), v.Number.Patch()) > math.MaxUint32:
		return Version{}, fmt.Errorf("printed %s, which is not a version: number out of range", quote(line))
	}
	return v, nil
}

// parseLine parses the line with the version. semver.NewVersion rejects many of
// the suffixes that distributions add.
func parseLine(line string) (v Version, ok bool) {
	v.Encoder = Pahole
	if name, rest, found := strings.Cut(line, " "); found && isName(name) {
		v.Encoder, line = name, strings.TrimPrefix(rest, "version ")
	}
	var remark string
	v.Text, remark, ok = strings.Cut(line, " ")
	if ok && !(strings.HasPrefix(remark, "(") && strings.HasSuffix(remark, ")")) {
		return v, false
	}
	major, rest, isMajor := cutNumber(strings.TrimPrefix(v.Text, "v"))
	rest, dotted := strings.CutPrefix(rest, ".")
	minor, rest, isMinor := cutNumber(rest)
	var patch uint64
	if after, found := strings.CutPrefix(rest, "."); found {
		// In 1.22.1fc35 and 1.22.fc35, what follows the minor version is a suffix.
		if n, after, ok := cutNumber(after); ok && isSuffix(after) {
			patch, rest = n, after
		}
	}
	v.Number = semver.New(major, minor, patch, preRelease(rest), "")
	return v, isMajor && dotted && isMinor && isSuffix(rest)
}

func isName(s string) bool {
	return s != "" && isLetter(s[0]) && !strings.ContainsFunc(s, func(c rune) bool {
		return !(c < utf8.RuneSelf && isLetter(byte(c)) || c == '_' || c == '-')
	})
}

// isSuffix reports whether s can follow the numbers of a version.
func isSuffix(s string) bool {
	return s == "" || (strings.ContainsRune("-+~.", rune(s[0])) || strings.HasPrefix(s, "rc")) &&
		!strings.ContainsFunc(s, func(c rune) bool {
			return !(c < utf8.RuneSelf && (isLetter(byte(c)) || isDigit(byte(c))) || strings.ContainsRune("-+~._", c))
		})
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

// cutNumber cuts a leading number off s. Numbers above math.MaxUint64 are
// returned as that.
func cutNumber(s string) (n uint64, rest string, ok bool) {
	end := 0
	for end < len(s) && isDigit(s[end]) {
		end++
	}
	n, _ = strconv.ParseUint(s[:end], 10, 64)
	return n, s[end:], end > 0
}

// preRelease returns the pre-release part of a semantic version for a suffix,
// or "" if the suffix does not mean a pre-release: rc.1 for -rc1, rc1 and
// -rc1-5-gabc123, and 0 for ~git2020, as dpkg and rpm sort ~ before the release.
func preRelease(suffix string) string {
	word, tilde := strings.CutPrefix(suffix, "~")
	if !tilde && suffix != "" && strings.ContainsRune("-.", rune(suffix[0])) {
		word = suffix[1:]
	}
	for _, name := range []string{"rc", "pre", "beta", "alpha"} {
		if after, found := strings.CutPrefix(word, name); found {
			if n, _, ok := cutNumber(after); ok {
				return fmt.Sprintf("%s.%d", name, n)
			}
			return name
		}
	}
	if tilde {
		return "0"
	}
	return ""
}

// SplitsBTF reports whether this version encodes split BTF. All versions of
// btf-ko do.
func (v Version) SplitsBTF() bool {
	return v.Encoder == BTFKo || v.Number.GreaterThanEqual(splitBTFSince)
}

// Numeric returns the newest release not newer than v in the form that kernel
// trees compare: 124 for 1.24. The kernel concatenates the digits, so that 2.0
// becomes 20 and 1.100 becomes 1100. Numeric keeps the order of the versions
// instead: 2.0 is 200, minor versions above 99 count as 99, and a pre-release
// counts as the version before, so 1.19-rc1 is 118.
func (v Version) Numeric() uint64 {
	n := v.Number.Major()*100 + min(v.Number.Minor(), 99)
	if v.Number.Patch() == 0 && v.Number.Prerelease() != "" && n > 0 {
		n--
	}
	return n
}

// quote limits how much of a broken encoder's output a message quotes.
func quote(s string) string {
	const limit = 60 // bytes
	if len(s) > limit {
		return strconv.Quote(s[:limit]) + "..."
	}
	return strconv.Quote(s)
}
