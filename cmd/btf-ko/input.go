// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"fmt"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/bzimage"
	"github.com/kbtf/kbtf/internal/elfimage"
)

// An input is a file with BTF in it: ELF, raw BTF such as /sys/kernel/btf/vmlinux, a base file, or a bootable kernel.
type input struct {
	path string
	btf  []byte // .BTF
	base []byte // .BTF.base, nil if there is none
	data []byte // the file, mapped
}

// openInput maps a file and finds its BTF. What is neither ELF nor BTF is taken for BTF: its reader says what is wrong.
func openInput(path string) (*input, error) {
	data, err := elfimage.MapFile(path)
	if err != nil {
		return nil, err
	}
	in := &input{path: path, btf: data, data: data}
	if btf.IsBaseFile(data) {
		if in.btf, err = btf.BaseFileBTF(path, data); err != nil {
			in.close()
			return nil, err
		}
	}
	if bzimage.Is(data) {
		if data, err = bzimage.Vmlinux(data); err != nil {
			in.close()
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	if elfimage.IsELF(data) {
		if err := in.findSections(data); err != nil {
			in.close()
			return nil, err
		}
	}
	return in, nil
}

func (in *input) findSections(data []byte) error {
	img, err := elfimage.Parse(in.path, data)
	if err != nil {
		return err
	}
	if in.base, err = contents(img, ".BTF.base"); err != nil {
		return err
	}
	if in.btf, err = contents(img, ".BTF"); err == nil && in.btf == nil {
		err = fmt.Errorf("%s: no .BTF section", in.path)
	}
	return err
}

// contents gives a section's bytes; nil if there is no such section.
func contents(img *elfimage.Image, name string) ([]byte, error) {
	s := img.Section(name)
	if s == nil || s.Size == 0 {
		return nil, nil
	}
	return img.Inflate(s)
}

// close gives the mapping back; nothing of the input may be used afterwards.
func (in *input) close() { elfimage.Unmap(in.data) }
