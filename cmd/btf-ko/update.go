// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/kbtf/kbtf/internal/attach"
	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/encode"
)

// With --update, make need not know which modules have to be encoded: a module has a stamp of all
// that its BTF was made from, and one that has been linked again has none.

// stamp returns the stamp of modules that are encoded in this way. It waits for the base.
func stamp(base *btf.Base, how encode.Options, c attach.Completion) (elfimage.Stamp, error) {
	if err := base.Ready(); err != nil {
		return elfimage.Stamp{}, err
	}
	how.Note, how.IDs, how.Threads = nil, nil, 0 // these do not change the BTF
	text := fmt.Sprintf("btf-ko %s\nbase %s\n%+v\n%+v\n", Version, base.Fingerprint(), how, c)
	sum := sha256.Sum256([]byte(text))
	return elfimage.Stamp(sum[:]), nil
}

// makeOption reports whether make was called with a short option. MAKEFLAGS begins with these, or with
// a space.
func makeOption(makeflags, option string) bool {
	short, _, _ := strings.Cut("-"+makeflags, " ")
	return !strings.HasPrefix(short, "--") && !strings.Contains(short, "=") && strings.Contains(short, option)
}
