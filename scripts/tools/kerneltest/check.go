// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kbtf/kbtf/scripts/tools/kerneltest/guest"
	"github.com/kbtf/kbtf/scripts/tools/modules"
)

// unpublished returns the loaded modules whose published BTF is missing or not that of the module.
// list and outcomes are in the same order.
func unpublished(list []*modules.Module, outcomes []outcome) (faults []string) {
	for i, o := range outcomes {
		switch {
		case !o.Loaded():
		case o.Sum == "":
			faults = append(faults, fmt.Sprintf("%s: loaded, but its BTF is not published%s", o.Name, o.lastMessages()))
		case o.Sum != guest.Sum(list[i].BTF):
			faults = append(faults, fmt.Sprintf("%s: the published BTF is not its own", o.Name))
		}
	}
	return faults
}

// differences returns the modules that load only with the BTF of one side.
func differences(reference, outcomes []outcome) (faults []string) {
	for i, o := range outcomes {
		switch r := reference[i]; {
		case r.Loaded() && !o.Loaded():
			faults = append(faults,
				fmt.Sprintf("%s: loads only with its original BTF (%v)%s", o.Name, o.Errno, o.lastMessages()))
		case !r.Loaded() && o.Loaded():
			faults = append(faults, fmt.Sprintf("%s: does not load with its original BTF (%v)", o.Name, r.Errno))
		}
	}
	return faults
}

// independent selects a few modules for a short boot: modules that were loaded, that depend only on
// each other, and that have no .BTF_ids, as wrong type ids there may fail the load.
func independent(list []*modules.Module, outcomes []outcome) (some []*modules.Module) {
	picked := make(map[string]bool)
	for i, m := range list {
		needs := slices.ContainsFunc(m.Depends, func(name string) bool { return !picked[name] })
		if outcomes[i].Loaded() && !m.BTFIDs && !needs && len(some) < 40 {
			picked[m.Name] = true
			some = append(some, m)
		}
	}
	return some
}

// lastMessages returns the last messages of the kernel while it loaded the module.
func (o outcome) lastMessages() string {
	if len(o.messages) == 0 {
		return ""
	}
	return "\n  " + strings.Join(o.messages[max(0, len(o.messages)-5):], "\n  ")
}
