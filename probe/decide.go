// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package probe

import (
	"context"
	"fmt"
)

// SplitBTF decides PAHOLE_HAS_SPLIT_BTF: whether the encoder supports split BTF,
// that is, BTF that refers to the BTF of vmlinux.
func SplitBTF(ctx context.Context, encoder Command) Decision {
	v, err := encoder.Version(ctx)
	if err != nil {
		return Decision{Unknown, err.Error()}
	}
	if !v.SplitsBTF() {
		return Decision{No, fmt.Sprintf("%s: %s %s is older than %d.%d, the first with split BTF",
			encoder, v.Encoder, v.Text, splitBTFSince.Major(), splitBTFSince.Minor())}
	}
	return Decision{Yes, fmt.Sprintf("%s: %s %s supports split BTF", encoder, v.Encoder, v.Text)}
}

// BTFModules decides DEBUG_INFO_BTF_MODULES for the configuration in the file
// config: DEBUG_INFO_BTF && MODULES && PAHOLE_HAS_SPLIT_BTF. It does not run the
// encoder if the configuration lacks one of the first two. DEBUG_INFO_BTF may be
// m, in trees where a module has the BTF of vmlinux.
func BTFModules(ctx context.Context, config string, encoder Command) Decision {
	symbols, err := ReadConfig(config)
	if err != nil {
		return Decision{Unknown, err.Error()}
	}
	for _, name := range []string{"DEBUG_INFO_BTF", "MODULES"} {
		if value := symbols[name]; value != "y" && (value != "m" || name == "MODULES") {
			return Decision{No, fmt.Sprintf("%s: CONFIG_%s is not y", config, name)}
		}
	}
	return SplitBTF(ctx, encoder)
}
