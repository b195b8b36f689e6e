// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package doctor

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// FuzzExamine examines a tree with arbitrary files, and compares it with an arbitrary file. Errors and
// findings must be one line each.
func FuzzExamine(f *testing.F) {
	const (
		makefile = "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 3\nEXTRAVERSION = -rc1\n"
		config   = "CONFIG_DEBUG_INFO=y\nCONFIG_DEBUG_INFO_BTF=y\nCONFIG_MODULES=y\n" +
			"CONFIG_PAHOLE_VERSION=125\n# CONFIG_SMP is not set\n"
		header  = "struct module {\n#ifdef CONFIG_SMP\n\tint a;\n#elif defined(CONFIG_SYSFS)\n#endif\n};\n"
		symvers = "0x12345678\tmodule_layout\tvmlinux\tEXPORT_SYMBOL\t\n"
	)
	dir := f.TempDir()
	elftest.Run(f, dir, "sh", "-c", `printf '.section .gnu.linkonce.this_module,"aw"; .zero 64
		.section __versions,"a"; .quad 0x12345678; .asciz "module_layout"; .zero 42' >x.s && gcc -c -o x.o x.s`)
	module := string(elftest.Read(f, filepath.Join(dir, "x.o")))
	f.Add(makefile, config, header, "x.ko\n", symvers, "CONFIG_SMP=y\n", "")
	f.Add(makefile, config, "", "", symvers, "0x87654321\tmodule_layout\tvmlinux\n", "")
	f.Add(makefile, "CONFIG_DEBUG_INFO_REDUCED=y\nCONFIG_DEBUG_INFO=y\n", header, "a.o\nx.o\n", symvers, module, module)
	f.Add("VERSION = 5\nPATCHLEVEL = 4\n", "", "", "", "", "", "")
	tree := f.TempDir()
	for _, name := range []string{"lib", "scripts", "include/linux"} {
		if err := os.MkdirAll(filepath.Join(tree, name), 0o755); err != nil {
			f.Fatal(err)
		}
	}
	for _, name := range []string{"lib/Kconfig.debug", "scripts/Makefile.modfinal"} {
		text := elftest.Read(f, filepath.Join("../../testdata/minitree", name))
		if err := os.WriteFile(filepath.Join(tree, name), text, 0o644); err != nil {
			f.Fatal(err)
		}
	}
	written := map[string]string{} // contents by name
	f.Fuzz(func(t *testing.T, makefile, config, header, order, symvers, against, module string) {
		if strings.Contains(order, "..") || strings.Contains(order, "\x00") {
			return
		}
		t.Setenv("PATH", "/nowhere") // no programs
		t.Setenv("PAHOLE", "")
		for name, text := range map[string]string{
			"Makefile": makefile, ".config": config, "include/linux/module.h": header, "modules.order": order,
			"Module.symvers": symvers, "against": against, "x.ko": module,
		} {
			if old, ok := written[name]; ok && old == text {
				continue
			}
			if err := os.WriteFile(filepath.Join(tree, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			written[name] = text
		}
		d, err := Examine(t.Context(), Options{Tree: tree, Against: filepath.Join(tree, "against")})
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q", err)
			}
			return
		}
		for _, finding := range d.Findings {
			if strings.Contains(finding.Text+finding.Fix, "\n") {
				t.Errorf("finding %q, fix %q", finding.Text, finding.Fix)
			}
		}
		if err := d.Text(io.Discard, true); err != nil {
			t.Error(err)
		}
		if _, err := json.Marshal(d); err != nil {
			t.Error(err)
		}
	})
}
