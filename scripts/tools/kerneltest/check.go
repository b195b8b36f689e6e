// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kbtf/kbtf/scripts/tools/kerneltest/guest"
	"github.com/kbtf/kbtf/scripts/tools/modules"
)

// The outcomes below are those of the modules, one by one.

// unpublished lists what is wrong with the BTF of modules that were loaded: nothing, if
// the kernel shows each as it stands in the module.
func unpublished(list []*modules.Module, outcomes []outcome) (faults []string) {
	for i, o := range outcomes {
		switch {
		case !o.Loaded():
		case o.Sum == "":
			faults = append(faults, fmt.Sprintf("%s: loaded, but its BTF is not published%s", o.Name, o.said()))
		case o.Sum != guest.Sum(list[i].BTF):
			faults = append(faults, fmt.Sprintf("%s: what is published is not its BTF", o.Name))
		}
	}
	return faults
}

// differences lists modules that load with one BTF and not with the other.
func differences(reference, outcomes []outcome) (faults []string) {
	for i, o := range outcomes {
		switch r := reference[i]; {
		case r.Loaded() && !o.Loaded():
			faults = append(faults, fmt.Sprintf("%s: not loaded (%v), but with the BTF that it was shipped with%s", o.Name, o.Errno, o.said()))
		case !r.Loaded() && o.Loaded():
			faults = append(faults, fmt.Sprintf("%s: loaded, but not with the BTF that it was shipped with (%v)", o.Name, r.Errno))
		}
	}
	return faults
}

// independent picks a few modules for a short boot: such that were loaded, that need no
// others but these, and that do not refer to types by number (.BTF_ids), since those may
// fail to load if the numbers are wrong.
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

// said is what the kernel said while it loaded the module.
func (o outcome) said() string {
	if len(o.messages) == 0 {
		return ""
	}
	return "\n  " + strings.Join(o.messages[max(0, len(o.messages)-5):], "\n  ")
}
