// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package kbtf encodes the DWARF of Linux kernel modules as split BTF, that is, types that refer to the BTF
// of vmlinux. BPF programs (CO-RE, fentry, kfuncs), bpftool and drgn use them. The package has the functions
// of the program btf-ko, for Go tools that build or package modules. cilium/ebpf reads the result.
//
// [OpenBase] reads the BTF of the kernel that modules are built for, [EncodeFile] and [Encode] encode a
// module against it, [Attach] writes the result into the module, and [Verify] checks it as kernels do when
// they load a module. A Base can be used for several modules, and by several goroutines at once.
//
// Input files are not trusted: damaged files cause errors, not panics. The output depends only on the
// module, the base and the options.
//
// # Compatibility
//
// This is v0. Until v1, a new minor version may change this package; the changelog lists the changes. The
// BTF for the same options changes only to fix bugs; the changelog lists these changes, too. The packages
// internal, probe and kbuild are not stable.
package kbtf

import (
	"errors"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/btffile"
	"github.com/kbtf/kbtf/internal/btfids"
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

// OpenBase reads a base: vmlinux or another ELF file with .BTF, raw BTF such as /sys/kernel/btf/vmlinux, a
// base file from "btf-ko base", a bootable x86 kernel, or any of these compressed with gzip, zstd or xz (xz
// requires the program xz). The file stays mapped until the process exits, and must not change.
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

// FindBase returns the path of the base for the kernel release that a module is built for. It searches the
// running kernel's BTF, and vmlinux and vmlinuz where distributions install them.
func FindBase(module string) (path string, err error) { return kernel.ThisHost().FindBase(module) }

// Options are options of Encode and EncodeFile. The zero value has the defaults of btf-ko.
type Options struct {
	// Compat is the version of pahole whose rules select the functions: "1.30" or "1.32". The default is the
	// newest.
	Compat string
	// Features is a list of features, as in pahole's --btf_features. The default is the features of the base.
	// distilled_base is not supported.
	Features string
	// DebugFile is the path of the debug file of a stripped module, or of a directory to search. The default is
	// to search where packages install debug files. Encode ignores it.
	DebugFile string
	// Threads is the number of units to read in parallel; 0 means 1.
	Threads int
	// Note, if not nil, is called with messages about omitted parts, such as units in C++.
	Note func(string)
}

// EncodeFile encodes the DWARF of a module, or of its debug file, and returns the contents of a .BTF section
// in the byte order of the module. The module is not changed. If base is nil, the BTF is stand-alone. It is an
// error if the module is built for another machine or another kernel release than the base, as far as these
// are known.
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
		// Only the module has the contents.
		if how.IDs, err = btfids.Open(source, img, &base.orNone().Blob); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", module, btfids.Name, err)
		}
	}
	return encodeImage(img, source, base, how)
}

// Encode is like EncodeFile, for a module in memory. The module must have DWARF. Errors name it "module".
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
		if err := kernel.CheckTarget(module, base.path, base.types.Target); err != nil {
			return nil, err
		}
		if err := kernel.CheckRelease(module, base.path, base.release); err != nil {
			return nil, err
		}
	}
	return encode.File(source, base.orNone(), how)
}

// Attach writes raw BTF to the section .BTF of a module, replacing existing BTF, and removes a section
// .BTF.base. The change is atomic: on error, or if the process is killed, the module is unchanged. Attaching
// the same BTF again does not change the contents. Signed modules are an error: attach before signing.
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

// Verify checks raw BTF as a kernel does when it loads a module, and also for errors that kernels do not
// detect, such as a wrong base. version is the version of the kernel: 6.1, 6.12 or 7.2, by default the newest.
// base is nil for stand-alone BTF. The error lists the first problems.
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
