// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import "github.com/kbtf/kbtf/internal/encode"

// rules is the value of --compat: the version of pahole whose rules for functions apply.
type rules encode.Rules

func (r *rules) String() string { return "" }
func (r *rules) Type() string   { return "VERSION" }

func (r *rules) Set(version string) error {
	parsed, err := encode.ParseRules(version)
	if err == nil {
		*r = rules(parsed)
	}
	return err
}
