// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btf

import (
	"strings"
	"testing"
)

// Malformed BTF is an error or left alone. TestResolveBTFIDsFiles in cmd/btf-ko does it with C.
func TestHideImplicitArgumentsErrors(t *testing.T) {
	const names = "\x00kf\x00bpf_kfunc\x00"
	tag := []uint32{4, info(KindDeclTag, 0, false), 0, WholeDecl} // of its third word
	of := func(target uint32) []uint32 { t := append([]uint32(nil), tag...); t[2] = target; return t }
	for _, tt := range []struct {
		name  string
		types []uint32
		want  string // "": unchanged
	}{
		{"tag of a pointer", append(of(2), 1, info(KindPtr, 0, false), 0), "BTF type 1: tag bpf_kfunc of a PTR"},
		{"tag of nothing", of(7), ""},
		{"no prototype", append(of(2), 1, info(KindFunc, 0, false), 1), "BTF type 2: FUNC without a prototype"},
		{"another function", append(of(2), 4, info(KindFunc, 0, false), 0), ""},
		{"truncated", of(2)[:3], "malformed BTF type at offset 0"},
	} {
		raw, err := blobOf(t, tt.types, names).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		got, err := HideImplicitArguments(mustBase(t, &Blob{}), raw, map[string]bool{"kf": true})
		switch {
		case tt.want == "" && (err != nil || string(got) != string(raw)):
			t.Errorf("%s: changed, or %v", tt.name, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v, want %s", tt.name, err, tt.want)
		}
	}
	// A parameter whose type never ends is not implicit.
	loop := append(of(2), 1, info(KindFunc, 0, false), 3,
		0, info(KindFuncProto, 1, false), 0, 0, 4,
		0, info(KindConst, 0, false), 4)
	raw, err := blobOf(t, loop, names).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := HideImplicitArguments(mustBase(t, &Blob{}), raw, map[string]bool{"kf": true}); err != nil {
		t.Error(err)
	}
}
