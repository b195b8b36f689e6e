// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package features

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/kbtf/kbtf/internal/encode"
)

// Apply must not change the Set, because several files are encoded with it in parallel.
func TestFeaturesAreOnlyRead(t *testing.T) {
	for _, args := range [][]string{{"--btf_gen_floats"}, {"--skip_encoding_btf_vars"}, {"--btf_features=default"}, nil} {
		var f Set
		flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
		f.AddFlags(flags)
		if err := flags.Parse(args); err != nil {
			t.Fatal(err)
		}
		on, off := maps.Clone(f.on), maps.Clone(f.off)
		var first, second encode.Options
		f.Apply(encode.NoBase(), &first)
		f.Apply(encode.NoBase(), &second)
		if diff := cmp.Diff(on, f.on) + cmp.Diff(off, f.off) + cmp.Diff(first, second); diff != "" {
			t.Errorf("%v:\n%s", args, diff)
		}
	}
}
