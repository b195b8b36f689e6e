// SPDX-License-Identifier: GPL-2.0-only

package probe

import (
	"context"
	"fmt"
)

// SplitBTF decides PAHOLE_HAS_SPLIT_BTF: can this encoder write BTF that
// refers to the BTF of vmlinux?
func SplitBTF(ctx context.Context, e Encoder) Decision {
	v, err := e.Version(ctx)
	if err != nil {
		return Decision{Unknown, err.Error()}
	}
	if !v.SplitsBTF() {
		return Decision{No, fmt.Sprintf("%s: %s %s is older than %d.%d, the first with split BTF",
			e, v.Encoder, v.Text, splitBTFSince.Major(), splitBTFSince.Minor())}
	}
	return Decision{Yes, fmt.Sprintf("%s: %s %s writes split BTF", e, v.Encoder, v.Text)}
}

// BTFModules decides DEBUG_INFO_BTF_MODULES for the configuration in the file
// config: DEBUG_INFO_BTF && MODULES && PAHOLE_HAS_SPLIT_BTF.
func BTFModules(ctx context.Context, config string, e Encoder) Decision {
	set, err := readConfig(config)
	if err != nil {
		return Decision{Unknown, err.Error()}
	}
	for _, symbol := range []string{"DEBUG_INFO_BTF", "MODULES"} {
		if set[symbol] != "y" {
			return Decision{No, fmt.Sprintf("%s: CONFIG_%s is not y", config, symbol)}
		}
	}
	return SplitBTF(ctx, e)
}
