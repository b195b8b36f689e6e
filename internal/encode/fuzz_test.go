// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	cilium "github.com/cilium/ebpf/btf"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/btfverify"
	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// A judge checks with a base whether a kernel would accept what is encoded against it.
type judge struct {
	kernel *btfverify.Kernel
	base   *btf.Base
	whole  *btfverify.BTF // the same
	raw    []byte         // the same
}

// newJudge uses the BTF of a file as the base.
func newJudge(f *testing.F, path string) *judge {
	f.Helper()
	kernel, err := btfverify.KernelOf("")
	if err != nil {
		f.Fatal(err)
	}
	raw, err := File(openImage(f, path), NoBase(), Options{Dialect: btf.Modern})
	if err != nil {
		f.Fatal(err)
	}
	j, err := judgeOf(raw, kernel)
	if err != nil {
		f.Fatal(err)
	}
	return j
}

// judgeOf uses raw BTF as the base. whole is nil if it is malformed.
func judgeOf(raw []byte, kernel *btfverify.Kernel) (*judge, error) {
	blob, err := btf.ParseBlob(raw)
	if err != nil {
		return nil, err
	}
	base, err := btf.NewBase("base", blob)
	if err != nil {
		return nil, err
	}
	j := &judge{kernel: kernel, base: base, raw: raw}
	j.whole, _ = btfverify.Verify(raw, nil, kernel)
	return j, nil
}

func openImage(f *testing.F, path string) *elfimage.Image {
	f.Helper()
	img, err := elfimage.Open(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(img.Close)
	return img
}

// encode encodes a file that may be damaged. It checks that the result is an error in one line, or
// valid BTF that does not depend on the number of threads.
func (j *judge) encode(t *testing.T, file []byte, base *btf.Base, opt Options) []byte {
	t.Helper()
	img, err := elfimage.Parse("x.ko", file)
	if err != nil {
		refused(t, err)
		return nil
	}
	raw, err := File(img, base, opt)
	if err != nil {
		refused(t, err)
		return nil
	}
	opt.Threads = 3
	if again, err := File(img, base, opt); err != nil || !bytes.Equal(again, raw) {
		t.Errorf("output depends on the number of threads (%v)", err)
	}
	var whole *btfverify.BTF
	if base == j.base {
		// a malformed base, or one of another machine
		if whole = j.whole; whole == nil || img.Order != base.Order {
			return nil
		}
		// without types, which only split BTF may be
	} else if blob, err := btf.ParseBlob(raw); err == nil && len(blob.Types) == 0 {
		return nil
	}
	if _, problems := btfverify.Verify(raw, whole, j.kernel); len(problems) > 0 {
		t.Errorf("encoded, but a kernel would refuse it: %v", problems[0])
	}
	return raw
}

// refused checks that an error does not come from a panic.
func refused(t *testing.T, err error) {
	t.Helper()
	if text := err.Error(); strings.Contains(text, "internal error") {
		t.Errorf("refused with %q", text)
	}
}

// fuzzOptions derives options from the bits of a number.
func fuzzOptions(d btf.Dialect, bits uint16) Options {
	bit := func(n int) bool { return bits>>n&1 != 0 }
	d.NestedArrays = d.NestedArrays != bit(0)
	d.Attributes = d.Attributes != bit(1)
	opt := Options{Dialect: d, Inconsistent: bit(2), ExactNames: bit(3), Strict: bit(4),
		MergeUnits: bit(5), Layout: bit(6), Threads: 1}
	if bit(7) {
		opt.Rules = Rules130
	}
	if bit(8) {
		opt.Variables = AllVariables
	}
	return opt
}

// kfuncSource has kfuncs, one with a pointer into an arena.
const kfuncSource = `
	int plain(int a) { return a; }
	int kfunc(int a) { return a; }
	void *get(int a, void *b, void *c) { return b; }
	int listed(int a) { return a; }
	asm(".pushsection .BTF_ids,\"a\"\n"
		".globl __BTF_ID__set8__kfuncs\n__BTF_ID__set8__kfuncs: .long 0, 1\n"
		".local __BTF_ID__func__kfunc__1\n__BTF_ID__func__kfunc__1: .long 0, 0x1000\n"
		".local __BTF_ID__func__get__2\n__BTF_ID__func__get__2: .long 0, 0xa000\n"
		".size __BTF_ID__set8__kfuncs, .-__BTF_ID__set8__kfuncs\n"
		".globl __BTF_ID__set8__other\n__BTF_ID__set8__other: .long 0, 0\n"
		".local __BTF_ID__func__listed__3\n__BTF_ID__func__listed__3: .long 0, 0\n"
		".size __BTF_ID__set8__other, .-__BTF_ID__set8__other\n"
		".popsection");`

// FuzzModule encodes arbitrary bytes, with and without a base.
func FuzzModule(f *testing.F) {
	j := newJudge(f, elftest.Object(f, elftest.GCC, "vmlinux.c"))
	for _, target := range elftest.Targets {
		f.Add(elftest.Read(f, elftest.Object(f, target, "ring.c", "-gdwarf-5")), uint16(0))
	}
	gcc := elftest.GCC
	for i, source := range []string{"kinds.c", "params.c", "vmlinux.c"} {
		f.Add(elftest.Read(f, elftest.Object(f, gcc, source, "-gdwarf-4")), uint16(1)<<i)
	}
	f.Add(elftest.Read(f, elftest.Object(f, gcc, "ring.c", "-gz=zlib")), uint16(0x100))
	f.Add(elftest.Read(f, elftest.Object(f, gcc, "ring.c", "-gdwarf-5", "-fdebug-types-section")),
		uint16(0x20))
	f.Add(elftest.Read(f, kfuncObject(f)), uint16(2))
	f.Add(elftest.Read(f, linked(f, elftest.Object(f, gcc, "ring.c"),
		elftest.Object(f, gcc, "echo.c"))), uint16(0x110))
	f.Fuzz(func(t *testing.T, file []byte, bits uint16) {
		j.encode(t, file, j.base, fuzzOptions(j.base.Dialect, bits))
		j.encode(t, file, NoBase(), fuzzOptions(btf.Modern, bits))
	})
}

// linked links objects into one, as kbuild links modules.
func linked(f *testing.F, objects ...string) string {
	f.Helper()
	dir := f.TempDir()
	elftest.Run(f, dir, "ld", append([]string{"-r", "-o", "x.ko"}, objects...)...)
	return filepath.Join(dir, "x.ko")
}

// FuzzEncodeAgainst encodes a module against an arbitrary base: an error, or valid BTF if the base
// is valid.
func FuzzEncodeAgainst(f *testing.F) {
	gcc := elftest.GCC
	file := elftest.Read(f, elftest.Object(f, gcc, "ring.c"))
	for i, source := range []string{"vmlinux.c", "kinds.c", "ring.c"} {
		f.Add(newJudge(f, elftest.Object(f, gcc, source)).raw, uint16(i))
	}
	kernel, err := btfverify.KernelOf("")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte, bits uint16) {
		j, err := judgeOf(raw, kernel)
		if err != nil {
			refused(t, err)
			return
		}
		split := j.encode(t, file, j.base, fuzzOptions(j.base.Dialect, bits))
		if split == nil {
			return
		}
		own, small, err := btf.Distil(j.base, split)
		if err != nil {
			refused(t, err)
			return
		}
		distilled, problems := btfverify.VerifyDistilled(small, j.whole, kernel)
		if len(problems) > 0 {
			t.Errorf("distilled base: %v", problems[0])
			return
		}
		if _, problems := btfverify.Verify(own, distilled, kernel); len(problems) > 0 {
			t.Errorf("on its distilled base: %v", problems[0])
		}
	})
}

func kfuncObject(f *testing.F) string {
	f.Helper()
	dir := f.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "kfuncs.c"), []byte(kfuncSource), 0o644); err != nil {
		f.Fatal(err)
	}
	elftest.Run(f, dir, "gcc", "-c", "-g", "-O2", "-ffreestanding",
		"-fno-asynchronous-unwind-tables", "-o", "x.o", "kfuncs.c")
	return filepath.Join(dir, "x.o")
}

// FuzzKfuncs reads arbitrary sets of kfuncs: each kfunc found is named by a symbol, and has its
// tag.
func FuzzKfuncs(f *testing.F) {
	j := newJudge(f, elftest.Object(f, elftest.GCC, "vmlinux.c"))
	file := elftest.Read(f, kfuncObject(f))
	parts := [][]byte{contentsOf(f, file, ".BTF_ids"), contentsOf(f, file, ".symtab"),
		contentsOf(f, file, ".strtab")}
	f.Add(bytes.Clone(parts[0]), bytes.Clone(parts[1]), bytes.Clone(parts[2]))
	f.Fuzz(func(t *testing.T, ids, symbols, names []byte) {
		for i, damaged := range [][]byte{ids, symbols, names} {
			clear(parts[i])
			copy(parts[i], damaged)
		}
		img, err := elfimage.Parse("x.ko", file)
		if err != nil {
			t.Fatal(err)
		}
		kfuncs, err := readKfuncs(img, NoBase(), &Options{})
		if err != nil {
			t.Fatal(err)
		}
		for name := range kfuncs {
			if !bytes.Contains(parts[2], []byte("__BTF_ID__func__"+name+"__")) {
				t.Errorf("kfunc %q without a symbol", name)
			}
		}
		opt := Options{Dialect: btf.Modern, Threads: 1}
		for _, attributes := range []bool{false, true} {
			opt.Dialect.Attributes = attributes
			raw := j.encode(t, file, NoBase(), opt)
			if raw == nil {
				continue
			}
			functions := tagged(t, raw, "bpf_kfunc")
			for _, name := range functions {
				if _, ok := kfuncs[name]; !ok {
					t.Errorf("function %s has the tag, but is not a kfunc", name)
				}
			}
			if len(functions) > len(kfuncs) {
				t.Errorf("%d tags for %d kfuncs", len(functions), len(kfuncs))
			}
		}
	})
}

// contentsOf returns a section of a file, in place.
func contentsOf(f *testing.F, file []byte, section string) []byte {
	f.Helper()
	img, err := elfimage.Parse("x.ko", file)
	if err != nil {
		f.Fatal(err)
	}
	data, err := img.Contents(img.Section(section))
	if err != nil {
		f.Fatal(err)
	}
	return data
}

// tagged returns the functions with a DECL_TAG, or all for "", as read by an independent reader.
func tagged(t *testing.T, raw []byte, tag string) (names []string) {
	t.Helper()
	spec, err := cilium.LoadSpecFromReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	for id := cilium.TypeID(1); ; id++ {
		typ, err := spec.TypeByID(id)
		if err != nil {
			return names
		}
		if fn, ok := typ.(*cilium.Func); ok && (tag == "" || slices.Contains(fn.Tags, tag)) {
			names = append(names, fn.Name)
		}
	}
}
