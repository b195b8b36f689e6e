// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"cmp"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/attach"
	"github.com/kbtf/kbtf/internal/batch"
	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/btffile"
	"github.com/kbtf/kbtf/internal/btfids"
	"github.com/kbtf/kbtf/internal/cli"
	"github.com/kbtf/kbtf/internal/debugfile"
	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/encode"
	"github.com/kbtf/kbtf/internal/features"
	"github.com/kbtf/kbtf/internal/heap"
	"github.com/kbtf/kbtf/internal/kernel"
)

// options are the flags of encoding.
type options struct {
	base      string
	order     string // modules.order
	baseCache string
	detached  string
	debug     debugfile.Source
	features  features.Set
	rules     rules
	exclude   []encode.Language
	onError   onError
	unsign    bool  // remove signatures
	update    bool  // leave modules alone that have this BTF already
	ids       yesNo // fill in .BTF_ids, and what else kernel builds leave to resolve_btfids
	jobs      jobs
	quiet     bool
	verbose   bool
	asPahole  bool // called by build files, which pass the base and the features
	host      kernel.Host
}

// Values of --btf_base that are not files.
const (
	baseAuto = "auto" // the base of the release that the module is built for
	baseNone = "none" // no base: stand-alone BTF
)

// encodeFlags are the flags of btf-ko without a command.
func encodeFlags(flags *pflag.FlagSet) func(*cli.Call) int {
	opt := options{onError: onErrorFail, ids: true, host: kernel.ThisHost()}
	opt.debug.Root = opt.host.Root
	flags.StringVar(&opt.base, "btf_base", "", "the base `FILE`: vmlinux, raw BTF, auto or none")
	flags.StringVar(&opt.order, "modules_order", "", "encode all modules of `FILE`, a modules.order")
	flags.StringVar(&opt.detached, "btf_encode_detached", "", "write raw BTF to `FILE` (file or directory)")
	flags.StringVar(&opt.debug.Path, "debug_file", "", "read the DWARF from `FILE` (file or directory)")
	opt.features.AddFlags(flags)
	flags.Var(&opt.onError, "on_error", "action if encoding a module fails")
	flags.BoolVar(&opt.unsign, "strip_signature", false,
		"encode signed modules, and remove the signature, which becomes invalid")
	flags.Var(&opt.ids, "resolve_ids", "fill in .BTF_ids of modules, in place of the kernel's resolve_btfids")
	flags.BoolVar(&opt.update, "update", false,
		"leave modules alone whose BTF was made by this version, with these flags, for this base")
	flags.VarPF(&opt.jobs, "jobs", "j", "modules at a time (default: all CPUs)").NoOptDefVal = "0"
	flags.BoolVarP(&opt.verbose, "verbose", "v", false, "print the size of what was written")
	flags.BoolVarP(&opt.quiet, "quiet", "q", false, "print no notes on what was left out")
	flags.StringVar(&opt.baseCache, "base_cache", os.Getenv("KBTF_BASE_CACHE"),
		"keep the base's index in `DIR` for the next process; off: neither store nor use one "+
			"(default $KBTF_BASE_CACHE, or kbtf/bases in the user's cache folder)")
	flags.Var(&opt.rules, "compat",
		"leave out the functions that this version of pahole leaves out: 1.30 or 1.32 (the default)")
	exclude := flags.String("lang_exclude", cmp.Or(os.Getenv("PAHOLE_LANG_EXCLUDE"), "rust"),
		"leave out units in these languages, a `LIST` such as rust,asm; C++ is always left out "+
			"(default $PAHOLE_LANG_EXCLUDE, or rust)")
	flags.BoolP("btf_encode", "J", false, "accepted for pahole's command lines; no effect")
	version := flags.Bool("version", false, "print the version and exit")
	profile := flags.String("cpuprofile", "", "write a CPU profile to `FILE`")
	flags.Lookup("cpuprofile").Hidden = true
	return func(call *cli.Call) int {
		if *version {
			fmt.Fprintf(call.Stdout, "btf-ko %s\n", Version)
			return exitDone
		}
		if *profile != "" {
			stop, err := startProfile(*profile)
			if err != nil {
				cli.Say(call.Stderr, "btf-ko: %v", err)
				return exitFailed
			}
			defer stop()
		}
		var err error
		if opt.exclude, err = encode.ParseLanguages(*exclude); err != nil {
			return call.Usage("--lang_exclude: %v", err)
		}
		files := call.Args
		if opt.order != "" {
			listed, err := batch.ReadModulesOrder(opt.order)
			if err != nil {
				cli.Say(call.Stderr, "btf-ko: %v", err)
				return exitFailed
			}
			if files = append(files, listed...); len(files) == 0 {
				return exitDone // a configuration without modules
			}
		}
		several := len(files) > 1
		switch {
		case len(files) == 0:
			return call.Usage("no file to encode: see btf-ko --help")
		case several && opt.detached != "" && !isFolder(opt.detached):
			return call.Usage("--btf_encode_detached: must be an existing directory for %d files", len(files))
		case several && opt.debug.Path != "" && !isFolder(opt.debug.Path):
			return call.Usage("--debug_file: must be an existing directory for %d files", len(files))
		case opt.update && (opt.detached != "" || opt.debug.Path != ""):
			return call.Usage("--update: cannot be used with --btf_encode_detached or --debug_file")
		case opt.update && makeOption(os.Getenv("MAKEFLAGS"), "n"):
			return exitDone
		case opt.detached != "" && opt.onError != onErrorFail:
			return call.Usage("--on_error=%s: cannot be used with --btf_encode_detached", opt.onError)
		}
		return encodeFiles(files, &opt, call.Stdout, call.Stderr)
	}
}

// startProfile starts a CPU profile; stop ends it.
func startProfile(path string) (stop func(), err error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}, nil
}

// heapBound is the size up to which the heap is not collected, in bytes. Most modules need less, and
// pahole needs more for the largest ones. Mapped files (the base, the modules) come on top; the kernel
// can reclaim those.
const heapBound = 160 << 20

// encodeFiles encodes all files, even if some fail, and returns the exit status.
func encodeFiles(files []string, opt *options, stdout, stderr io.Writer) int {
	heap.Bound(heapBound)
	if opt.detached == "" {
		files = slices.DeleteFunc(files, func(file string) bool {
			carries := btffile.CarriesBase(file)
			if carries && !opt.quiet {
				cli.Say(stderr, notOwnBTF, file)
			}
			return carries
		})
		if len(files) == 0 {
			return exitDone
		}
	}
	base := encode.NoBase()
	var baseErr error
	var cache encode.BaseCache
	byDefault := opt.base == "" && !opt.asPahole && kernel.IsModule(files[0])
	switch {
	case byDefault:
		opt.base = baseAuto
	case opt.base == baseNone:
		opt.base = ""
	}
	if opt.base == baseAuto {
		found, err := opt.host.FindBase(files[0])
		if err != nil && byDefault {
			err = fmt.Errorf("%w; or none, for stand-alone BTF", err)
		}
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
		baseRelease = opt.host.BaseRelease(opt.base)
	}
	b := batch.Batch{Files: files, List: opt.update || len(files) > 1, Stdout: stdout, Stderr: stderr}
	if opt.quiet || opt.update && makeOption(os.Getenv("MAKEFLAGS"), "s") {
		b.List = false
	}
	if baseErr != nil { // no module can be encoded
		b.Encode = func(file string) error {
			return opt.after(fmt.Errorf("%s: %w", file, baseErr), file, b.Say)
		}
		if b.Run(int(opt.jobs)) > 0 {
			return exitFailed
		}
		return exitDone
	}
	threads := batch.Threads(int(opt.jobs))
	if len(files) > 1 {
		threads = 1 // per file, as several are encoded at a time
	}
	how := encode.Options{Rules: encode.Rules(opt.rules), Exclude: opt.exclude, Threads: threads}
	opt.features.Apply(base, &how)
	j := job{options: opt, base: base, baseRelease: baseRelease, how: how, complete: attach.Completion{
		Distilled: opt.features.Has(features.DistilledBase) && base.NumTypes() > 0,
		Resolve:   bool(opt.ids),
		Sorted:    base.Dialect.Sorted,
	}}
	j.stamp = sync.OnceValues(func() (elfimage.Stamp, error) { return stamp(base, how, j.complete) })
	b.Encode = func(file string) error {
		err := j.encode(file, &b)
		if err != nil && !errors.Is(err, batch.ErrSkipped) {
			err = opt.after(err, file, b.Say)
		}
		return err
	}
	failed := b.Run(int(opt.jobs))
	if opt.update && opt.verbose {
		cli.Say(stderr, "btf-ko: %d of %d modules are up to date", j.upToDate.Load(), len(b.Files))
	}
	if failed > 0 {
		return exitFailed
	}
	if err := cache.Save(base); err != nil && opt.verbose {
		cli.Say(stderr, "btf-ko: %v", err)
	}
	return exitDone
}

// cache returns the cache for the indexes of bases.
func (o *options) cache() encode.BaseCache {
	switch o.baseCache {
	case "off":
		return encode.BaseCache{}
	case "":
		return encode.DefaultBaseCache()
	}
	return encode.BaseCache{Dir: o.baseCache}
}

// A job is what is the same for all files.
type job struct {
	*options
	base        *btf.Base
	baseRelease string // kernel release of base, "" if unknown
	how         encode.Options
	complete    attach.Completion
	stamp       func() (elfimage.Stamp, error)
	upToDate    atomic.Int64 // number of files
}

// encode encodes a file. Notes are printed through b.
func (j *job) encode(file string, b *batch.Batch) error {
	img, err := elfimage.Open(file)
	if err != nil {
		return err
	}
	defer img.Close()
	if j.update {
		switch want, err := j.stamp(); {
		case err != nil:
			return err
		case img.Stamp() == want:
			j.upToDate.Add(1)
			return batch.ErrSkipped
		}
	}
	if j.unsign {
		if err := img.DropSignature(); err != nil {
			return err
		}
	}
	how := j.how
	how.Note = func(note string) {
		if !j.quiet {
			b.Say("btf-ko: %s: %s", file, note)
		}
	}
	if err := kernel.CheckTarget(img, j.options.base, j.base.Target); err != nil {
		return err
	}
	if err := kernel.CheckRelease(img, j.options.base, j.baseRelease); err != nil {
		return err
	}
	if j.detached == "" && isBase(img, j.base) {
		if !j.quiet {
			b.Say(notOwnBTF, file)
		}
		return batch.ErrSkipped
	}
	if j.complete.Distilled && !j.asPahole {
		if err := kernel.CheckDistilledBase(img); err != nil {
			return err
		}
	}
	source, err := j.debug.Of(img)
	if err != nil {
		return err
	}
	if source != img {
		defer source.Close()
	}
	if how.IDs, err = btfids.Open(source, img, &j.base.Blob); err != nil {
		return fmt.Errorf("%s: %s: %w", file, btfids.Name, err)
	}
	blob, err := encode.File(source, j.base, how)
	if err != nil {
		return err
	}
	if j.base.NumTypes() == 0 {
		if parsed, err := btf.ParseBlob(blob); err == nil && len(parsed.Types) == 0 {
			return fmt.Errorf("%s: no types in any unit (C++ and --lang_exclude are left out): kernels reject BTF without types",
				source.Path)
		}
	}
	if j.detached != "" { // a detached file has no .BTF.base
		err = writeDetached(j.output(file), blob)
	} else {
		err = j.attach(&attach.Attachment{Image: img, Base: j.base, BTF: blob, IDs: how.IDs}, source == img, how.Note)
	}
	if err == nil && j.verbose {
		of := ""
		if source != img {
			of = ", of the DWARF in " + source.Path
		}
		b.Say("btf-ko: %s: %d bytes of BTF%s", file, len(blob), of)
	}
	return err
}

// attach completes the BTF of a file, and writes it to the file. stamped is set if the file itself has
// the DWARF.
func (j *job) attach(a *attach.Attachment, stamped bool, note func(string)) error {
	c := j.complete
	c.Resolve = c.Resolve && a.Image.Type == elf.ET_REL // vmlinux gets its ids after its last link
	if _, err := a.Complete(c, note); err != nil {
		return err
	}
	if stamped {
		var err error
		if a.Stamp, err = j.stamp(); err != nil {
			return err
		}
	}
	return a.Write()
}

// notOwnBTF is the note on a file whose BTF is that of the base: vmlinux itself, or the module that has
// vmlinux's BTF in its place.
const notOwnBTF = "btf-ko: %s: has the BTF of vmlinux, not of its own: left unchanged"

// isBase reports whether a file is vmlinux with the BTF of the base.
func isBase(img *elfimage.Image, base *btf.Base) bool {
	section := img.Section(".BTF")
	if img.Type == elf.ET_REL || section == nil || base.NumTypes() == 0 {
		return false
	}
	raw, err := img.Inflate(section)
	if err != nil {
		return false // it is replaced
	}
	own, err := btf.ParseBlob(raw)
	return err == nil && bytes.Equal(own.Types, base.Types) && bytes.Equal(own.Strings, base.Strings)
}

// output returns the path of the detached BTF of a file.
func (o *options) output(file string) string {
	if isFolder(o.detached) {
		return filepath.Join(o.detached, filepath.Base(file)+".btf") // the names of a kernel's modules differ
	}
	return o.detached
}

func isFolder(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}
