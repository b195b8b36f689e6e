// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

func TestBitcodeOfClang(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, flag := range []string{"-flto", "-flto=thin", "-emit-llvm"} {
		elftest.Run(t, ".", "sh", "-c", "echo 'int f(void) { return 1; }' | clang "+flag+" -g -c -x c -o x.ko -")
		var out bytes.Buffer
		if run([]string{"x.ko"}, &out, &out) != exitFailed || !strings.Contains(out.String(), "x.ko: LLVM bitcode") {
			t.Errorf("%s: %s", flag, out.String())
		}
	}
}
