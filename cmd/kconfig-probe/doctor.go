// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/kbtf/kbtf/internal/doctor"
)

const doctorUsage = `kconfig-probe doctor [TREE] [--config=FILE] [--against=FILE] [--json]

Checks the encoder, the kernel tree TREE, its configuration and the running
kernel, and suggests a fix for each problem. --against checks that modules will
load into another kernel, given as a configuration such as /boot/config-6.1.0, a
Module.symvers or a module: struct module must be the same.
`

func doctorCommand(in *invocation) int {
	flags := in.flags()
	var opt doctor.Options
	encoder := encoderFlag(flags)
	flags.StringVar(&opt.Config, "config", "", "a configuration `FILE` (default TREE/.config)")
	flags.StringVar(&opt.Against, "against", "", "a configuration, Module.symvers or module `FILE` to compare with")
	asJSON := flags.Bool("json", false, "print JSON")
	if status, ok := in.parseUpTo(flags, 1); !ok {
		return status
	}
	opt.Encoder, opt.Tree = *encoder, flags.Arg(0)
	ctx, stop := untilInterrupted()
	defer stop()
	d, err := doctor.Examine(ctx, opt)
	if err != nil {
		return in.fail("%s", pathFirst(err))
	}
	if *asJSON {
		e := json.NewEncoder(in.stdout)
		e.SetIndent("", "  ")
		err = e.Encode(d)
	} else {
		err = d.Text(in.stdout, colorful(in.stdout))
	}
	if err != nil {
		return in.fail("cannot print the report: %s", err)
	}
	if d.Problems() > 0 {
		return exitNo
	}
	return exitYes
}

// pathFirst returns err without the operation that precedes the path.
func pathFirst(err error) error {
	if p, ok := err.(*os.PathError); ok {
		return fmt.Errorf("%s: %w", p.Path, p.Err)
	}
	return err
}

// colorful reports whether to use colours: on a terminal that has them, unless NO_COLOR is set
// (https://no-color.org).
func colorful(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
