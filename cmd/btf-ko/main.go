// SPDX-License-Identifier: GPL-2.0-only

// Command btf-ko encodes the DWARF of kernel modules as split BTF.
package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/pprof"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/encode"
	"github.com/kbtf/kbtf/internal/fault"
)

// Version is set by the linker for releases.
var Version = "v0.1.0-dev"

// Exit status.
const (
	exitDone   = 0
	exitFailed = 1 // encoding failed: the file is as it was
	exitUsage  = 2
)

func main() {
	command := run
	if calledPahole(os.Args[0]) {
		command = runPahole
	}
	status := exitFailed
	if err := fault.Survive(func() error {
		status = command(os.Args[1:], os.Stdout, os.Stderr)
		return nil
	}); err != nil {
		fmt.Fprintf(os.Stderr, "btf-ko: %v\n", err)
	}
	os.Exit(status)
}

type options struct {
	base      string
	order     string // modules.order
	baseCache string
	detached  string
	features  features
	rules     rules
	exclude   []encode.Language
	jobs      jobs
	quiet     bool
	verbose   bool
	asPahole  bool // what to encode is said by build files, which know their kernel
	host      host
}

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && commands[args[0]] != nil {
		return commands[args[0]](args[1:], stdout, stderr)
	}
	opt := options{host: thisHost()}
	flags := newFlagSet("btf-ko", stderr)
	flags.StringVar(&opt.base, "btf_base", "", "split against the BTF of `FILE`: vmlinux, any ELF file with .BTF, raw BTF, /boot/vmlinuz, or what btf-ko base made of one; \"auto\": found by the release that the module is built for")
	flags.StringVar(&opt.baseCache, "base_cache", os.Getenv("KBTF_BASE_CACHE"), "keep the base's index in `DIR` for the next process; \"off\": neither there nor beside it (default $KBTF_BASE_CACHE, or kbtf/bases in the user's cache folder)")
	flags.StringVar(&opt.order, "modules_order", "", "encode all modules that `FILE`, kbuild's modules.order, lists")
	flags.StringVar(&opt.detached, "btf_encode_detached", "", "write raw BTF to `FILE` and leave the input alone; of several modules to x.ko.btf and so on in a directory FILE")
	flags.BoolVarP(&opt.quiet, "quiet", "q", false, "no notes on what was left out")
	flags.BoolVarP(&opt.verbose, "verbose", "v", false, "say what was written")
	opt.features.addFlags(flags)
	flags.Var(&opt.rules, "compat", "leave out the functions that pahole of this version leaves out: 1.30 or 1.32 (the default)")
	flags.BoolP("btf_encode", "J", false, "accepted for pahole's command line: encoding is all that there is")
	flags.VarPF(&opt.jobs, "jobs", "j", "modules at a time, or threads for one; without N, or without -j: one for each CPU; under make -j: 1, and as many modules more as make lets it").NoOptDefVal = "0"
	exclude := flags.String("lang_exclude", cmp.Or(os.Getenv("PAHOLE_LANG_EXCLUDE"), "rust"), "leave out units in these languages, `LIST` as in rust,asm; C++ is left out anyway")
	version := flags.Bool("version", false, "print the version and exit")
	profile := flags.String("cpuprofile", "", "write a CPU profile to `FILE`")
	flags.Lookup("cpuprofile").Hidden = true
	flags.Usage = func() {
		fmt.Fprintf(stdout, "usage: btf-ko [--btf_base FILE] [--btf_encode_detached FILE] FILE.ko...\n"+
			"       btf-ko base|verify|diff --help\n\n"+
			"Encodes the DWARF of kernel modules as BTF and puts it into their .BTF section. With a base (vmlinux)\n"+
			"only the types are written that the base does not have.\n\n%s", flags.FlagUsages())
	}
	if err := flags.Parse(spellJobs(args)); errors.Is(err, pflag.ErrHelp) {
		return exitDone
	} else if err != nil {
		fmt.Fprintf(stderr, "btf-ko: %v\n", err)
		return exitUsage
	}
	if *version {
		fmt.Fprintf(stdout, "btf-ko %s\n", Version)
		return exitDone
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			fmt.Fprintf(stderr, "btf-ko: %v\n", err)
			return exitFailed
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			fmt.Fprintf(stderr, "btf-ko: %v\n", err)
			return exitFailed
		}
		defer pprof.StopCPUProfile()
	}
	var err error
	if opt.exclude, err = encode.ParseLanguages(*exclude); err != nil {
		fmt.Fprintf(stderr, "btf-ko: --lang_exclude: %v\n", err)
		return exitUsage
	}
	files := flags.Args()
	if opt.order != "" {
		listed, err := readModulesOrder(opt.order)
		if err != nil {
			fmt.Fprintf(stderr, "btf-ko: %v\n", err)
			return exitFailed
		}
		if files = append(files, listed...); len(files) == 0 {
			return exitDone // a configuration without modules
		}
	}
	if len(files) == 0 {
		fmt.Fprintf(stderr, "btf-ko: no file to encode: btf-ko --help tells how\n")
		return exitUsage
	}
	if st, err := os.Stat(opt.detached); opt.detached != "" && len(files) > 1 && (err != nil || !st.IsDir()) {
		fmt.Fprintf(stderr, "btf-ko: --btf_encode_detached: for %d files it has to be a directory that exists\n", len(files))
		return exitUsage
	}
	return encodeFiles(files, &opt, stdout, stderr)
}
