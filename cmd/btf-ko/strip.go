// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/cli"
	"github.com/kbtf/kbtf/internal/elfimage"
)

var stripHelp = cli.Help{
	Synopsis: "btf-ko strip [-v] [--strip_signature] FILE.ko...",
	Text: `
Removes the BTF of modules: the sections .BTF and .BTF.base. What btf-ko has put
there goes without a trace: the file has the bytes that it had before. BTF by others
is cut out. A file without BTF stays as it is, and so does one that cannot be
changed. The signature of a signed module is void afterwards, so it has to go too.`,
	Exit: "0 done, 1 a file could not be changed, 2 wrong command line",
	Examples: []string{
		"btf-ko strip drivers/net/dummy.ko",
		"btf-ko strip -v fs/xfs/xfs.ko drivers/net/dummy.ko",
		"find build -name '*.ko' -exec btf-ko strip {} +",
	},
}

func runStrip(args []string, stdout, stderr io.Writer) int {
	flags := newFlagSet("btf-ko strip", stderr)
	verbose := flags.BoolP("verbose", "v", false, "say what was done")
	unsign := flags.Bool("strip_signature", false, "remove the BTF of signed modules, and the signature")
	flags.Usage = func() { fmt.Fprint(stdout, stripHelp.Format(flags)) }
	if err := flags.Parse(args); errors.Is(err, pflag.ErrHelp) {
		return exitDone
	} else if err != nil {
		return usageError(stderr, "strip", err)
	}
	if flags.NArg() == 0 {
		return usageError(stderr, "strip", errors.New("no file to strip: btf-ko strip --help tells how"))
	}
	status := exitDone
	for _, path := range flags.Args() {
		removed, err := strip(path, *unsign)
		switch {
		case err != nil:
			cli.Say(stderr, "btf-ko strip: %v", err)
			status = exitFailed
		case *verbose && removed:
			fmt.Fprintf(stdout, "%s: removed\n", path)
		case *verbose:
			fmt.Fprintf(stdout, "%s: has none\n", path)
		}
	}
	return status
}

// strip removes the BTF of a file, if it has any. unsign: and the signature then.
func strip(path string, unsign bool) (removed bool, err error) {
	img, err := elfimage.Open(path)
	if err != nil {
		return false, err
	}
	defer img.Close()
	if unsign {
		if err := img.DropSignature(); err != nil {
			return false, err
		}
	}
	return img.Detach(".BTF", ".BTF.base")
}
