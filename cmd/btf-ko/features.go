// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"strings"

	"github.com/kbtf/kbtf/internal/btf"
)

// Features are what --btf_features names, as pahole 1.26 and later take it from a kernel's build files. Naming any turns off
// those that are not named.
type features struct {
	given bool
	on    map[string]bool
}

// defaultFeatures is the group "default", which a leading + adds.
var defaultFeatures = []string{"encode_force", "var", "float", "decl_tag", "type_tag", "enum64", "optimized_func",
	"consistent_func", "decl_tag_kfuncs"}

// String, Set and Type make it a flag.
func (f *features) String() string { return "" }
func (f *features) Type() string   { return "list" }

func (f *features) Set(list string) error {
	if f.on == nil {
		f.on = map[string]bool{}
	}
	f.given = true
	if rest, plus := strings.CutPrefix(list, "+"); plus {
		list = "default," + rest
	}
	for name := range strings.SplitSeq(list, ",") {
		if name == "default" {
			for _, d := range defaultFeatures {
				f.on[d] = true
			}
		}
		f.on[name] = true // pahole ignores names that it does not know, so that old ones take new lists
	}
	return nil
}

// dialect is what the features say on top of what the base says.
func (f *features) dialect(base btf.Dialect) btf.Dialect {
	if f.given {
		base.Float, base.Enum64 = f.on["float"], f.on["enum64"]
		base.TypeTags, base.DeclTags = f.on["type_tag"], f.on["decl_tag"]
		base.KfuncTags = base.DeclTags && f.on["decl_tag_kfuncs"]
	}
	return base
}
