// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package docs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kbtf/kbtf/internal/fetchtest"
)

func TestPagesWithPahole(t *testing.T) {
	bin := programs(t)
	script := "#!/bin/sh\nexec '" + fetchtest.Path(t, "pahole-1.30") + `' "$@"` + "\n"
	if err := os.WriteFile(filepath.Join(bin, "pahole"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	runPages(t, bin, withPahole)
}
