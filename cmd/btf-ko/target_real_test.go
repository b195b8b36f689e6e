// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package main

import (
	"bytes"
	"debug/elf"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// Modules for all machines that clang compiles for are encoded against their own base, and refused with that of
// x86-64.
func TestBaseOfOtherMachines(t *testing.T) {
	x86 := compileKernel(t, elftest.GCC, elf.EM_NONE)
	for _, target := range elftest.Targets {
		k := compileKernel(t, target, elf.EM_NONE)
		header, err := elf.Open(k.module)
		if err != nil {
			t.Fatal(err)
		}
		same := header.Machine == elf.EM_X86_64 && header.Class == elf.ELFCLASS64
		header.Close()
		var out bytes.Buffer
		status := run([]string{"--btf_base", x86.bases["ELF"], k.module}, &out, &out)
		if refused := status == exitFailed && strings.Contains(out.String(), "is for x86-64"); refused == same {
			t.Errorf("%s: %d, %s", target.Name, status, out.String())
		}
		for form, path := range k.bases {
			out.Reset()
			if status := run([]string{"--btf_base", path, k.module}, &out, &out); status != exitDone {
				t.Errorf("%s: %s: %s", target.Name, form, out.String())
			}
			mustRun(t, "verify", "--btf_base", path, k.module)
		}
	}
}
