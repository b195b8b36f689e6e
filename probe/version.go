// SPDX-License-Identifier: GPL-2.0-only

package probe

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The encoders whose version line is understood. pahole prints its version
// alone, so a line without a name is pahole's.
const (
	Pahole = "pahole"
	BTFKo  = "btf-ko"
)

// A release is the numbers of a version: major, minor, patch level.
type release [3]uint64

// splitSince is the first release of pahole that writes split BTF. btf-ko
// always has: it is what btf-ko is for.
var splitSince = release{1, 19}

// Version is an encoder's answer to --version.
type Version struct {
	Encoder string // Pahole or BTFKo
	Text    string // the version as printed, without the encoder's name
	release release
	before  bool // a pre-release: older than the release
}

// ParseVersion reads what an encoder and its distribution print for --version:
// an optional name, an optional v, two or three numbers, a suffix that ends at
// the first blank, and perhaps a remark in parentheses. Commits after a release
// (v1.24-12-gabc123 of git describe, 1.24+r29+g02d67c5 of Arch Linux) and a
// distribution's package revision count as the release.
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
	case slices.Max(v.release[:]) > math.MaxUint32:
		return Version{}, fmt.Errorf("printed %s, which is not a version: number out of range", quote(line))
	}
	return v, nil
}

// parseLine reads a line with a version. It does without regular expressions:
// to compile one takes a tenth of a millisecond, for each question of Kconfig.
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
	v.release = release{major, minor}
	if after, found := strings.CutPrefix(rest, "."); found {
		if patch, after, ok := cutNumber(after); ok && isSuffix(after) {
			v.release[2], rest = patch, after
		}
	}
	v.before = isPreRelease(rest)
	return v, isMajor && dotted && isMinor && isSuffix(rest)
}

func isName(s string) bool {
	return s != "" && isLetter(s[0]) && !strings.ContainsFunc(s, func(c rune) bool {
		return !(c < utf8.RuneSelf && isLetter(byte(c)) || c == '_' || c == '-')
	})
}

// isSuffix tells whether s can follow the numbers of a version: nothing, or
// what is set off from them.
func isSuffix(s string) bool {
	return s == "" || (strings.ContainsRune("-+~.", rune(s[0])) || strings.HasPrefix(s, "rc")) &&
		!strings.ContainsFunc(s, func(c rune) bool {
			return !(c < utf8.RuneSelf && (isLetter(byte(c)) || isDigit(byte(c))) || strings.ContainsRune("-+~._", c))
		})
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

// cutNumber cuts a number off; what does not fit is the largest one.
func cutNumber(s string) (n uint64, rest string, ok bool) {
	end := 0
	for end < len(s) && isDigit(s[end]) {
		end++
	}
	n, _ = strconv.ParseUint(s[:end], 10, 64)
	return n, s[end:], end > 0
}

// isPreRelease tells -rc1, rc1, -rc1-5-gabc123, and ~git2020 or whatever else
// follows the tilde of dpkg and rpm, from other suffixes.
func isPreRelease(suffix string) bool {
	if suffix == "" || suffix[0] == '~' {
		return suffix != ""
	}
	if suffix[0] == '-' || suffix[0] == '.' {
		suffix = suffix[1:]
	}
	return slices.ContainsFunc([]string{"rc", "pre", "alpha", "beta"}, func(word string) bool {
		return strings.HasPrefix(suffix, word)
	})
}

// isSince reports whether v is as old as the release, or newer.
func (v Version) isSince(r release) bool {
	order := slices.Compare(v.release[:], r[:])
	return order > 0 || order == 0 && !v.before
}

// SplitsBTF reports whether this version writes split BTF.
func (v Version) SplitsBTF() bool { return v.Encoder == BTFKo || v.isSince(splitSince) }

// Numeric is the newest release that v is at least as new as, in the form
// that kernel trees compare: 1.24 is 124. The kernel concatenates the digits,
// which makes 2.0 twenty and 1.100 eleven hundred; here a minor above 99 stays
// 99, so that the numbers have the order of the versions (1.100 is 199, 2.0 is
// 200) and a pre-release counts as the version before (1.19-rc1 is 118).
func (v Version) Numeric() uint64 {
	n := v.release[0]*100 + min(v.release[1], 99)
	if v.release[2] == 0 && v.before && n > 0 {
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
