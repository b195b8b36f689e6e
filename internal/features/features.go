// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package features translates pahole's flags for the features of BTF into options of the encoder. A command
// line, such as those in the kernel's build files, selects features in one of three ways:
//
//   - With a list, --btf_features, which pahole 1.26 and later accept. Other features are off.
//   - With one flag per feature, which pahole 1.20 to 1.25 accept (legacy). Other features have the defaults
//     of these versions.
//   - Without a flag. The features are those of the base, and those that all kernels accept.
package features

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/encode"
)

// The words of --btf_features.
const (
	encodeForce    = "encode_force"    // leave out variables that BTF cannot express
	perCPUVars     = "var"             // VARs of the per-CPU section
	floats         = "float"           // FLOAT
	declTags       = "decl_tag"        // DECL_TAG
	typeTags       = "type_tag"        // TYPE_TAG
	enum64         = "enum64"          // ENUM64, and the sign of ENUM
	suffixedNames  = "optimized_func"  // functions whose only symbol has a suffix; pahole 1.31 and later always
	consistent     = "consistent_func" // no functions whose prototypes differ between units
	kfuncTags      = "decl_tag_kfuncs" // DECL_TAG bpf_kfunc
	reproducible   = "reproducible_build"
	DistilledBase  = "distilled_base" // .BTF.base
	allVars        = "global_var"     // VARs of all sections
	attributes     = "attributes"     // TYPE_TAG with kind_flag
	layout         = "layout"         // the sizes of the kinds, after the types; not in split BTF
	trueSignatures = "true_signature"
	mergeUnits     = "force_cu_merging"

	group    = "default" // all of defaultFeatures
	allWords = "all"
)

var (
	defaultFeatures = []string{
		encodeForce, perCPUVars, floats, declTags, typeTags, enum64, suffixedNames, consistent, kfuncTags,
	}
	otherFeatures = []string{reproducible, DistilledBase, allVars, attributes, layout, mergeUnits}
)

// Supported returns the words of --btf_features that are supported.
func Supported() []string { return slices.Concat(defaultFeatures, otherFeatures) }

// A Set is the set of features on a command line. After parsing, several threads may read it.
type Set struct {
	given  bool // a list was given
	on     map[string]bool
	off    map[string]bool // --skip_encoding_...
	legacy bool            // a legacy flag was given
}

func (f *Set) set(names ...string) {
	if f.on == nil {
		f.on = map[string]bool{}
	}
	for _, name := range names {
		f.on[name] = true
	}
}

// Parse adds the features in a value of --btf_features. Unknown words are errors if strict is set, otherwise
// they are ignored, as by pahole, so that old versions accept the lists of new kernels.
func (f *Set) Parse(list string, strict bool) error {
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
			return fmt.Errorf("feature %s: not supported: leave it out, which leaves out functions whose parameters changed",
				name)
		case slices.Contains(defaultFeatures, name), slices.Contains(otherFeatures, name):
			f.set(name)
		case strict && name != "":
			return fmt.Errorf("unknown feature %q: known are %s", name, strings.Join(Supported(), ","))
		}
	}
	return nil
}

// AddFlags adds the flags that select features.
func (f *Set) AddFlags(flags *pflag.FlagSet) {
	add := func(name, usage string, set func(string) error) {
		flags.Var(action{set}, name, usage)
	}
	add("btf_features", "`LIST` of what to encode (default: as the base)",
		func(s string) error { return f.Parse(s, false) })
	add("btf_features_strict", "as --btf_features, and reject unknown words in `LIST`",
		func(s string) error { return f.Parse(s, true) })
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
	// These two combine with a list and with legacy flags.
	for name, feature := range map[string]string{"btf_attributes": attributes, "reproducible_build": reproducible} {
		add(name, "", func(string) error { f.set(feature); return nil })
		flag := flags.Lookup(name)
		flag.NoOptDefVal, flag.Hidden = "true", true
	}
}

// action is a flag value that calls a function when it is parsed.
type action struct{ set func(string) error }

func (action) String() string       { return "" }
func (action) Type() string         { return "list" }
func (a action) Set(s string) error { return a.set(s) }

// legacyFeatures are the defaults of pahole 1.20 to 1.25.
var legacyFeatures = []string{perCPUVars, declTags, typeTags, enum64}

// Has reports whether a feature is on.
func (f *Set) Has(name string) bool {
	on := f.on[name] || f.legacy && !f.given && slices.Contains(legacyFeatures, name)
	return on && !f.off[name]
}

// Apply sets the options of the encoder that depend on the features and the base. opt.Rules must be set.
func (f *Set) Apply(base *btf.Base, opt *encode.Options) {
	opt.Dialect = base.Dialect
	if base.NumTypes() == 0 {
		opt.Dialect.NestedArrays = opt.Rules != encode.Rules130
	}
	opt.Layout = f.Has(layout)
	opt.MergeUnits = f.Has(mergeUnits)
	if f.Has(allVars) {
		opt.Variables = encode.AllVariables
	}
	opt.Dialect.Attributes = base.Dialect.Attributes && !f.given || f.Has(attributes)
	if !f.given && !f.legacy {
		return
	}
	d := &opt.Dialect
	d.Float, d.Enum64 = f.Has(floats), f.Has(enum64)
	d.TypeTags, d.DeclTags = f.Has(typeTags), f.Has(declTags)
	d.KfuncTags = d.DeclTags && f.Has(kfuncTags)
	opt.Inconsistent, opt.ExactNames, opt.Strict = !f.Has(consistent), !f.Has(suffixedNames), !f.Has(encodeForce)
	if opt.Variables == encode.PerCPU && !f.Has(perCPUVars) {
		opt.Variables = encode.NoVariables
	}
}
