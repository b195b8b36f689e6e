// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/cli"
	"github.com/kbtf/kbtf/kbuild"
)

var patchCommand = &cli.Command{
	Name:    "patch",
	Summary: "print, apply or revert the patch for a kernel tree",
	Help: cli.Help{
		Synopsis: "kconfig-probe patch TREE [--rule=strict|simple|batch] [--encoder=btf-ko|pahole] " +
			"[--helper=modfinal|kbuild-include] [-o FILE | --apply | --check | --revert]",
		Text: `Prints a patch, for git am, that makes the kernel tree TREE, 5.4 or newer, generate
BTF for modules. In headers such as /lib/modules/R/build it changes scripts/ only.
Trees with unexpected makefiles are refused.

The strict rule encodes each module and never leaves missing or stale BTF; the
simple one is shorter and does. The batch rule runs btf-ko once for all modules; it
is the shortest and fastest. The first two use if_changed_except, which is defined
in Makefile.modfinal, or with --helper=kbuild-include next to if_changed.

In a patched TREE, --apply switches to the flags given. On errors TREE is unchanged.`,
		Exit: "0 done or nothing to do; 1 not patched (--check); 2 error",
		Examples: []string{
			"kconfig-probe patch ~/linux-5.10 > split-btf.patch",
			"kconfig-probe patch ~/linux-5.10 --apply",
			"kconfig-probe patch ~/linux-5.10 --check",
		},
	},
	Flags: patchFlags,
	Args:  cli.ExactArgs(1),
}

func patchFlags(flags *pflag.FlagSet) func(*cli.Call) int {
	wiring := wiringFlags(flags)
	output := flags.StringP("output", "o", "", "write the patch to `FILE`")
	apply := flags.Bool("apply", false, "patch TREE: all files or none")
	check := flags.Bool("check", false, "check whether TREE is patched")
	revert := flags.Bool("revert", false, "remove the patch from TREE")
	return func(call *cli.Call) int {
		modes := 0
		for _, set := range []bool{call.Flags.Changed("output"), *apply, *check, *revert} {
			if set {
				modes++
			}
		}
		if modes > 1 {
			return fail(call, "-o, --apply, --check and --revert are mutually exclusive")
		}
		w, err := wiring()
		if err != nil {
			return fail(call, "%s", err)
		}

		tree := call.Flags.Arg(0)
		applied, err := kbuild.Applied(tree)
		if err != nil {
			return fail(call, "%s", err)
		}
		if applied != nil { // what is not given stays
			keep(call.Flags, "rule", &w.Rule, applied.Rule)
			keep(call.Flags, "encoder", &w.Encoder, applied.Encoder)
			keep(call.Flags, "helper", &w.Helper, applied.Helper)
		}
		w = w.Normal()
		if *check && applied != nil && applied.Wiring != w {
			fmt.Fprintf(call.Stdout, "%s: patched, but with %s\n", tree, applied.Wiring)
			return exitNo
		}
		if *check && applied != nil {
			fmt.Fprintf(call.Stdout, "%s: patched with %s\n", tree, w)
			return exitYes
		}
		if *revert && applied != nil {
			if err := withoutInterrupts(func() error { return applied.Revert(tree) }); err != nil {
				return fail(call, "%s", err)
			}
			report(call, tree, "reverted", applied)
			return exitYes
		}
		if *apply && applied != nil && applied.Wiring == w {
			fmt.Fprintf(call.Stdout, "%s: already patched, nothing to do\n", tree)
			return exitYes
		}

		// For a patched tree, print the patch that it has.
		plan, write := applied, func() error { return nil }
		switch {
		case applied == nil:
			plan, err = kbuild.NewPlan(tree, w)
			write = func() error { return plan.Apply(tree) }
		case applied.Wiring != w:
			plan, err = applied.Replan(tree, w)
			write = func() error { return applied.Switch(tree, plan) }
		}
		if err != nil {
			return fail(call, "%s", err)
		}
		switch {
		case *check:
			fmt.Fprintf(call.Stdout, "%s: not patched\n", tree)
			return exitNo
		case *revert:
			fmt.Fprintf(call.Stdout, "%s: not patched, nothing to do\n", tree)
			return exitYes
		case *apply:
			if err := withoutInterrupts(write); err != nil {
				return fail(call, "%s", err)
			}
			report(call, tree, "patched", plan)
			return exitYes
		case call.Flags.Changed("output"):
			if err := kbuild.WriteFile(*output, plan.Patch()); err != nil {
				return fail(call, "%s", err)
			}
			return exitYes
		}
		if _, err := fmt.Fprint(call.Stdout, plan.Patch()); err != nil {
			return fail(call, "cannot print the patch: %s", err)
		}
		return exitYes
	}
}

// keep sets the value of a flag that is not given.
func keep[T any](flags *pflag.FlagSet, name string, value *T, to T) {
	if !flags.Changed(name) {
		*value = to
	}
}

func report(call *cli.Call, tree, what string, p *kbuild.Plan) {
	for _, c := range p.Changes {
		fmt.Fprintf(call.Stdout, "%s: %s %s\n", tree, what, c.Path)
	}
}

var fragmentCommand = &cli.Command{
	Name:    "fragment",
	Summary: "print parts of the patch, to merge by hand",
	Help: cli.Help{
		Synopsis: "kconfig-probe fragment kconfig|makefile|modfinal [--rule=strict|simple|batch] " +
			"[--encoder=btf-ko|pahole] [--helper=modfinal|kbuild-include]",
		Text: `Prints what kconfig-probe patch inserts into a tree like 5.10, to merge by hand:
kconfig into lib/Kconfig.debug after DEBUG_INFO_BTF, makefile into Makefile,
modfinal into scripts/Makefile.modfinal in place of the rule that links modules.
The simple rule needs no makefile.`,
		Exit: "0 done, 2 no such fragment",
		Examples: []string{
			"kconfig-probe fragment kconfig",
			"kconfig-probe fragment modfinal",
			"kconfig-probe fragment modfinal --encoder pahole",
		},
	},
	Flags: fragmentFlags,
	Args:  cli.ExactArgs(1),
}

func fragmentFlags(flags *pflag.FlagSet) func(*cli.Call) int {
	wiring := wiringFlags(flags)
	return func(call *cli.Call) int {
		w, err := wiring()
		if err != nil {
			return fail(call, "%s", err)
		}
		text, ok := kbuild.Fragment(call.Flags.Arg(0), w)
		if !ok {
			return fail(call, "%s has no fragment %q: use kconfig, makefile (not with --rule=simple) or modfinal",
				w.Normal(), call.Flags.Arg(0))
		}
		fmt.Fprint(call.Stdout, text)
		return exitYes
	}
}

// wiringFlags defines --rule, --encoder and --helper. The function that it returns must be
// called after the flags are parsed.
func wiringFlags(flags *pflag.FlagSet) func() (kbuild.Wiring, error) {
	rule := flags.String("rule", string(kbuild.Strict), "rule for the BTF of modules: strict, simple or batch")
	encoder := flags.String("encoder", string(kbuild.BTFKo), "encoder that the rule runs: btf-ko or pahole")
	helper := flags.String("helper", string(kbuild.InModfinal), "file for if_changed_except: modfinal or kbuild-include")
	return func() (kbuild.Wiring, error) {
		w := kbuild.Wiring{Rule: kbuild.Rule(*rule), Encoder: kbuild.Encoder(*encoder), Helper: kbuild.Helper(*helper)}
		if !slices.Contains(kbuild.Rules, w.Rule) {
			return w, fmt.Errorf("--rule=%s: must be strict, simple or batch", w.Rule)
		}
		if !slices.Contains(kbuild.Encoders, w.Encoder) {
			return w, fmt.Errorf("--encoder=%s: must be btf-ko or pahole", w.Encoder)
		}
		if !slices.Contains(kbuild.Helpers, w.Helper) {
			return w, fmt.Errorf("--helper=%s: must be modfinal or kbuild-include", w.Helper)
		}
		return w, nil
	}
}
