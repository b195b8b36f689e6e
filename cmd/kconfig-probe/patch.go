// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/kbuild"
)

const patchUsage = `kconfig-probe patch TREE [--encoder=btf-ko|pahole] [--helper=modfinal|kbuild-include] ` +
	`[-o FILE | --apply | --check | --revert]

Prints a patch, for git am, that makes the kernel tree TREE generate BTF for
modules: symbols in lib/Kconfig.debug, the rule in Makefile.modfinal, and what
these need in Makefile and gen-btf.sh. In headers such as /lib/modules/R/build it
changes scripts/ only. TREE may be 5.4 or newer, with or without upstream's rule;
trees with unexpected makefiles are refused.

The rule uses if_changed_except, which is defined in Makefile.modfinal, or with
--helper=kbuild-include in Kbuild.include, next to if_changed.

On errors TREE is unchanged.
`

func patch(in *invocation) int {
	flags := in.flags()
	wiring := wiringFlags(flags)
	output := flags.StringP("output", "o", "", "write the patch to `FILE`")
	apply := flags.Bool("apply", false, "patch TREE: all files or none")
	check := flags.Bool("check", false, "check whether TREE is patched")
	revert := flags.Bool("revert", false, "remove the patch from TREE")
	if status, ok := in.parse(flags, 1); !ok {
		return status
	}
	modes := 0
	for _, set := range []bool{flags.Changed("output"), *apply, *check, *revert} {
		if set {
			modes++
		}
	}
	if modes > 1 {
		return in.fail("-o, --apply, --check and --revert exclude each other")
	}
	w, err := wiring()
	if err != nil {
		return in.fail("%s", err)
	}

	tree := flags.Arg(0)
	applied, err := kbuild.Applied(tree)
	if err != nil {
		return in.fail("%s", err)
	}
	if *check && applied != nil && flags.Changed("encoder") && applied.Encoder != w.Encoder {
		fmt.Fprintf(in.stdout, "%s: patched, but for %s\n", tree, applied.Encoder)
		return exitNo
	}
	if *check && applied != nil {
		fmt.Fprintf(in.stdout, "%s: patched, modules are encoded by %s\n", tree, applied.Encoder)
		return exitYes
	}
	if *revert && applied != nil {
		if err := withoutInterrupts(func() error { return applied.Revert(tree) }); err != nil {
			return in.fail("%s", err)
		}
		in.report(tree, "reverted", applied)
		return exitYes
	}
	if applied != nil && applied.Encoder != w.Encoder {
		return in.fail("%s: already patched for %s: use --revert first", tree, applied.Encoder)
	}
	if applied != nil && flags.Changed("helper") && applied.Helper != w.Helper {
		return in.fail("%s: already patched with --helper=%s: use --revert first", tree, applied.Helper)
	}
	if applied != nil && *apply {
		fmt.Fprintf(in.stdout, "%s: already patched, nothing to do\n", tree)
		return exitYes
	}

	// For a patched tree, print the patch that it has.
	plan := applied
	if plan == nil {
		if plan, err = kbuild.NewPlan(tree, w); err != nil {
			return in.fail("%s", err)
		}
	}
	switch {
	case *check:
		fmt.Fprintf(in.stdout, "%s: not patched\n", tree)
		return exitNo
	case *revert:
		fmt.Fprintf(in.stdout, "%s: not patched, nothing to do\n", tree)
		return exitYes
	case *apply:
		if err := withoutInterrupts(func() error { return plan.Apply(tree) }); err != nil {
			return in.fail("%s", err)
		}
		in.report(tree, "patched", plan)
		return exitYes
	case flags.Changed("output"):
		if err := kbuild.WriteFile(*output, plan.Patch()); err != nil {
			return in.fail("%s", err)
		}
		return exitYes
	}
	if _, err := fmt.Fprint(in.stdout, plan.Patch()); err != nil {
		return in.fail("cannot print the patch: %s", err)
	}
	return exitYes
}

func (in *invocation) report(tree, what string, p *kbuild.Plan) {
	for _, c := range p.Changes {
		fmt.Fprintf(in.stdout, "%s: %s %s\n", tree, what, c.Path)
	}
}

const fragmentUsage = `kconfig-probe fragment kconfig|makefile|modfinal ` +
	`[--encoder=btf-ko|pahole] [--helper=modfinal|kbuild-include]

Prints what kconfig-probe patch inserts into a tree like 5.10, to merge by hand:
kconfig into lib/Kconfig.debug after DEBUG_INFO_BTF, makefile into Makefile,
modfinal into scripts/Makefile.modfinal in place of the rule that links modules.
`

func fragment(in *invocation) int {
	flags := in.flags()
	wiring := wiringFlags(flags)
	if status, ok := in.parse(flags, 1); !ok {
		return status
	}
	w, err := wiring()
	if err != nil {
		return in.fail("%s", err)
	}
	text, ok := kbuild.Fragment(flags.Arg(0), w)
	if !ok {
		return in.fail("unknown fragment %q: use kconfig, makefile or modfinal", flags.Arg(0))
	}
	fmt.Fprint(in.stdout, text)
	return exitYes
}

// wiringFlags defines --encoder and --helper. The function returned is for use
// after the flags are parsed.
func wiringFlags(flags *pflag.FlagSet) func() (kbuild.Wiring, error) {
	encoder := flags.String("encoder", string(kbuild.BTFKo), "encoder that the rule runs: btf-ko or pahole")
	helper := flags.String("helper", string(kbuild.InModfinal), "file for if_changed_except: modfinal or kbuild-include")
	return func() (kbuild.Wiring, error) {
		w := kbuild.Wiring{Encoder: kbuild.Encoder(*encoder), Helper: kbuild.Helper(*helper)}
		if !slices.Contains(kbuild.Encoders, w.Encoder) {
			return w, fmt.Errorf("--encoder=%s: must be btf-ko or pahole", w.Encoder)
		}
		if !slices.Contains(kbuild.Helpers, w.Helper) {
			return w, fmt.Errorf("--helper=%s: must be modfinal or kbuild-include", w.Helper)
		}
		return w, nil
	}
}
