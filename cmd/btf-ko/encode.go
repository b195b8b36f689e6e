// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"fmt"
	"io"
	"path/filepath"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/cli"
	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/encode"
)

// encodeFiles encodes all files, also after one has failed.
func encodeFiles(files []string, opt *options, stdout, stderr io.Writer) int {
	boundHeap(heapBound)
	base := encode.NoBase()
	var baseErr error
	var cache encode.BaseCache
	if opt.base == baseAuto {
		found, err := opt.host.findBase(files[0])
		if err != nil && opt.onError == onErrorFail {
			cli.Say(stderr, "btf-ko: %v", err)
			return exitFailed
		}
		opt.base, baseErr = found, err
	}
	if opt.base != "" {
		cache = opt.cache()
		if base, baseErr = encode.LoadBase(opt.base, cache); baseErr != nil && opt.onError == onErrorFail {
			cli.Say(stderr, "btf-ko: %v", baseErr)
			return exitFailed
		}
	}
	baseRelease := ""
	if opt.base != "" {
		baseRelease = opt.host.baseRelease(opt.base)
	}
	b := batch{files: files, quiet: opt.quiet, stdout: stdout, stderr: stderr}
	if baseErr != nil { // of each module, then
		b.encode = func(file string) error {
			return opt.after(fmt.Errorf("%s: %w", file, baseErr), file, b.say)
		}
		return b.status(opt.jobs)
	}
	threads := opt.jobs.threads()
	if len(files) > 1 {
		threads = 1 // for one file: others are encoded at the same time
	}
	how := encode.Options{Rules: encode.Rules(opt.rules), Exclude: opt.exclude, Threads: threads}
	dialect := base.Dialect
	if base.NumTypes() == 0 {
		dialect.NestedArrays = how.Rules != encode.Rules130
	}
	opt.features.apply(dialect, &how)
	b.encode = func(file string) error {
		err := encodeFile(file, base, baseRelease, opt, how, &b)
		if err != nil {
			err = opt.after(err, file, b.say)
		}
		return err
	}
	if status := b.status(opt.jobs); status != exitDone {
		return status
	}
	if err := cache.Save(base); err != nil && opt.verbose {
		cli.Say(stderr, "btf-ko: %v", err)
	}
	return exitDone
}

// cache is where indexes of bases are kept.
func (o *options) cache() encode.BaseCache {
	switch o.baseCache {
	case "off":
		return encode.BaseCache{}
	case "":
		return encode.DefaultBaseCache()
	}
	return encode.BaseCache{Dir: o.baseCache}
}

// encodeFile encodes one file against a base of that release; b is told what there is to say.
func encodeFile(file string, base *btf.Base, baseRelease string, opt *options, how encode.Options, b *batch) error {
	img, err := elfimage.Open(file)
	if err != nil {
		return err
	}
	defer img.Close()
	if opt.unsign {
		if err := img.DropSignature(); err != nil {
			return err
		}
	}
	how.Note = func(note string) {
		if !opt.quiet {
			b.say("btf-ko: %s: %s", file, note)
		}
	}
	if err := fits(img, opt.base, baseRelease); err != nil {
		return err
	}
	if opt.features.has(distilledBase) && !opt.asPahole {
		if err := relocates(img); err != nil {
			return err
		}
	}
	source, err := opt.debug.of(img, opt.host)
	if err != nil {
		return err
	}
	if source != img {
		defer source.Close()
		how.Loaded = img
	}
	blob, err := encode.File(source, base, how)
	if err != nil {
		return err
	}
	if base.NumTypes() == 0 {
		if said, err := btf.ParseBlob(blob); err == nil && len(said.Types) == 0 {
			return fmt.Errorf("%s: no types in any unit (those in C++ are left out, and what --lang_exclude says): no kernel takes BTF without types", source.Path)
		}
	}
	if opt.detached != "" { // a base of its own has no place there
		err = writeDetached(opt.output(file), blob)
	} else {
		err = attach(img, base, blob, opt.features.has(distilledBase))
	}
	if err == nil && opt.verbose {
		of := ""
		if source != img {
			of = ", of the DWARF in " + source.Path
		}
		b.say("btf-ko: %s: %d bytes of BTF%s", file, len(blob), of)
	}
	return err
}

// attach puts BTF into a file, with the part of the base that it needs if it is to be independent of the base.
func attach(img *elfimage.Image, base *btf.Base, blob []byte, distil bool) error {
	small := elfimage.NewSection{Name: ".BTF.base", Remove: true}
	if distil && base.NumTypes() > 0 {
		var err error
		if blob, small.Contents, err = btf.Distil(base, blob); err != nil {
			return fmt.Errorf("%s: distilling the base: %w", img.Path, err)
		}
		small.Remove = false
	}
	return img.Attach(elfimage.NewSection{Name: ".BTF", Contents: blob}, small)
}

// output is where the BTF of a file goes that is not put into the file.
func (o *options) output(file string) string {
	if isFolder(o.detached) {
		return filepath.Join(o.detached, filepath.Base(file)+".btf") // a kernel's modules have different names
	}
	return o.detached
}
