// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package elfimage

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// touch rewrites a section with libelf, as the kernel's resolve_btfids does after an encoder.
const touch = `
#include <fcntl.h>
#include <gelf.h>
#include <string.h>

int main(int argc, char **argv)
{
	GElf_Shdr header;
	Elf_Scn *s = NULL;
	size_t names;
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_begin(open(argv[1], O_RDWR), ELF_C_RDWR_MMAP, NULL);
	elf_flagelf(elf, ELF_C_SET, ELF_F_LAYOUT);
	if (!elf || elf_getshdrstrndx(elf, &names))
		return 1;
	while ((s = elf_nextscn(elf, s))) {
		gelf_getshdr(s, &header);
		if (!strcmp(elf_strptr(elf, names, header.sh_name), argv[2])) {
			elf_flagdata(elf_getdata(s, NULL), ELF_C_SET, ELF_F_DIRTY);
			return elf_update(elf, ELF_C_WRITE) < 0;
		}
	}
	return 2;
}
`

// libelf's output is intact after Attach, also if a header is inactive because a section was
// removed.
func TestLibelf(t *testing.T) {
	dir := t.TempDir()
	source, program := filepath.Join(dir, "touch.c"), filepath.Join(dir, "touch")
	if err := os.WriteFile(source, []byte(touch), 0o644); err != nil {
		t.Fatal(err)
	}
	elftest.Run(t, "", "gcc", "-o", program, source, "-lelf")
	foreign := writeFile(t, []byte("foreign foreign"))
	for _, test := range []struct {
		name  string
		steps func(path string)
	}{
		{"attached", func(path string) { mustAttach(t, path, ".BTF", []byte("ours")) }},
		{"foreign removed", func(path string) {
			elftest.Run(t, "", "objcopy", "--add-section", ".BTF="+foreign, path)
			mustDetach(t, path, ".BTF")
		}},
		{"foreign removed, ours attached", func(path string) {
			elftest.Run(t, "", "objcopy", "--add-section", ".BTF="+foreign, path)
			mustDetach(t, path, ".BTF")
			mustAttach(t, path, ".BTF", []byte("ours"))
		}},
		{"attached after removing a foreign one", func(path string) {
			elftest.Run(t, "", "objcopy", "--add-section", ".BTF.base="+foreign, path)
			img, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer img.Close()
			if err := img.Attach(NewSection{Name: ".BTF", Contents: []byte("ours")},
				NewSection{Name: ".BTF.base", Remove: true}); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		path := elftest.Object(t, elftest.GCC, "ring.c")
		test.steps(path)
		original := sectionContents(t, path)
		elftest.Run(t, "", program, path, ".text")
		after := sectionContents(t, path)
		for name, contents := range original {
			if !bytes.Equal(after[name], contents) {
				t.Errorf("%s: %s has changed", test.name, name)
			}
		}
	}
}
