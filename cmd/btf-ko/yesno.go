// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import "fmt"

// yesNo is the value of a flag that is on by default, --resolve_ids=no.
type yesNo bool

func (y *yesNo) String() string {
	if *y {
		return "yes"
	}
	return "no"
}

func (y *yesNo) Type() string { return "yes|no" }

func (y *yesNo) Set(s string) error {
	switch s {
	case "yes", "no":
		*y = s == "yes"
		return nil
	}
	return fmt.Errorf("%q is not yes or no", s)
}
