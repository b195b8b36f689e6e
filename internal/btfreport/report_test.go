// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfreport

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
	"github.com/kbtf/kbtf/internal/encode"
)

func TestGroup(t *testing.T) {
	for path, want := range map[string]string{
		"kernel/drivers/net/ethernet/intel/e1000/e1000.ko": "drivers/net",
		"kernel/drivers/nvme.ko":                           "drivers",
		"drivers/gpu/drm/i915/i915.ko":                     "drivers/gpu",
		"kernel/fs/xfs/xfs.ko":                             "fs",
		"updates/dkms/zfs.ko":                              "updates",
		"/usr/lib/modules/6.1/kernel/net/ipv4/ah4.ko.xz":   "net",
		"dummy.ko": ".",
	} {
		if got := group(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestSizesInWords(t *testing.T) {
	for n, want := range map[int]string{
		0: "-", 1: "1 B", 999: "999 B", 1000: "1 kB", 45678: "45.7 kB", 1234567: "1.23 MB", 593076297: "593 MB",
	} {
		if got := size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	if got := grouped(1234567); got != "1\u202f234\u202f567" {
		t.Error(got)
	}
}

func TestHistogram(t *testing.T) {
	got := histogram([]Module{{Full: 900, Split: 100}, {Full: 1023, Split: 127}, {Full: 1024, Split: 128}})
	want := []bin{{64, 0, 2}, {128, 0, 1}, {256, 0, 0}, {512, 2, 0}, {1024, 1, 0}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := histogram(nil); got == nil || len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func example() *Report {
	r := &Report{Base: Base{Path: "vmlinux", Bytes: 4_000_000, Types: 100_000}}
	for i := range 120 {
		m := Module{
			Path: "kernel/fs/" + strings.Repeat("x", i%7+1) + "/</script><b>.ko",
			Full: 50_000 + 1000*i, Split: 300 * (i + 1), Types: 10 * (i + 1),
		}
		if i%10 == 0 {
			m.Redundant, m.Unshared, m.Path = i+1, i, "kernel/net/n"+strings.Repeat("y", i/10)+".ko"
		}
		r.Modules = append(r.Modules, m)
	}
	r.Unreadable = []Failed{{"bad.ko", "not an <ELF> file"}}
	r.finish([btf.KindEnum64 + 1]int{btf.KindInt: 10})
	return r
}

func TestPageIsSelfContained(t *testing.T) {
	page, err := example().Page()
	if err != nil {
		t.Fatal(err)
	}
	for _, outside := range []string{"http:", "https:", "src=", "@import", "<link"} {
		// The name of SVG's elements is no address to go to.
		if strings.Contains(strings.ReplaceAll(string(page), "http://www.w3.org/2000/svg", ""), outside) {
			t.Errorf("the page has %s", outside)
		}
	}
}

// withoutDWARF returns a report on two modules, one of which has no DWARF.
func withoutDWARF() *Report {
	r := &Report{Modules: []Module{{Path: "a.ko", Split: 300, Types: 3}, {Path: "b.ko", Full: 1000, Split: 100, Types: 1}}}
	r.finish([btf.KindEnum64 + 1]int{})
	return r
}

// Distributions install modules without DWARF: the size of their split BTF is known, that of full
// BTF is not.
func TestModulesWithoutDWARF(t *testing.T) {
	r := withoutDWARF()
	if r.Total.Split != 400 || Saved(r.Total.Full, r.Total.Compared) != 90 {
		t.Errorf("%+v", r.Total)
	}
	var text strings.Builder
	if err := r.Text(&text); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		`a\.ko +- +300 +-`, `b\.ko +1000 +100 +90\.0%`, `Modules without DWARF to encode: 1\. .*`,
	} {
		if !regexp.MustCompile(`(?m)^` + line + `$`).MatchString(text.String()) {
			t.Errorf("no line %s in:\n%s", line, text.String())
		}
	}
}

func TestFindCompressedModules(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"x.ko", "x.ko.xz", "x.ko.gz", "x.ko.zst", "x.o", "x.ko.bz2"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, paths, err := Find([]string{dir}); err != nil || len(paths) != 4 {
		t.Errorf("%v, %v", paths, err)
	}
}

// Own modules: one as btf-ko encodes it, one without BTF, and one with BTF that repeats a type of
// the base.
func TestCollect(t *testing.T) {
	dir := t.TempDir()
	compile := func(source, name string) string {
		path := filepath.Join(dir, name)
		if err := os.Rename(elftest.Object(t, elftest.GCC, source), path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	vmlinux := compile("vmlinux.c", "vmlinux")
	encodeTo := func(path string, base *btf.Base) {
		img, err := elfimage.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer img.Close()
		blob, err := encode.File(img, base, encode.Options{Dialect: btf.Modern})
		if err != nil {
			t.Fatal(err)
		}
		if err := img.Attach(elfimage.NewSection{Name: ".BTF", Contents: blob}); err != nil {
			t.Fatal(err)
		}
	}
	encodeTo(vmlinux, encode.NoBase())
	base, err := encode.LoadBase(vmlinux, encode.BaseCache{})
	if err != nil {
		t.Fatal(err)
	}
	encodeTo(compile("ring.c", "ring.ko"), base)
	compile("echo.c", "echo.ko")
	// struct btf_header; INT int of 4 bytes, signed, as the base has it; its name.
	word := binary.LittleEndian.AppendUint32
	repeated := append([]byte{0x9f, 0xeb, 1, 0}, word(word(word(word(word(nil, 24), 0), 16), 16), 4)...)
	repeated = word(word(word(word(repeated, uint32(len(base.Strings))), 1<<24), 4), 1<<24|32)
	repeated = append(repeated, "int\x00"...)
	raw := filepath.Join(dir, "raw.btf")
	if err := os.WriteFile(raw, repeated, 0o644); err != nil {
		t.Fatal(err)
	}
	elftest.Run(t, dir, "objcopy", "--add-section", ".BTF="+raw, "echo.ko", "repeats.ko")

	root, paths, err := Find([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	r, err := Collect(root, paths, vmlinux, 2, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	checkSums(t, r)
	type row struct {
		Path                       string
		Types, Redundant, Unshared int
		Encoded                    bool
	}
	var got []row
	for _, m := range r.Modules {
		if m.Full == 0 || m.Split == 0 {
			t.Errorf("%s: full %d, split %d bytes", m.Path, m.Full, m.Split)
		}
		if m.Path == "repeats.ko" || m.Redundant > 0 {
			got = append(got, row{m.Path, m.Types, m.Redundant, m.Unshared, m.Encoded})
		} else {
			got = append(got, row{Path: m.Path, Encoded: m.Encoded})
		}
	}
	slices.SortFunc(got, func(a, b row) int { return strings.Compare(a.Path, b.Path) })
	want := []row{{Path: "echo.ko", Encoded: true}, {"repeats.ko", 1, 1, 1, false}, {Path: "ring.ko"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// checkSums compares a report's totals with the sums of its rows.
func checkSums(t *testing.T, r *Report) {
	t.Helper()
	types, redundant := 0, 0
	for _, k := range r.Kinds {
		types += k.Split
		redundant += k.Redundant
	}
	if types != r.Total.Types || redundant != r.Total.Redundant {
		t.Errorf("by kind %d types, %d redundant; in all %+v", types, redundant, r.Total)
	}
	for _, m := range r.Modules {
		if m.Unshared > m.Redundant || m.Redundant > m.Types {
			t.Errorf("%+v", m)
		}
	}
}
