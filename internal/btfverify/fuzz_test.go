// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfverify

import (
	"encoding/binary"
	"testing"

	"github.com/kbtf/kbtf/internal/btfraw"
)

// FuzzVerify checks that nothing makes the verifier panic or hang, and that what it lets pass can
// be a base.
func FuzzVerify(f *testing.F) {
	whole := newWriter(binary.LittleEndian)
	writeBase(whole)
	base, _ := Verify(whole.Bytes(24), nil, &Kernels[0])
	for _, test := range formTests {
		if raw := test.bytes(binary.LittleEndian); len(raw) < 1<<12 {
			f.Add(raw)
		}
	}
	split := whole.split()
	split.ref(btfraw.Ptr, "", firstSplit+1)
	split.list(btfraw.Struct, "list", 0, 16,
		field{"next", []uint32{firstSplit, 0}}, field{"pair", []uint32{basePair, 64}})
	f.Add(split.Bytes(24))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for i := range Kernels {
			for _, base := range []*BTF{nil, base} {
				if btf, _ := Verify(raw, base, &Kernels[i]); btf != nil && base == nil {
					Verify(split.Bytes(24), btf, &Kernels[i])
				}
			}
			VerifyDistilled(raw, base, &Kernels[i])
		}
	})
}
