// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"fmt"

	"github.com/kbtf/kbtf/internal/encode"
)

// rules is the value of --compat: the version of pahole whose rules for functions apply.
type rules encode.Rules

var rulesByVersion = map[string]encode.Rules{
	"1.30": encode.Rules130,
	"1.32": encode.Rules132,
}

func (r *rules) String() string { return "" }
func (r *rules) Type() string   { return "VERSION" }

func (r *rules) Set(version string) error {
	v, ok := rulesByVersion[version]
	if !ok {
		return fmt.Errorf("%q: known are 1.30 and 1.32", version)
	}
	*r = rules(v)
	return nil
}
