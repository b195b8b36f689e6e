// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package encode

import (
	"testing"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/btfverify"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// The running kernel accepts the odd types.
func TestOddTypesInKernel(t *testing.T) {
	running, err := btfverify.AskRunning()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("Linux %s", running.Release)
	for _, tt := range oddTypes {
		t.Run(tt.name, func(t *testing.T) {
			img := with(elftest.GCC, "-O2", "-gdwarf-5").build(t, tt.source)
			raw, err := File(img, NoBase(), Options{Dialect: btf.Modern})
			if err != nil {
				t.Fatal(err)
			}
			if err := running.Load(raw); err != nil {
				t.Error(err)
			}
		})
	}
}
