// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// All commands name files of a build that are neither modules nor vmlinux.
func TestOtherFormats(t *testing.T) {
	const (
		bitcode = ": LLVM bitcode (clang -flto), not an ELF file: link it (ld.lld -r), or build without LTO"
		archive = ": an archive of objects, not an ELF file: use the file that is linked from it"
	)
	t.Chdir(buildFixture(t, 5))
	mustRun(t, "--btf_base", "vmlinux", "ring.ko")
	elftest.Run(t, ".", "ar", "rc", "archive.ko", "ring.o", "echo.o")
	elftest.Run(t, ".", "ar", "rcT", "thin.ko", "ring.o", "echo.o")
	for name, data := range map[string]string{
		"bitcode.ko": "BC\xc0\xde\x35\x14\x00\x00\x05\x00\x00\x00",
		"wrapped.ko": "\xde\xc0\x17\x0b\x00\x00\x00\x00\x14\x00\x00\x00BC\xc0\xde",
	} {
		if err := os.WriteFile(name, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	elftest.Run(t, ".", "gzip", "-k", "bitcode.ko")
	writing := []string{
		"FILE", "--btf_base vmlinux FILE", "--btf_base none FILE", "--btf_base auto FILE",
		"--btf_base vmlinux FILE echo.ko", "--btf_base vmlinux --debug_file FILE echo.ko", "strip FILE",
	}
	reading := []string{
		"--btf_base FILE echo.ko", "base FILE", "base --raw -o x.btf FILE", "base --find FILE",
		"verify FILE", "verify --btf_base vmlinux FILE", "verify --btf_base FILE ring.ko",
		"dump --btf_base vmlinux FILE", "dump --btf_base FILE ring.ko", "dump --btf_base vmlinux --c ring FILE",
		"diff FILE vmlinux", "diff --btf_base vmlinux ring.ko FILE", "diff --btf_base FILE ring.ko ring.ko",
		"report --btf_base vmlinux FILE", "report --btf_base FILE ring.ko",
	}
	for _, tt := range []struct {
		name, want string
		commands   []string
	}{
		{"bitcode.ko", bitcode, slices.Concat(writing, reading)},
		{"wrapped.ko", bitcode, slices.Concat(writing, reading)},
		{"archive.ko", archive, slices.Concat(writing, reading)},
		{"thin.ko", archive, slices.Concat(writing, reading)},
		{"bitcode.ko.gz", bitcode, reading}, // the others refuse compressed files
	} {
		before := elftest.Read(t, tt.name)
		for _, command := range tt.commands {
			var out bytes.Buffer
			args := strings.Fields(strings.ReplaceAll(command, "FILE", tt.name))
			if status := run(args, &out, &out); status == exitDone || strings.Count(out.String(), tt.name+tt.want) != 1 {
				t.Errorf("btf-ko %v: exit status %d\n%s", args, status, out.String())
			}
		}
		if !bytes.Equal(elftest.Read(t, tt.name), before) {
			t.Errorf("%s has changed", tt.name)
		}
	}
	if found, _ := filepath.Glob("*.btfbase"); len(found) > 0 {
		t.Errorf("written: %v", found)
	}
}
