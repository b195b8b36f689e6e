// SPDX-License-Identifier: GPL-2.0-only

package main

import (
	"io"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/encode"
)

// What the flags say is read by many files at a time: asking changes nothing. It also stays what it was when asked again.
func TestFeaturesAreOnlyRead(t *testing.T) {
	for _, args := range [][]string{{"--btf_gen_floats"}, {"--skip_encoding_btf_vars"}, {"--btf_features=default"}, nil} {
		var f features
		flags := newFlagSet("test", io.Discard)
		f.addFlags(flags)
		if err := flags.Parse(args); err != nil {
			t.Fatal(err)
		}
		on, off := maps.Clone(f.on), maps.Clone(f.off)
		var first, second encode.Options
		f.apply(btf.Dialect{}, &first)
		f.apply(btf.Dialect{}, &second)
		if diff := cmp.Diff(on, f.on) + cmp.Diff(off, f.off) + cmp.Diff(first, second); diff != "" {
			t.Errorf("%v:\n%s", args, diff)
		}
	}
}
