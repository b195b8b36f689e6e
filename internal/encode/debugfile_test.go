// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/btfids"
	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// A stripped module with its debug file encodes like the original module. In the debug file
// sections have other numbers and no contents, so the flags of kfuncs come from the module; strip
// removes symbols, so these come from the debug file.
func TestDebugFile(t *testing.T) {
	const source = `
		struct arg { int a; long b; };
		int kfunc(struct arg *a) { return a->a; }
		static int helper(struct arg *a) { return kfunc(a); }
		int (*table[])(struct arg *) = { kfunc, helper };
		static struct arg counters __attribute__((section(".data..percpu"))) = { 1, 2 };
		__attribute__((section(".data..percpu"))) long first;
		struct arg plain;
		int use(void) { return counters.a++ + plain.a + first; }
		asm(".pushsection .BTF_ids,\"a\"\n"
			".globl __BTF_ID__set8__kfuncs\n__BTF_ID__set8__kfuncs: .long 0, 1\n"
			".local __BTF_ID__func__kfunc__1\n__BTF_ID__func__kfunc__1: .long 0, 0x1000\n"
			".size __BTF_ID__set8__kfuncs, .-__BTF_ID__set8__kfuncs\n"
			".popsection");`
	type test struct {
		name string
		cc   compiler
		link []string
		keep []string // additional flags of objcopy for the debug file
	}
	tests := []test{
		{"gcc, zlib", gcc, []string{"-r"}, []string{"--compress-debug-sections=zlib"}},
		{"gcc, linked", gcc, []string{"-e", "use", "-Ttext=0x1000"}, nil},
	}
	for _, target := range elftest.Targets {
		if target.LD != nil {
			tests = append(tests, test{target.Name, with(target, "-O2", "-fcommon", "-gdwarf-5"),
				[]string{"-r"}, nil})
		}
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			object := tt.cc.build(t, source).Path
			dir := filepath.Dir(object)
			tt.cc.Link(t, dir, append(tt.link, "-o", "whole", object)...)
			elftest.Run(t, dir, tt.cc.Objcopy,
				append(tt.keep, "--only-keep-debug", "whole", "debug")...)
			elftest.Run(t, dir, tt.cc.Objcopy, "--strip-unneeded", "whole", "stripped")
			open := func(name string) *elfimage.Image {
				img, err := elfimage.Open(filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(img.Close)
				return img
			}
			whole, debug, stripped := open("whole"), open("debug"), open("stripped")
			for _, variables := range []Variables{PerCPU, AllVariables} {
				opt := Options{Dialect: btf.Modern, Variables: variables}
				want, err := File(whole, NoBase(), opt)
				if err != nil {
					t.Fatal(err)
				}
				if opt.IDs, err = btfids.Open(debug, stripped, &NoBase().Blob); err != nil {
					t.Fatal(err)
				}
				got, err := File(debug, NoBase(), opt)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, want) {
					t.Errorf("variables %d: differs from the original module", variables)
				}
				all := strings.Join(list(t, got, nil), "\n")
				if !strings.Contains(all, "* a) tags=bpf_kfunc,bpf_fastcall\n") {
					t.Errorf("no kfunc, or no flags:\n%s", all)
				}
			}
		})
	}
}
