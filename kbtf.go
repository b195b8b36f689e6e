// SPDX-License-Identifier: GPL-2.0-only

// Package kbtf encodes the DWARF of Linux kernel modules as split BTF: type information that refers to
// the BTF of vmlinux, for BPF programs (CO-RE, fentry, kfuncs), bpftool and drgn. It is what the program
// btf-ko does, for tools in Go that build or package modules. cilium/ebpf reads the result.
//
// [OpenBase] reads the BTF of the kernel that modules are built for, [EncodeFile] or [Encode] encode a
// module against it, [Attach] puts the result into the module, and [Verify] checks it as kernels do when
// they load a module. A Base serves many modules and goroutines.
//
// Files are input that is not trusted: damaged ones are errors, not panics. The output depends on the
// module, the base and the options alone.
//
// # Compatibility
//
// This is v0. Until v1, a release with another minor version may change this package; the changelog says
// how. What is encoded for the same options only changes to become more correct, and that is in the
// changelog, too. Packages below internal, probe and kbuild make no promise.
package kbtf

import (
	"errors"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/btffile"
	"github.com/kbtf/kbtf/internal/btfverify"
	"github.com/kbtf/kbtf/internal/debugfile"
	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/encode"
	"github.com/kbtf/kbtf/internal/fault"
	"github.com/kbtf/kbtf/internal/features"
	"github.com/kbtf/kbtf/internal/kernel"
)

// A Base is the BTF of a kernel's vmlinux, which modules are encoded against.
type Base struct {
	path    string
	release string // "" if unknown
	types   *btf.Base
	raw     func() ([]byte, error)
}

// OpenBase reads a base: vmlinux or another ELF file with .BTF, raw BTF such as /sys/kernel/btf/vmlinux,
// a file that "btf-ko base" wrote, a bootable x86 kernel, or any of these compressed with gzip, zstd or
// xz (the latter needs the program xz). The file stays mapped as long as the process runs, and must not
// change.
func OpenBase(path string) (*Base, error) {
	types, err := encode.LoadBase(path, encode.BaseCache{})
	if err != nil {
		return nil, err
	}
	raw := sync.OnceValues(func() ([]byte, error) {
		file, err := btffile.OpenBase(path)
		if err != nil {
			return nil, err
		}
		return file.BTF, nil
	})
	return &Base{path, kernel.ThisHost().BaseRelease(path), types, raw}, nil
}

// FindBase returns the path of the base of the kernel release that a module is built for, if this
// machine has one: the running kernel's BTF, vmlinux or vmlinuz, where distributions install them.
func FindBase(module string) (path string, err error) { return kernel.ThisHost().FindBase(module) }

// Options are options of Encode and EncodeFile. The zero value has the defaults of btf-ko.
type Options struct {
	// Compat is the version of pahole whose rules select the functions: "1.30" or "1.32". Empty is the
	// newest.
	Compat string
	// Features is a list of what to encode, in the words of pahole's --btf_features. Empty is what the
	// base has. distilled_base is not supported here.
	Features string
	// DebugFile is the path of the file with the DWARF of a stripped module, or of a directory to search
	// for it. Empty searches where packages install debug files. Encode ignores it.
	DebugFile string
	// Threads is the number of units to read in parallel; 0 counts as 1.
	Threads int
	// Note, if not nil, receives sentences about what was left out, such as units in C++.
	Note func(string)
}

// EncodeFile encodes the DWARF of a module, or of its debug file, and returns the contents of a .BTF
// section, in the byte order of the module. The module is not changed. base may be nil, for BTF that
// stands alone. A module that is built for another kernel release than the base is an error, if the
// release of the base is known.
func EncodeFile(module string, base *Base, opt Options) ([]byte, error) {
	img, err := elfimage.Open(module)
	if err != nil {
		return nil, err
	}
	defer img.Close()
	source, err := (&debugfile.Source{Path: opt.DebugFile, Root: kernel.ThisHost().Root}).Of(img)
	if err != nil {
		return nil, err
	}
	how, err := opt.encoder(base)
	if err != nil {
		return nil, err
	}
	if source != img {
		defer source.Close()
		how.Loaded = img
	}
	return encodeImage(img, source, base, how)
}

// Encode is EncodeFile for a module that is not a file. The module must have DWARF. Errors name it
// "module".
func Encode(module io.ReaderAt, base *Base, opt Options) ([]byte, error) {
	data, err := io.ReadAll(io.NewSectionReader(module, 0, math.MaxInt64))
	if err != nil {
		return nil, fmt.Errorf("module: cannot read: %w", err)
	}
	img, err := elfimage.Parse("module", data)
	if err != nil {
		return nil, err
	}
	how, err := opt.encoder(base)
	if err != nil {
		return nil, err
	}
	return encodeImage(img, img, base, how)
}

// encoder returns the options of the encoder.
func (o *Options) encoder(base *Base) (how encode.Options, err error) {
	how = encode.Options{Exclude: []encode.Language{encode.Rust}, Threads: o.Threads, Note: o.Note}
	if o.Compat != "" {
		if how.Rules, err = encode.ParseRules(o.Compat); err != nil {
			return how, fmt.Errorf("compat %w", err)
		}
	}
	var set features.Set
	if o.Features != "" {
		if err := set.Parse(o.Features, true); err != nil {
			return how, err
		}
	}
	if set.Has(features.DistilledBase) {
		return how, errors.New("feature distilled_base: not supported by this package: use btf-ko")
	}
	set.Apply(base.orNone(), &how)
	return how, nil
}

func (b *Base) orNone() *btf.Base {
	if b == nil {
		return encode.NoBase()
	}
	return b.types
}

// encodeImage encodes the DWARF in source, which is the module or its debug file.
func encodeImage(module, source *elfimage.Image, base *Base, how encode.Options) ([]byte, error) {
	if base != nil {
		if err := kernel.CheckRelease(module, base.path, base.release); err != nil {
			return nil, err
		}
	}
	return encode.File(source, base.orNone(), how)
}

// Attach puts raw BTF into the section .BTF of a module, in place of BTF that it has, and removes a
// section .BTF.base. All or nothing: on errors, and if the process is killed, the module is unchanged.
// Attaching the same BTF again does not change the file. Signed modules are an error: encode before signing.
func Attach(module string, raw []byte) error {
	return fault.Recover(func() error {
		img, err := elfimage.Open(module)
		if err != nil {
			return err
		}
		defer img.Close()
		return img.Attach(elfimage.NewSection{Name: ".BTF", Contents: raw},
			elfimage.NewSection{Name: ".BTF.base", Remove: true})
	})
}

// Verify checks raw BTF as a kernel does when it loads a module, and for errors that kernels do not
// detect, such as a wrong base. version is that of the kernel, 6.1, 6.12 or 7.2; empty is the newest.
// base is nil for BTF that stands alone. The error names the first problems.
func Verify(raw []byte, base *Base, version string) error {
	return fault.Recover(func() error {
		rules, err := btfverify.KernelOf(version)
		if err != nil {
			return err
		}
		var against *btfverify.BTF
		if base != nil {
			baseBTF, err := base.raw()
			if err != nil {
				return err
			}
			var problems []btfverify.Problem
			if against, problems = btfverify.Verify(baseBTF, nil, rules); len(problems) > 0 {
				return fmt.Errorf("base %s: %v", base.path, problems[0])
			}
		}
		_, problems := btfverify.Verify(raw, against, rules)
		const limit = 10
		var list []error
		for _, p := range problems[:min(len(problems), limit)] {
			list = append(list, errors.New(p.String()))
		}
		if more := len(problems) - limit; more > 0 {
			list = append(list, fmt.Errorf("and %d more", more))
		}
		return errors.Join(list...)
	})
}
