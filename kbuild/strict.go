// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package kbuild

import "strings"

// This file has the strict rule: make runs the encoder for each module, and
// keeps track of all that its BTF depends on.

// strict returns the strict rule with its commands. A module whose .cmd file is
// missing is linked, so the recipe removes it first and writes it last.
func (s shape) strict(w Wiring, r linkRule) ruleText {
	var b strings.Builder
	b.WriteString(s.strictCommands(w.Encoder) + "\n")
	if w.Helper == InModfinal {
		b.WriteString(strictHelpers + "\n")
	}
	except := "$(if $(btf-base),$(btf-deps))"
	if w.Encoder == Pahole && (s.resolve || s.genBTF != "") {
		b.WriteString(`# resolve_btfids sorts the sets in .BTF_ids in place, which works only once
btf-except = $(if $(btf-base),$(if $(shell grep -lF .BTF_ids $<),,$(btf-deps)))

`)
		except = "$(btf-except)"
	}
	plus, definition := r.plusUnlessDryRun()
	if definition != "" {
		b.WriteString(definition + "\n")
	}
	b.WriteString(`# Without a .cmd file, the next make starts over with the link
define rule_` + r.command + `
	@rm -f $(dot-target).cmd
	` + plus + `$(call if_changed_except,` + r.command + `,` + except + `)
	$(call cmd,btf_ko)
	@printf '%s\n' '` + s.saved + `$@ := $(make-cmd)' > $(dot-target).cmd
endef
`)
	return ruleText{b.String(), ruleComment +
		r.head + " $(btf-deps) FORCE\n\t$(call if_changed_rule," + r.command + ")\n"}
}

// plusUnlessDryRun returns the prefix of a recipe that links, and its definition.
// A + shares make's jobserver with the command, but also runs it under make -n.
// MAKEFLAGS starts with the short options, or with a blank.
func (r linkRule) plusUnlessDryRun() (plus, definition string) {
	if r.plus == "" {
		return "", ""
	}
	return "$(plus)", `# Share the jobserver with the link (+), but do not run it for make -n
plus = $(if $(findstring n,$(filter-out --%,$(firstword -$(MAKEFLAGS)))),,+)
`
}

// strictHelpers are for Makefile.modfinal or Kbuild.include. make drops the
// leading ./ of names.
const strictHelpers = `# Same as newer-prereqs and if_changed, but allow to exclude specified extra
# dependencies. if_changed_except does not save the command
newer_prereqs_except = $(filter-out $(PHONY) $(1:./%=%),$(?:./%=%))
if_changed_except = $(if $(call newer_prereqs_except,$(2))$(cmd-check),$(cmd),@:)
`

// btfDeps is the file that modules depend on, in their directory. make clean
// removes it, as .*.tmp.
const btfDeps = ".btf-deps.tmp"

// strictCommands returns cmd_btf_ko, and the rule for the file that modules
// depend on.
func (s shape) strictCommands(e Encoder) string {
	deps := s.extmod + btfDeps
	base := "btf-base := " + s.source(e)
	if e == BTFKo {
		base = "btf-source := " + s.source(e) + "\n" +
			"btf-base := $(if $(btf-source)," + s.extmod + ".vmlinux.btf.tmp)"
	}
	return `# All that the BTF of modules depends on, in a file that is written only if its
# contents change. make clean removes .*.tmp
btf-deps := $(if $(CONFIG_DEBUG_INFO_BTF_MODULES),` + deps + `,$(wildcard ` + deps + `))
filechk_btf_deps = echo '$(btf-flags)'$(if $(btf-base),; ` + s.dependencies(e) + `)
$(btf-deps): FORCE
	$(call filechk,btf_deps)

ifdef CONFIG_DEBUG_INFO_BTF_MODULES
` + base + `
` + strings.TrimRight("btf-flags := "+s.encoderFlags(e), " ") + `
` + quietBTFKo + `      cmd_btf_ko = $(if $(btf-base),` + s.encodeUnlessRust(e) + `, \
	printf "Skipping BTF generation for %s due to unavailability of vmlinux\n" $@ 1>&2)
endif
`
}

// source returns the name of a file with the BTF of vmlinux, as an expression of
// make. It has the prerequisite of upstream's rule, if there is one.
func (s shape) source(e Encoder) string {
	var sources []string
	if s.prereq == "" {
		sources = append(sources, "$(if $(KBUILD_BUILTIN),"+s.vmlinux+")")
	} else if s.prereq != s.vmlinux {
		sources = append(sources, s.prereq)
	}
	if e == Pahole {
		sources = append(sources, "$(wildcard "+s.vmlinux+")")
	} else {
		// External modules, and single targets before vmlinux is built.
		sources = append(sources, "$(KBTF_BASE)", "$(wildcard "+s.vmlinux+")",
			"$(shell btf-ko base --find --release $(KERNELRELEASE))")
	}
	if len(sources) == 1 {
		return sources[0]
	}
	return "$(or " + strings.Join(sources, ",") + ")"
}

// dependencies returns the commands that print all that the BTF of modules
// depends on.
func (s shape) dependencies(e Encoder) string {
	if e == Pahole {
		return "$(PAHOLE) --version; \\\n" +
			"\t$(OBJCOPY) -O binary --only-section=.BTF $(btf-base) $@.btf.tmp; " +
			"sha1sum < $@.btf.tmp; rm $@.btf.tmp"
	}
	return "btf-ko --version; \\\n" +
		"\tbtf-ko base --raw $(if $(KBTF_BASE),--release $(KERNELRELEASE))" +
		" -o $(btf-base) '$(call escsq,$(btf-source))'; sha1sum $(btf-base)"
}

// encoderFlags returns the flags of the encoder, without -j: make runs encoders
// in parallel already.
func (s shape) encoderFlags(e Encoder) string {
	flags := ""
	if s.flags != "" {
		flags = "$(filter-out -j%," + s.flags + ")"
	}
	if e == BTFKo {
		flags += s.distilled()
	}
	return flags
}

// distilled returns the flag of btf-ko for external modules in place of
// --distill_base, which gen-btf.sh passes to resolve_btfids. Before 7.0 it is in
// MODULE_PAHOLE_FLAGS.
func (s shape) distilled() string {
	if s.genBTF == "" {
		return ""
	}
	return " $(if $(KBUILD_EXTMOD),--btf_features=distilled_base)"
}

// withoutRust returns the flag of btf-ko that leaves out the types of Rust, in
// trees whose rule skips Rust modules.
func (s shape) withoutRust() string {
	if !s.noRust {
		return ""
	}
	return " --lang_exclude=rust"
}

// encode returns the command that encodes module $@. btf-ko fills in .BTF_ids
// itself; pahole needs resolve_btfids.
func (s shape) encode(e Encoder) string {
	const base = " --btf_base $(btf-base) $@"
	const pahole = `LLVM_OBJCOPY="$(OBJCOPY)" $(PAHOLE) -J $(btf-flags)` + base
	switch {
	case e == BTFKo:
		return "btf-ko $(btf-flags)" + base
	case s.genBTF != "":
		return `PAHOLE_FLAGS="$(btf-flags)" ` + s.genBTF + base
	case s.resolve:
		return pahole + " && \\\n\t$(RESOLVE_BTFIDS) -b $(btf-base) $@"
	}
	return pahole
}

// encodeUnlessRust returns the command that encodes module $@, and removes it if
// that fails. In trees that skip Rust modules, it does so as well.
func (s shape) encodeUnlessRust(e Encoder) string {
	encode := s.encode(e) + " || { rm -f $@; exit 1; }"
	if !s.noRust {
		return encode
	}
	return `if [ -n "$(CONFIG_RUST)" ] && $(srctree)/scripts/is_rust_module.sh $@; then \
	printf "Skipping BTF generation for %s because it is a Rust module\n" $@ 1>&2; \
	else ` + encode + "; fi"
}
