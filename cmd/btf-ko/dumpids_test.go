// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// dumpOfLinked is what dump --ids prints of ids.c before the section is filled in.
const dumpOfLinked = `  set plain: 5 ids
    FUNC zeta
    FUNC eta_
    FUNC nowhere
    FUNC alpha___init
    FUNC counter_add
  set empty: 0 ids
  set unused: 3 ids
    unused
    FUNC zeta
    STRUCT zebra
  set8 kfuncs: 4 ids, flags 0x1
    FUNC zeta, flags 0x11
    FUNC alpha___init, flags 0x22
    FUNC mu, flags 0x0
    FUNC eta_, flags 0x33
  set8 others: 2 ids, flags 0x0
    FUNC mu, flags 0x44
    FUNC zeta, flags 0x55
  lists: 6 ids
    STRUCT zebra
    UNION animal
    TYPEDEF equid
    FUNC mu
    STRUCT missing
    STRUCT equid
`

// dumpOfIDs runs btf-ko dump --ids, and returns what it prints after the name of the file.
func dumpOfIDs(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr strings.Builder
	if status := run(append([]string{"dump", "--ids"}, args...), &stdout, &stderr); status != exitDone {
		t.Fatalf("%d, %s", status, stderr.String())
	}
	text, ok := strings.CutPrefix(stdout.String(), args[len(args)-1]+":\n")
	if !ok {
		t.Errorf("%q does not begin with the file's name", stdout.String())
	}
	return text
}

// dump --ids prints what the symbols name, and then what the words are, as ids -v does.
func TestDumpIDs(t *testing.T) {
	for _, target := range elftest.Targets {
		t.Run(target.Name, func(t *testing.T) {
			base, module := idsModule(t, target)
			if diff := cmp.Diff(dumpOfLinked, dumpOfIDs(t, module)); diff != "" {
				t.Errorf("linked: -want +got\n%s", diff)
			}
			mustRun(t, "--btf_base", base, module)
			var stdout, stderr strings.Builder
			run([]string{"ids", "-v", "--btf_base", base, module}, &stdout, &stderr)
			got := dumpOfIDs(t, "--btf_base", base, module)
			if diff := cmp.Diff(stdout.String(), module+":\n"+got); diff != "" {
				t.Errorf("-ids +dump\n%s", diff)
			}
			// It prints the words, not what they should be.
			words := idWords(t, module)
			id := idsOf(t, base, module)
			words[0], words[len(words)-1] = id["FUNC mu"], 0x99
			writeIDs(t, module, words)
			got = dumpOfIDs(t, "--btf_base", base, module)
			for _, line := range []string{fmt.Sprintf("lists: 6 ids\n    [%d] FUNC mu\n", words[0]), ", flags 0x99\n"} {
				if !strings.Contains(got, line) {
					t.Errorf("no %q in\n%s", line, got)
				}
			}
		})
	}
}

// In vmlinux, symbols have addresses.
func TestDumpIDsOfVmlinux(t *testing.T) {
	for _, target := range elftest.Targets {
		if target.LD == nil {
			continue
		}
		t.Run(target.Name, func(t *testing.T) {
			vmlinux := linkedIDs(t, target)
			if diff := cmp.Diff(dumpOfLinked, dumpOfIDs(t, vmlinux)); diff != "" {
				t.Errorf("linked: -want +got\n%s", diff)
			}
			var stdout, stderr strings.Builder
			run([]string{"ids", "-v", vmlinux}, &stdout, &stderr)
			if diff := cmp.Diff(stdout.String(), vmlinux+":\n"+dumpOfIDs(t, vmlinux)); diff != "" {
				t.Errorf("-ids +dump\n%s", diff)
			}
		})
	}
}

// Without base or with another file format.
func TestDumpIDsOfOtherFiles(t *testing.T) {
	base, module := idsModule(t, elftest.GCC)
	dir := filepath.Dir(module)
	path := func(name string) string { return filepath.Join(dir, name) }
	elftest.Run(t, dir, "strip", "--strip-unneeded", "-o", "unneeded.ko", "ids.ko")
	elftest.Run(t, dir, "strip", "-s", "-o", "bare.ko", "ids.ko")
	elftest.Run(t, dir, "gzip", "-k", "ids.ko")
	if got := dumpOfIDs(t, path("ids.ko.gz")); got != dumpOfIDs(t, module) {
		t.Errorf("compressed: %s", got)
	}
	elftest.Run(t, dir, "cp", "ids.ko", "distilled.ko")
	mustRun(t, "--btf_base", base, "--btf_features=distilled_base", path("distilled.ko"))
	if got := dumpOfIDs(t, path("distilled.ko")); !strings.Contains(got, "] FUNC alpha___init, flags 0x22\n") {
		t.Errorf("distilled base: %s", got)
	}
	mustRun(t, "--btf_base", base, module)
	elftest.Run(t, dir, "objcopy", "--remove-section", ".BTF", "ids.ko", "plain.ko")
	elftest.Run(t, dir, "objcopy", "--dump-section", ".BTF=raw.btf", "ids.ko", "ignored")
	const stripped = ": .BTF_ids: no symbols name its types: use the file from before strip -s or --strip-unneeded\n"
	elftest.Run(t, dir, "strip", "--strip-unneeded", "-o", "filled.ko", "ids.ko")
	other := copyOf(t, elftest.Object(t, elftest.GCC, "echo.c"), path("other"), elf.EM_NONE)
	mustRun(t, "--btf_base", "none", other)
	for _, tt := range []struct {
		args   []string
		status int
		want   string // end of stderr, or of stdout
	}{
		{[]string{base}, exitDone, "/vmlinux: no .BTF_ids\n"},
		{[]string{path("unneeded.ko")}, exitUsage, "unneeded.ko" + stripped},
		{[]string{path("bare.ko")}, exitUsage, "bare.ko" + stripped},
		{[]string{"--btf_base", base, path("filled.ko")}, exitUsage, "filled.ko" + stripped},
		{[]string{path("plain.ko")}, exitUsage, "plain.ko: no .BTF section\n"},
		{[]string{path("raw.btf")}, exitUsage, "raw.btf: not an ELF file\n"},
		{[]string{path("nothing")}, exitUsage, "nothing: no such file or directory\n"},
		{[]string{module}, exitUsage, "ids.ko: the first string is not empty: split BTF without its base?\n"},
		{[]string{"--btf_base", path("nothing"), module}, exitUsage, "nothing: no such file or directory\n"},
		{[]string{"--btf_base", other, module}, exitFailed, ": encoded against another base?\n"},
		{[]string{"--c", "zebra", module}, exitUsage, "btf-ko dump: --ids: cannot be used with --c\n"},
	} {
		var stdout, stderr strings.Builder
		status := run(append([]string{"dump", "--ids"}, tt.args...), &stdout, &stderr)
		output := stderr.String()
		if tt.status == exitDone {
			output = stdout.String()
		}
		if status != tt.status || !strings.HasSuffix(output, tt.want) || strings.Count(output, "\n") != 1 {
			t.Errorf("%s: %d, %q, want %q", tt.args, status, output, tt.want)
		}
	}
}

// Without the symbols of ids, stale ids are an error, not left in place.
func TestResolveIDsOfStripped(t *testing.T) {
	base, module := idsModule(t, elftest.GCC)
	mustRun(t, "--btf_base", base, module)
	dir := filepath.Dir(module)
	elftest.Run(t, dir, "strip", "--strip-unneeded", "-o", "stripped.ko", "ids.ko")
	path := filepath.Join(dir, "stripped.ko")
	before := elftest.Read(t, path)
	var stdout, stderr strings.Builder
	status := run([]string{"ids", "--btf_base", base, path}, &stdout, &stderr)
	if status != exitFailed || !strings.Contains(stderr.String(), "no symbols name its types") {
		t.Errorf("%d, %q", status, stderr.String())
	}
	if !slices.Equal(elftest.Read(t, path), before) {
		t.Error("the file has changed")
	}
}

// A section may have no ids: sets that are empty in this configuration, and unused words.
func TestResolveIDsWithoutIDs(t *testing.T) {
	dir := t.TempDir()
	source := `int f(int x) { return x; } asm(".pushsection .BTF_ids, \"a\"\n.long 0\n` +
		`__BTF_ID__set8__s: .long 0, 1\n.size __BTF_ID__set8__s, 8\n.popsection");`
	if err := os.WriteFile(filepath.Join(dir, "x.c"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	elftest.Run(t, dir, "gcc", "-g", "-c", "-o", "x.ko", "x.c")
	path := filepath.Join(dir, "x.ko")
	for range 2 {
		mustRun(t, "--btf_base", "none", path)
		if diff := cmp.Diff([]uint32{0, 0, 1}, idWords(t, path)); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		if got, want := dumpOfIDs(t, path), "  set8 s: 0 ids, flags 0x1\n"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
