// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/encode"
)

// What to encode can be said in three ways, of which a kernel's build files use one:
//
//   - --btf_features names what is wanted, as pahole 1.26 and later take it. What is not named is off.
//   - flags of their own for each thing, as pahole 1.20 to 1.25 take them (legacy). What is not named is as pahole has it then.
//   - nothing: what the base has, and whatever is safe.

// The words of --btf_features.
const (
	encodeForce    = "encode_force"    // a variable that BTF cannot express is left out
	perCPUVars     = "var"             // VARs of the per-CPU section
	floats         = "float"           // FLOAT
	declTags       = "decl_tag"        // DECL_TAG
	typeTags       = "type_tag"        // TYPE_TAG
	enum64         = "enum64"          // ENUM64, and the sign of ENUM
	suffixedNames  = "optimized_func"  // functions that .symtab has only with a suffix; pahole 1.31 and later always
	consistent     = "consistent_func" // no functions on whose prototype units disagree
	kfuncTags      = "decl_tag_kfuncs" // DECL_TAG bpf_kfunc
	reproducible   = "reproducible_build"
	distilledBase  = "distilled_base" // .BTF.base
	allVars        = "global_var"     // VARs of all sections
	attributes     = "attributes"     // TYPE_TAG with kind_flag
	layout         = "layout"         // the kinds' sizes behind the types; not in split BTF
	trueSignatures = "true_signature"
	mergeUnits     = "force_cu_merging"

	group    = "default" // stands for the group below
	allWords = "all"
)

var (
	defaultFeatures = []string{encodeForce, perCPUVars, floats, declTags, typeTags, enum64, suffixedNames, consistent, kfuncTags}
	otherFeatures   = []string{reproducible, distilledBase, allVars, attributes, layout, mergeUnits}
)

// features are those named on the command line.
type features struct {
	given bool
	on    map[string]bool
	off   map[string]bool // --skip_encoding_...
	// some flag of pahole 1.25 and earlier was given, and no list of features
	legacy bool
}

func (f *features) set(names ...string) {
	if f.on == nil {
		f.on = map[string]bool{}
	}
	for _, name := range names {
		f.on[name] = true
	}
}

// list reads the value of --btf_features; strict: a word that is not known is an error. pahole ignores those, so that old versions
// take the lists of new kernels.
func (f *features) list(list string, strict bool) error {
	f.given = true
	rest, plus := strings.CutPrefix(list, "+")
	if plus {
		f.set(defaultFeatures...)
	}
	for name := range strings.SplitSeq(rest, ",") {
		switch {
		case name == group:
			f.set(defaultFeatures...)
		case name == allWords:
			f.set(defaultFeatures...)
			f.set(reproducible, allVars, attributes, layout)
		case name == trueSignatures:
			return fmt.Errorf("feature %s: not possible yet: leave it out, functions whose parameters changed are left out then", name)
		case slices.Contains(defaultFeatures, name), slices.Contains(otherFeatures, name):
			f.set(name)
		case strict && name != "":
			return fmt.Errorf("feature %q is not known; known are %s", name, strings.Join(slices.Concat(defaultFeatures, otherFeatures), ","))
		}
	}
	return nil
}

// addFlags defines all flags that say what to encode.
func (f *features) addFlags(flags *pflag.FlagSet) {
	add := func(name, usage string, set func(string) error) {
		flags.Var(action{set}, name, usage)
	}
	add("btf_features", "`LIST` of what to encode (default: as the base)",
		func(s string) error { return f.list(s, false) })
	add("btf_features_strict", "the same, and a word of `LIST` that is not known is an error",
		func(s string) error { return f.list(s, true) })
	legacy := func(name string, do func()) {
		add(name, "", func(string) error {
			f.legacy = true
			do()
			return nil
		})
		flag := flags.Lookup(name)
		flag.NoOptDefVal, flag.Hidden = "true", true
	}
	skip := func(name string) func() {
		return func() {
			if f.off == nil {
				f.off = map[string]bool{}
			}
			f.off[name] = true
		}
	}
	legacy("btf_gen_floats", func() { f.set(floats) })
	legacy("btf_gen_optimized", func() { f.set(suffixedNames) })
	legacy("btf_gen_all", func() { f.set(defaultFeatures...) })
	legacy("btf_encode_force", func() { f.set(encodeForce) })
	legacy("skip_encoding_btf_vars", skip(perCPUVars))
	legacy("skip_encoding_btf_decl_tag", skip(declTags))
	legacy("skip_encoding_btf_type_tag", skip(typeTags))
	legacy("skip_encoding_btf_enum64", skip(enum64))
	legacy("skip_encoding_btf_inconsistent_proto", func() { f.set(consistent) })
	// These two go with either way.
	for name, feature := range map[string]string{"btf_attributes": attributes, "reproducible_build": reproducible} {
		add(name, "", func(string) error { f.set(feature); return nil })
		flag := flags.Lookup(name)
		flag.NoOptDefVal, flag.Hidden = "true", true
	}
}

// action is a flag that does something as soon as it is read.
type action struct{ set func(string) error }

func (action) String() string       { return "" }
func (action) Type() string         { return "list" }
func (a action) Set(s string) error { return a.set(s) }

// legacyFeatures are what pahole 1.20 to 1.25 do without being told.
var legacyFeatures = []string{perCPUVars, declTags, typeTags, enum64}

func (f *features) has(name string) bool {
	on := f.on[name] || f.legacy && !f.given && slices.Contains(legacyFeatures, name)
	return on && !f.off[name]
}

// apply sets the options that the features say, on top of what the base says.
func (f *features) apply(base btf.Dialect, opt *encode.Options) {
	opt.Dialect = base
	opt.Layout = f.has(layout)
	opt.MergeUnits = f.has(mergeUnits)
	if f.has(allVars) {
		opt.Variables = encode.AllVariables
	}
	opt.Dialect.Attributes = base.Attributes && !f.given || f.has(attributes)
	if !f.given && !f.legacy {
		return
	}
	d := &opt.Dialect
	d.Float, d.Enum64 = f.has(floats), f.has(enum64)
	d.TypeTags, d.DeclTags = f.has(typeTags), f.has(declTags)
	d.KfuncTags = d.DeclTags && f.has(kfuncTags)
	opt.Inconsistent, opt.ExactNames, opt.Strict = !f.has(consistent), !f.has(suffixedNames), !f.has(encodeForce)
	if opt.Variables == encode.PerCPU && !f.has(perCPUVars) {
		opt.Variables = encode.NoVariables
	}
}
