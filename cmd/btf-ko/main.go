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

	"github.com/kbtf/kbtf/internal/cli"
	"github.com/kbtf/kbtf/internal/encode"
	"github.com/kbtf/kbtf/internal/fault"
)

// Version is set by the linker for releases.
var Version = "v0.1.0-dev"

// Exit status; --help says the same.
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
	if err := fault.Recover(func() error {
		status = command(os.Args[1:], os.Stdout, os.Stderr)
		return nil
	}); err != nil {
		cli.Say(os.Stderr, "btf-ko: %v", err)
	}
	os.Exit(status)
}

type options struct {
	base      string
	order     string // modules.order
	baseCache string
	detached  string
	debug     debugSource
	features  features
	rules     rules
	exclude   []encode.Language
	onError   onError
	unsign    bool // remove signatures
	jobs      jobs
	quiet     bool
	verbose   bool
	asPahole  bool // what to encode is said by build files, which know their kernel
	host      host
}

var mainHelp = cli.Help{
	Synopsis: "btf-ko [--btf_base VMLINUX] FILE.ko... | btf-ko COMMAND --help",
	Text: `Encodes the DWARF of kernel modules as BTF and puts it into their section
.BTF. With a base, only the types are written that the base does not have.`,
	Commands: []string{
		"base    make a base file of vmlinux: quicker to load, smaller to ship",
		"diff    do two files say the same, and where do they differ?",
		"dump    print BTF as bpftool does, or as C",
		"report  what the BTF of modules takes: text, JSON or a page",
		"strip   remove the BTF of modules",
		"verify  does a kernel take it, and does it make sense?",
	},
	Exit: "0 done, 1 encoding failed and the file is as it was, 2 usage",
	Examples: []string{
		"btf-ko --btf_base vmlinux drivers/net/dummy.ko",
		"btf-ko --btf_base vmlinux --modules_order modules.order",
		"btf-ko --btf_base vmlinux --btf_encode_detached dummy.btf dummy.ko",
	},
}

// shortFlags are the flags that people use, so that help fits a screen.
func shortFlags(all *pflag.FlagSet) *pflag.FlagSet {
	short := newFlagSet("btf-ko", io.Discard)
	for _, name := range []string{"btf_base", "modules_order", "btf_encode_detached", "debug_file", "btf_features", "on_error", "jobs", "help_all"} {
		short.AddFlag(all.Lookup(name))
	}
	return short
}

func run(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && commands[args[0]] != nil {
		return commands[args[0]](args[1:], stdout, stderr)
	}
	opt := options{onError: onErrorFail, host: thisHost()}
	flags := newFlagSet("btf-ko", stderr)
	flags.StringVar(&opt.base, "btf_base", "", "the base `FILE`: vmlinux, raw BTF, ... or auto")
	flags.StringVar(&opt.order, "modules_order", "", "encode all modules of `FILE`, a modules.order")
	flags.StringVar(&opt.detached, "btf_encode_detached", "", "raw BTF to `FILE`, or of several into it")
	flags.StringVar(&opt.debug.path, "debug_file", "", "the DWARF is in `FILE`, or below that folder")
	opt.features.addFlags(flags)
	flags.Var(&opt.onError, "on_error", "what becomes of a module without BTF")
	flags.BoolVar(&opt.unsign, "strip_signature", false, "encode signed modules, and remove the signature, which is void then")
	flags.VarPF(&opt.jobs, "jobs", "j", "modules at a time (default: all CPUs)").NoOptDefVal = "0"
	flags.BoolVarP(&opt.verbose, "verbose", "v", false, "say what was written (-q: say less)")
	flags.BoolVarP(&opt.quiet, "quiet", "q", false, "no notes on what was left out")
	flags.StringVar(&opt.baseCache, "base_cache", os.Getenv("KBTF_BASE_CACHE"), "keep the base's index in `DIR` for the next process; off: neither there nor beside it (default $KBTF_BASE_CACHE, or kbtf/bases in the user's cache folder)")
	flags.Var(&opt.rules, "compat", "leave out the functions that pahole of this version leaves out: 1.30 or 1.32 (the default)")
	exclude := flags.String("lang_exclude", cmp.Or(os.Getenv("PAHOLE_LANG_EXCLUDE"), "rust"), "leave out units in these languages, `LIST` as in rust,asm; C++ is left out anyway (default $PAHOLE_LANG_EXCLUDE, or rust)")
	flags.BoolP("btf_encode", "J", false, "accepted for pahole's command line: encoding is all that there is")
	version := flags.Bool("version", false, "print the version and exit")
	helpAll := flags.Bool("help_all", false, "list all flags")
	profile := flags.String("cpuprofile", "", "write a CPU profile to `FILE`")
	flags.Lookup("cpuprofile").Hidden = true
	flags.Usage = func() { fmt.Fprint(stdout, mainHelp.Format(shortFlags(flags))) }
	if err := flags.Parse(spellJobs(args)); errors.Is(err, pflag.ErrHelp) {
		return exitDone
	} else if err != nil {
		cli.Say(stderr, "btf-ko: %v", err)
		return exitUsage
	}
	if *helpAll {
		fmt.Fprint(stdout, mainHelp.Format(flags))
		return exitDone
	}
	if *version {
		fmt.Fprintf(stdout, "btf-ko %s\n", Version)
		return exitDone
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			cli.Say(stderr, "btf-ko: %v", err)
			return exitFailed
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			cli.Say(stderr, "btf-ko: %v", err)
			return exitFailed
		}
		defer pprof.StopCPUProfile()
	}
	var err error
	if opt.exclude, err = encode.ParseLanguages(*exclude); err != nil {
		cli.Say(stderr, "btf-ko: --lang_exclude: %v", err)
		return exitUsage
	}
	files := flags.Args()
	if opt.order != "" {
		listed, err := readModulesOrder(opt.order)
		if err != nil {
			cli.Say(stderr, "btf-ko: %v", err)
			return exitFailed
		}
		if files = append(files, listed...); len(files) == 0 {
			return exitDone // a configuration without modules
		}
	}
	if len(files) == 0 {
		cli.Say(stderr, "btf-ko: no file to encode: btf-ko --help tells how")
		return exitUsage
	}
	if opt.detached != "" && len(files) > 1 && !isFolder(opt.detached) {
		cli.Say(stderr, "btf-ko: --btf_encode_detached: for %d files it has to be a directory that exists", len(files))
		return exitUsage
	}
	if opt.debug.path != "" && len(files) > 1 && !isFolder(opt.debug.path) {
		cli.Say(stderr, "btf-ko: --debug_file: for %d files it has to be a directory that exists", len(files))
		return exitUsage
	}
	if opt.detached != "" && opt.onError != onErrorFail {
		cli.Say(stderr, "btf-ko: --on_error=%s: not with --btf_encode_detached, whose file somebody waits for", opt.onError)
		return exitUsage
	}
	return encodeFiles(files, &opt, stdout, stderr)
}
