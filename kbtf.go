// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package kbtf encodes the DWARF of Linux kernel modules as split BTF, that is, types that refer to the BTF
// of vmlinux. BPF programs (CO-RE, fentry, kfuncs), bpftool and drgn use them. The package has the functions
// of the program btf-ko, for Go tools that build or package modules. cilium/ebpf reads the result.
//
// [OpenBase] reads the BTF of the kernel that modules are built for, [EncodeFile] and [Encode] encode a
// module against it, [Attach] writes the result into the module, with the ids of its kfuncs, and [Verify]
// checks it as kernels do when they load a module. A Base can be used for several modules, and by several
// goroutines at once.
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
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/kbtf/kbtf/internal/attach"
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
	// KeepIDs leaves the section .BTF_ids to the kernel's resolve_btfids, which has to run afterwards. By
	// default, Attach fills it in, and BTF has what resolve_btfids of kernels since 7.0 changes in BTF.
	KeepIDs bool
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
	}
	return encodeImage(img, source, base, how, opt.KeepIDs)
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
	return encodeImage(img, img, base, how, opt.KeepIDs)
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

// check returns an error if a module is for another machine or release than the base.
func (b *Base) check(module *elfimage.Image) error {
	if b == nil {
		return nil
	}
	if err := kernel.CheckTarget(module, b.path, b.types.Target); err != nil {
		return err
	}
	return kernel.CheckRelease(module, b.path, b.release)
}

// encodeImage encodes the DWARF in source, which is the module or its debug file.
func encodeImage(module, source *elfimage.Image, base *Base, how encode.Options, keepIDs bool) ([]byte, error) {
	if err := base.check(module); err != nil {
		return nil, err
	}
	types := base.orNone()
	var err error
	if how.IDs, err = btfids.Open(source, module, &types.Blob); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", module.Path, btfids.Name, err)
	}
	raw, err := encode.File(source, types, how)
	if err != nil || keepIDs || module.Type != elf.ET_REL {
		return raw, err
	}
	a := attach.Attachment{Image: module, Base: types, BTF: raw, IDs: how.IDs}
	if err = a.HideImplicitArguments(); err == nil && types.Dialect.Sorted {
		err = a.Sort()
	}
	return a.BTF, err
}

// Attach writes raw BTF, which EncodeFile has encoded against the base with the same options, to the section
// .BTF of a module, replacing existing BTF, and removes a section .BTF.base. In the same step, it fills in
// .BTF_ids: ids of types that the module's code refers to by name, such as its kfuncs. opt.Note receives a
// message for each such type that neither BTF nor base has. vmlinux keeps its .BTF_ids.
//
// The change is atomic: on error, or if the process is killed, the module is unchanged. Attaching the same BTF
// again does not change the contents. Signed modules are an error: attach before signing.
func Attach(module string, raw []byte, base *Base, opt Options) error {
	return fault.Recover(func() error {
		img, err := elfimage.Open(module)
		if err != nil {
			return err
		}
		defer img.Close()
		if err := base.check(img); err != nil {
			return err
		}
		types := base.orNone()
		a := attach.Attachment{Image: img, Base: types, BTF: raw}
		if img.Section(btfids.Name) != nil {
			// A stripped module may have lost the symbols; its debug file, if there is one, has all.
			symbols, err := (&debugfile.Source{Path: opt.DebugFile, Root: kernel.ThisHost().Root}).Of(img)
			switch {
			case err != nil && opt.DebugFile != "":
				return err
			case err != nil:
				symbols = img
			case symbols != img:
				defer symbols.Close()
			}
			if a.IDs, err = btfids.Open(symbols, img, &types.Blob); err != nil {
				return fmt.Errorf("%s: %s: %w", module, btfids.Name, err)
			}
		}
		if !opt.KeepIDs && img.Type == elf.ET_REL {
			note := opt.Note
			if note == nil {
				note = func(string) {}
			}
			if _, err := a.ResolveIDs(&types.Blob, note); err != nil {
				return err
			}
		}
		return a.Write()
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
