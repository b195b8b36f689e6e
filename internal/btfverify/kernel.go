// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfverify

import "fmt"

// A Kernel lists how a version differs from others when it loads BTF.
type Kernel struct {
	Version string
	// Header is the length of the longest header that is known, in bytes. The rest of a longer
	// header must be zero.
	Header uint32
	// InfoMask has the bits of a type's info word that may be set: kind_flag, kind and vlen.
	InfoMask uint32
	// FlaggedTags is set if kind_flag of TYPE_TAG and DECL_TAG may be set: the tag is an attribute.
	FlaggedTags bool
	// TagsFirst is set if in a chain of modifiers the TYPE_TAGs have to precede all others.
	TagsFirst bool
	// AnySection is set if the name of a DATASEC may have all characters that can be printed, not
	// only those of identifiers.
	AnySection bool
	// Relocates is set if .BTF.base is read and .BTF is taken to be split against it.
	Relocates bool
}

// Kernels are the versions that are known, oldest first. Before 5.11 there is no BTF of modules.
//
// Observed on Debian's 6.1.0-56, 6.12.117 and 7.2.13, where TestRunningKernel passes. What changed
// is, in 6.12: Relocates (btf_relocate), AnySection. In 6.14: FlaggedTags. In 7.x: Header
// (layout_off, layout_len), InfoMask (vlen of 24 bits, kind of 7), TagsFirst
// (btf_check_modifier_chain_length in the place of btf_check_type_tags).
var Kernels = []Kernel{
	{Version: "6.1", Header: 24, InfoMask: 0x9f00ffff, TagsFirst: true},
	{Version: "6.12", Header: 24, InfoMask: 0x9f00ffff, TagsFirst: true, AnySection: true, Relocates: true},
	{Version: "7.2", Header: 32, InfoMask: 0xffffffff, FlaggedTags: true, AnySection: true, Relocates: true},
}

// KernelOf finds a version in Kernels; "" is the newest one.
func KernelOf(version string) (*Kernel, error) {
	if version == "" {
		return &Kernels[len(Kernels)-1], nil
	}
	for i := range Kernels {
		if Kernels[i].Version == version {
			return &Kernels[i], nil
		}
	}
	return nil, fmt.Errorf("kernel %q is unknown: use 6.1, 6.12, 7.2 or running", version)
}

// Limits of all kernels (include/uapi/linux/btf.h), over base and split together.
const (
	maxID         = 0xfffff
	maxNameOffset = 0xffffff
	maxNameLength = 512 // bytes without the NUL: KSYM_NAME_LEN since 6.1
	maxChain      = 32  // modifiers that refer to each other
)
