// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// Under the name pahole, as PREFIX/lib/kbtf/pahole, btf-ko answers what kernel trees ask pahole before they call it: its version, by
// which scripts/pahole-version.sh and Makefile.btf choose flags, and its features. It says that it is the pahole whose rules it
// follows without --compat.
const paholeVersion = "1.32"

// answerAsPahole answers such a question, and tells whether it was one.
func answerAsPahole(program string, args []string, stdout io.Writer) bool {
	if filepath.Base(program) != "pahole" || len(args) != 1 {
		return false
	}
	switch args[0] {
	case "--version":
		fmt.Fprintf(stdout, "v%s\n", paholeVersion)
	case "--numeric_version":
		fmt.Fprintln(stdout, strings.ReplaceAll(paholeVersion, ".", ""))
	case "--supported_btf_features":
		fmt.Fprintln(stdout, strings.Join(slices.DeleteFunc(slices.Concat(defaultFeatures, otherFeatures), func(f string) bool { return f == mergeUnits }), ","))
	default:
		return false
	}
	return true
}
