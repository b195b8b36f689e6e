// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btffile

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/bzimage/bzimagetest"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// raw is BTF of one INT.
var raw = func() []byte {
	word := binary.LittleEndian.AppendUint32
	b := []byte{0x9f, 0xeb, 1, 0}
	for _, v := range []uint32{24, 0, 16, 16, 5, 1, 1 << 24, 4, 1<<24 | 32} {
		b = word(b, v)
	}
	return append(b, "\x00int\x00"...)
}()

// forms writes the same BTF in all forms of files below dir.
func forms(t *testing.T, dir string) (names []string) {
	t.Helper()
	write := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	write("raw.btf", raw)
	blob, err := btf.ParseBlob(raw)
	if err != nil {
		t.Fatal(err)
	}
	base, err := btf.NewBase("raw.btf", blob)
	if err != nil {
		t.Fatal(err)
	}
	baseFile, err := base.File()
	if err != nil {
		t.Fatal(err)
	}
	write("raw.btfbase", baseFile)
	object := elftest.Object(t, elftest.GCC, "echo.c")
	elftest.Run(t, dir, "objcopy", "--add-section", ".BTF=raw.btf", object, "vmlinux")
	names = append(names, "vmlinux")
	elf, err := os.ReadFile(filepath.Join(dir, "vmlinux"))
	if err != nil {
		t.Fatal(err)
	}
	write("vmlinuz", bzimagetest.Image(elf))
	for _, name := range names {
		for _, program := range [][]string{{"xz", ".xz"}, {"gzip", ".gz"}, {"zstd", ".zst"}} {
			elftest.Run(t, dir, program[0], "-k", "-q", name)
			names = append(names, name+program[1])
		}
	}
	return names
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	for _, name := range forms(t, dir) {
		path := filepath.Join(dir, name)
		f, err := Open(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if string(f.BTF) != string(raw) || f.Base != nil || f.Path != path {
			t.Errorf("%s: %q", name, f.BTF)
		}
		f.Close()
	}
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	forms(t, dir)
	object, err := os.ReadFile(elftest.Object(t, elftest.GCC, "echo.c"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "file")
	for _, test := range []struct {
		name, contents, want string
	}{
		{"no BTF", string(object), ": no .BTF section: build vmlinux with CONFIG_DEBUG_INFO_BTF=y"},
		{"gzip", "\x1f\x8b\x08", ": cannot decompress: gzip: unexpected EOF"},
		{"zstd", "\x28\xb5\x2f\xfd\x00\x01", ": cannot decompress: zstd: unexpected EOF"},
		{"xz", "\xfd7zXZ\x00\x00", ": cannot decompress: xz: exit status 1: "},
		{"ELF", "\x7fELF", ": truncated ELF file"},
	} {
		if err := os.WriteFile(path, []byte(test.contents), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := OpenBase(path)
		if err == nil || !strings.HasPrefix(err.Error(), "base "+path+test.want) ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestBaseSectionAndRelease(t *testing.T) {
	dir := t.TempDir()
	forms(t, dir)
	elftest.Run(t, dir, "objcopy", "--add-section", ".BTF.base=raw.btf", "vmlinux", "distilled")
	f, err := Open(filepath.Join(dir, "distilled"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if string(f.Base) != string(raw) {
		t.Errorf(".BTF.base: %q", f.Base)
	}
	for name, want := range map[string]string{
		"vmlinuz":    bzimagetest.Release,
		"vmlinuz.xz": bzimagetest.Release,
		"vmlinux":    "",
	} {
		c, err := OpenContents(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if c.Release != want {
			t.Errorf("%s: release %q", name, c.Release)
		}
		c.Close()
	}
}
