// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package btffile opens files that have BTF for reading: ELF files such as vmlinux and modules, raw
// BTF such as /sys/kernel/btf/vmlinux, base files of "btf-ko base", bootable x86 kernels, and all
// of these compressed with xz, zstd or gzip.
//
// Commands that write a file open it with elfimage instead, which refuses compressed files.
package btffile

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/bzimage"
	"github.com/kbtf/kbtf/internal/decompress"
	"github.com/kbtf/kbtf/internal/elfimage"
)

// maxSize limits the decompressed size of a file in bytes. A vmlinux with DWARF is smaller.
const maxSize = 4 << 30

// A File is a file with BTF.
type File struct {
	Path   string
	BTF    []byte // .BTF
	Base   []byte // .BTF.base, nil if there is none
	Target btf.Target
	// Image is the ELF file with these sections; nil if the file has another format, or is a base.
	Image *elfimage.Image

	mapped []byte
}

// Open opens a file that has BTF. A file in an unknown format is treated as raw BTF; parsing it
// returns the error.
func Open(path string) (*File, error) {
	c, err := OpenContents(path)
	if err != nil {
		return nil, err
	}
	f := &File{Path: path, mapped: c.mapped}
	if f.BTF, f.Target, err = c.BTF(); err == nil {
		f.Base, err = c.section(".BTF.base")
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	f.Image = c.image
	return f, nil
}

// OpenBase opens the base that split BTF refers to.
func OpenBase(path string) (*File, error) {
	f, err := Open(path)
	if err != nil {
		return nil, BaseError(err)
	}
	f.Image = nil // what was decompressed can be freed
	return f, nil
}

// CarriesBase reports whether a file is the module that has vmlinux's BTF instead of its own. Kernels
// with CONFIG_DEBUG_INFO_BTF=m recognise it by its name.
func CarriesBase(path string) bool {
	name, _, isModule := strings.Cut(filepath.Base(path), ".ko")
	return isModule && name == "btf_vmlinux"
}

// CheckBase returns an error if a base is for another machine than the file.
func (f *File) CheckBase(base *File) error {
	if err := f.Target.CheckBase(base.Path, base.Target); err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	return nil
}

// BaseError returns an error of Open or OpenContents as that of a base; nil for nil.
func BaseError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrNoBTF):
		return fmt.Errorf("base %w: build vmlinux with CONFIG_DEBUG_INFO_BTF=y", err)
	}
	return fmt.Errorf("base %w", err)
}

// ErrNoBTF is the error of an ELF file without BTF.
var ErrNoBTF = errors.New("no .BTF section")

// Close releases the file; nothing of it may be used afterwards.
func (f *File) Close() { elfimage.Unmap(f.mapped) }

// Contents is the contents of a file, which need not have BTF.
type Contents struct {
	Path string
	// Release is the kernel release of a bootable kernel, "" for other files.
	Release string

	mapped []byte // the file
	data   []byte // the same, decompressed
	image  *elfimage.Image
}

// OpenContents opens a file.
func OpenContents(path string) (*Contents, error) {
	mapped, err := elfimage.MapFile(path)
	if err != nil {
		return nil, err
	}
	c := &Contents{Path: path, mapped: mapped, data: mapped}
	if decompress.Program(mapped) != "" {
		if c.data, err = decompress.Data(mapped, maxSize); err != nil {
			c.Close()
			return nil, fmt.Errorf("%s: cannot decompress: %w", path, err)
		}
	}
	if err := elfimage.CheckFormat(path, c.data); err != nil {
		c.Close()
		return nil, err
	}
	c.Release = bzimage.Release(c.data)
	return c, nil
}

// Close releases the contents; nothing of them may be used afterwards.
func (c *Contents) Close() { elfimage.Unmap(c.mapped) }

// BaseFile returns the contents if they were made by "btf-ko base", otherwise nil.
func (c *Contents) BaseFile() []byte {
	if btf.IsBaseFile(c.data) {
		return c.data
	}
	return nil
}

// ELF returns the contents as an ELF file: those of a bootable kernel as its vmlinux.
func (c *Contents) ELF() (*elfimage.Image, error) {
	if c.image != nil {
		return c.image, nil
	}
	data := c.data
	if bzimage.Is(data) {
		var err error
		if data, err = bzimage.Vmlinux(data); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Path, err)
		}
	}
	var err error
	c.image, err = elfimage.Parse(c.Path, data)
	return c.image, err
}

func (c *Contents) isELF() bool { return elfimage.IsELF(c.data) || bzimage.Is(c.data) }

// BTF returns the BTF, and what is known of the machine that it is for.
func (c *Contents) BTF() ([]byte, btf.Target, error) {
	if file := c.BaseFile(); file != nil {
		raw, target, err := btf.BaseFileBTF(c.Path, file)
		if err != nil {
			err = errors.New(strings.TrimPrefix(err.Error(), "base ")) // it need not be used as a base
		}
		return raw, target, err
	}
	if !c.isELF() {
		blob, err := btf.ParseBlob(c.data)
		if err != nil {
			return c.data, btf.Target{}, nil // parsing it returns the error
		}
		return c.data, blob.Target(), nil
	}
	raw, err := c.section(".BTF")
	if err == nil && raw == nil {
		err = fmt.Errorf("%s: %w", c.Path, ErrNoBTF)
	}
	if err != nil {
		return nil, btf.Target{}, err
	}
	return raw, TargetOf(c.image), nil
}

// TargetOf returns the machine that an ELF file is for.
func TargetOf(img *elfimage.Image) btf.Target {
	t := btf.Target{Machine: img.Machine, Class: img.Class, Data: elf.ELFDATA2LSB}
	if img.BigEndian() {
		t.Data = elf.ELFDATA2MSB
	}
	return t
}

// section returns the contents of an ELF file's section; nil if there is none.
func (c *Contents) section(name string) ([]byte, error) {
	if !c.isELF() {
		return nil, nil
	}
	img, err := c.ELF()
	if err != nil {
		return nil, err
	}
	s := img.Section(name)
	if s == nil || s.Size == 0 {
		return nil, nil
	}
	raw, err := img.Inflate(s)
	if &img.Data[0] != &c.mapped[0] {
		raw = bytes.Clone(raw) // the rest of what was decompressed can be freed
	}
	return raw, err
}
