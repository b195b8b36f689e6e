// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/kbuild"
)

const patchUsage = `kconfig-probe patch TREE [--encoder=btf-ko|pahole] [-o FILE | --apply | --check | --revert]

Prints the patch that wires BTF for modules into the kernel tree TREE, for
git am: two symbols in lib/Kconfig.debug and the rule in
scripts/Makefile.modfinal. A tree that is not understood is refused.

Exits with 0 when done, or when there is nothing to do; --check with 0 if TREE
has the patch and 1 if not. 2 is an error, and TREE is as it was.
`

func patch(in *invocation) int {
	flags := in.flags()
	encoder := kbuildEncoderFlag(flags)
	output := flags.StringP("output", "o", "", "write the patch to this file")
	apply := flags.Bool("apply", false, "change TREE: all files or none")
	check := flags.Bool("check", false, "tell whether TREE has the patch")
	revert := flags.Bool("revert", false, "take the patch out of TREE, byte for byte")
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
		return in.fail("only one of -o, --apply, --check and --revert can be done at a time")
	}
	e := kbuild.Encoder(*encoder)
	if !slices.Contains(kbuild.Encoders, e) {
		return in.fail("--encoder=%s: the wiring calls btf-ko or pahole", e)
	}

	tree := flags.Arg(0)
	applied, err := kbuild.Applied(tree)
	if err != nil {
		return in.fail("%s", err)
	}
	if *check && applied != nil && flags.Changed("encoder") && applied.Encoder != e {
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
	if applied != nil && applied.Encoder != e {
		return in.fail("%s: is patched for %s, use --revert first", tree, applied.Encoder)
	}
	if applied != nil && *apply {
		fmt.Fprintf(in.stdout, "%s: already patched, nothing to do\n", tree)
		return exitYes
	}

	// Without --apply, a patched tree shows the patch that it has.
	plan := applied
	if plan == nil {
		if plan, err = kbuild.NewPlan(tree, e); err != nil {
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

const fragmentUsage = `kconfig-probe fragment kconfig|modfinal [--encoder=btf-ko|pahole]

Prints what kconfig-probe patch inserts, to be merged by hand: kconfig into
lib/Kconfig.debug after DEBUG_INFO_BTF, modfinal into scripts/Makefile.modfinal
in place of the rule that links modules.
`

func fragment(in *invocation) int {
	flags := in.flags()
	encoder := kbuildEncoderFlag(flags)
	if status, ok := in.parse(flags, 1); !ok {
		return status
	}
	e := kbuild.Encoder(*encoder)
	if !slices.Contains(kbuild.Encoders, e) {
		return in.fail("--encoder=%s: the wiring calls btf-ko or pahole", e)
	}
	text, ok := kbuild.Fragment(flags.Arg(0), e)
	if !ok {
		return in.fail("no fragment %q: there are kconfig and modfinal", flags.Arg(0))
	}
	fmt.Fprint(in.stdout, text)
	return exitYes
}

func kbuildEncoderFlag(flags *pflag.FlagSet) *string {
	return flags.String("encoder", string(kbuild.BTFKo), "what the rule calls: btf-ko or pahole")
}
