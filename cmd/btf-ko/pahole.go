// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/cli"
	"github.com/kbtf/kbtf/internal/encode"
	"github.com/kbtf/kbtf/internal/features"
	"github.com/kbtf/kbtf/internal/kernel"
)

// Under the name pahole, btf-ko accepts the command lines that the build files of kernels 5.10 to 7.2
// pass to pahole, so that make PAHOLE=/usr/lib/kbtf/pahole needs no patch. It rejects all other uses of
// pahole.

// paholeVersion is the version that btf-ko reports under the name pahole. Build files choose flags by it.
// The rules for functions are those of this version (encode.Rules132), and all of its words of
// --btf_features are supported. KBTF_COMPAT in the environment selects another version; these command
// lines have no flag for it.
const paholeVersion = "1.32"

const notEncoding = "this is btf-ko, which encodes BTF (-J) and does nothing else that pahole does: " +
	"for that, install pahole (Debian, Ubuntu) or dwarves (Fedora, openSUSE, Arch)"

// runPahole runs btf-ko with a command line of pahole.
func runPahole(args []string, stdout, stderr io.Writer) int {
	opt := options{asPahole: true, host: kernel.ThisHost(), onError: onErrorFail}
	opt.debug.Root = opt.host.Root
	flags := pflag.NewFlagSet("pahole", pflag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.SetNormalizeFunc(normalize)
	encodes := flags.BoolP("btf_encode", "J", false, "")
	flags.StringVar(&opt.base, "btf_base", "", "")
	flags.StringVar(&opt.detached, "btf_encode_detached", "", "")
	flags.VarPF(&opt.jobs, "jobs", "j", "").NoOptDefVal = "0"
	flags.BoolVarP(&opt.verbose, "verbose", "V", false, "")
	exclude := flags.String("lang_exclude", os.Getenv("PAHOLE_LANG_EXCLUDE"), "")
	opt.features.AddFlags(flags)
	version := flags.Bool("version", false, "")
	numeric := flags.Bool("numeric_version", false, "")
	supported := flags.Bool("supported_btf_features", false, "")
	flags.Usage = func() { fmt.Fprintf(stdout, "%s\n", notEncoding) }

	fail := func(format string, args ...any) int {
		cli.Say(stderr, "btf-ko (as pahole): "+format, args...)
		return exitUsage
	}
	release := cmp.Or(os.Getenv("KBTF_COMPAT"), paholeVersion)
	if err := opt.rules.Set(release); err != nil {
		return fail("KBTF_COMPAT in the environment: %v", err)
	}
	err := flags.Parse(spellJobs(args))
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return exitDone
	case err != nil:
		return fail("%v: %s", err, notEncoding)
	case *version:
		fmt.Fprintf(stdout, "v%s\n", release)
		return exitDone
	case *numeric:
		fmt.Fprintf(stdout, "%s\n", strings.ReplaceAll(release, ".", ""))
		return exitDone
	case *supported:
		fmt.Fprintf(stdout, "%s\n", strings.Join(features.Supported(), ","))
		return exitDone
	case !*encodes && opt.detached == "":
		return fail("%s", notEncoding)
	case flags.NArg() == 0:
		return fail("no file to encode")
	}
	if opt.exclude, err = encode.ParseLanguages(*exclude); err != nil {
		return fail("--lang_exclude: %v", err)
	}
	opt.baseCache = os.Getenv("KBTF_BASE_CACHE")
	return encodeFiles(flags.Args(), &opt, stdout, stderr)
}
