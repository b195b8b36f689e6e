// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"debug/elf"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbtf/kbtf/internal/btfraw"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// words returns the words of .BTF_ids, in its byte order.
func idWords(t *testing.T, path string) (words []uint32) {
	t.Helper()
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	s := file.Section(".BTF_ids")
	if s.Type != elf.SHT_PROGBITS || s.Flags != elf.SHF_ALLOC {
		t.Errorf("%s: .BTF_ids has type %v and flags %v", path, s.Type, s.Flags)
	}
	data, err := s.Data()
	if err != nil {
		t.Fatal(err)
	}
	for w := range slices.Chunk(data, 4) {
		words = append(words, file.ByteOrder.Uint32(w))
	}
	return words
}

// idsModule compiles a base, and a module with a .BTF_ids.
func idsModule(t *testing.T, target elftest.Target) (base, module string) {
	t.Helper()
	dir := t.TempDir()
	base, module = filepath.Join(dir, "vmlinux"), filepath.Join(dir, "ids.ko")
	copyOf(t, elftest.Object(t, target, "vmlinux.c"), base, elf.EM_NONE)
	copyOf(t, elftest.Object(t, target, "ids.c"), module, elf.EM_NONE)
	mustRun(t, "--btf_base", "none", base)
	return base, module
}

func TestResolveIDs(t *testing.T) {
	for _, target := range elftest.Targets {
		t.Run(target.Name, func(t *testing.T) {
			base, module := idsModule(t, target)
			unresolved := elftest.Read(t, module)
			mustRun(t, "--btf_base", base, module)
			id := idsOf(t, base, module)
			zebra, zeta, eta, alpha, mu, add := id["STRUCT zebra"], id["FUNC zeta"], id["FUNC eta_"],
				id["FUNC alpha___init"], id["FUNC mu"], id["FUNC counter_add"]
			sorted := func(ids ...uint32) []uint32 { return slices.Sorted(slices.Values(ids)) }
			pairs := func(flags map[uint32]uint32) (list []uint32) {
				for _, id := range slices.Sorted(maps.Keys(flags)) {
					list = append(list, id, flags[id])
				}
				return list
			}
			want := slices.Concat(
				[]uint32{zebra, id["UNION animal"], 0, id["TYPEDEF equid"], mu, 0, 0},
				[]uint32{5}, sorted(zeta, eta, 0, alpha, add),
				[]uint32{0},
				[]uint32{3}, sorted(0, zeta, zebra),
				[]uint32{4, 1}, pairs(map[uint32]uint32{zeta: 0x11, alpha: 0x22, mu: 0, eta: 0x33}),
				[]uint32{2, 0}, pairs(map[uint32]uint32{mu: 0x44, zeta: 0x55}),
			)
			got := idWords(t, module)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("-want +got\n%s", diff)
			}

			// Again, against another base, without, and as if nothing had happened.
			first := elftest.Read(t, module)
			mustRun(t, "--btf_base", base, module)
			if !slices.Equal(elftest.Read(t, module), first) {
				t.Error("encoding again changed the file")
			}
			mustRun(t, "--btf_base", "none", module)
			if slices.Equal(idWords(t, module), got) {
				t.Error("the ids do not follow the base")
			}
			mustRun(t, "--btf_base", base, module)
			if !slices.Equal(elftest.Read(t, module), first) {
				t.Error("encoding against another base in between changed the file")
			}
			mustRun(t, "--btf_base", base, "--resolve_ids=no", module)
			for i, w := range idWords(t, module) {
				if flags := []uint32{0, 1, 0x11, 0x22, 0x33, 0x44, 0x55}; !slices.Contains(flags, w) {
					t.Errorf("with --resolve_ids=no: word %d is %d", i, w)
				}
			}
			mustRun(t, "strip", module)
			if !slices.Equal(elftest.Read(t, module), unresolved) {
				t.Error("strip does not restore the file")
			}
		})
	}
}

// Another program has filled in the section, with ids of the module's BTF. Flags go back to their
// functions.
func TestResolveIDsAgain(t *testing.T) {
	for _, target := range elftest.Targets {
		t.Run(target.Name, func(t *testing.T) {
			base, module := idsModule(t, target)
			mustRun(t, "--btf_base", base, "--resolve_ids=no", module)
			filled := copyOf(t, module, filepath.Join(t.TempDir(), "filled.ko"), elf.EM_NONE)
			mustRun(t, "--btf_base", base, module)
			want := idWords(t, module)
			withoutCopy(t, target, filled)
			writeIDs(t, filled, want)
			for range 2 {
				mustRun(t, "--btf_base", base, filled)
				if diff := cmp.Diff(want, idWords(t, filled)); diff != "" {
					t.Fatalf("-want +got\n%s", diff)
				}
			}
			// The restored section is kept, so that another base makes no difference.
			mustRun(t, "--btf_base", "none", filled)
			mustRun(t, "--btf_base", "none", "--resolve_ids=no", filled)
			mustRun(t, "--btf_base", base, filled)
			if diff := cmp.Diff(want, idWords(t, filled)); diff != "" {
				t.Errorf("after another base: -want +got\n%s", diff)
			}
		})
	}
}

// btf-ko ids does the same for a module that has BTF.
func TestIDsCommand(t *testing.T) {
	base, module := idsModule(t, elftest.GCC)
	plain := copyOf(t, elftest.Object(t, elftest.GCC, "ring.c"), filepath.Join(t.TempDir(), "ring.ko"), elf.EM_NONE)
	var stdout, stderr strings.Builder
	if status := run([]string{"ids", "--btf_base", base, module}, &stdout, &stderr); status != exitFailed ||
		!strings.HasSuffix(stderr.String(), "ids.ko: no .BTF: encode it first, with btf-ko\n") {
		t.Errorf("without BTF: %d, %q", status, stderr.String())
	}
	mustRun(t, "--btf_base", base, module)
	want := sectionsOf(t, module)
	mustRun(t, "--btf_base", base, "--resolve_ids=no", module, plain)
	unchanged := elftest.Read(t, plain)
	for range 2 {
		stdout.Reset()
		stderr.Reset()
		if status := run([]string{"ids", "-v", "--btf_base", base, module, plain}, &stdout, &stderr); status != exitDone {
			t.Fatalf("%d, %s", status, stderr.String())
		}
		if diff := cmp.Diff(want, sectionsOf(t, module)); diff != "" {
			t.Error("differs from what encoding writes")
		}
	}
	if !slices.Equal(elftest.Read(t, plain), unchanged) {
		t.Error("a module without .BTF_ids has changed")
	}
	id := idsOf(t, base, module)
	for _, line := range []string{
		"  set plain: 5 ids\n    [0] not in BTF\n",
		fmt.Sprintf("    [%d] FUNC alpha___init\n", id["FUNC alpha___init"]),
		"  set empty: 0 ids\n",
		"  set8 kfuncs: 4 ids, flags 0x1\n",
		fmt.Sprintf("    [%d] FUNC zeta, flags 0x11\n", id["FUNC zeta"]),
		fmt.Sprintf("  lists: 6 ids\n    [%d] STRUCT zebra\n", id["STRUCT zebra"]),
		"    [0] STRUCT missing: not in BTF\n",
		plain + ": no .BTF_ids\n",
	} {
		if !strings.Contains(stdout.String(), line) {
			t.Errorf("no %q in\n%s", line, stdout.String())
		}
	}
	for _, name := range []string{"FUNC \"nowhere\"", "STRUCT \"missing\"", "STRUCT \"equid\""} {
		if note := module + ": .BTF_ids: BTF has no " + name + ": its id is 0\n"; !strings.Contains(stderr.String(), note) {
			t.Errorf("no %q in\n%s", note, stderr.String())
		}
	}
}

// vmlinux maps the section: it is filled in where it is, and nothing else changes.
func TestIDsOfVmlinux(t *testing.T) {
	for _, target := range elftest.Targets {
		if target.LD == nil {
			continue
		}
		t.Run(target.Name, func(t *testing.T) {
			vmlinux := linkedIDs(t, target)
			before := elftest.Read(t, vmlinux)
			mustRun(t, "ids", vmlinux)
			words := idWords(t, vmlinux)
			want := slices.Clone(before)
			file, err := elf.Open(vmlinux)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			for i, w := range words {
				file.ByteOrder.PutUint32(want[file.Section(".BTF_ids").Offset+4*uint64(i):], w)
			}
			if !slices.Equal(elftest.Read(t, vmlinux), want) {
				t.Error("more than the section has changed")
			}
			if words[0] == 0 || words[7] != 5 {
				t.Errorf("%d", words)
			}
			if out := mustRun(t, "verify", vmlinux); out != "" {
				t.Error(out)
			}
			mustRun(t, "ids", vmlinux)
			if diff := cmp.Diff(words, idWords(t, vmlinux)); diff != "" {
				t.Errorf("again: -want +got\n%s", diff)
			}
		})
	}
}

// linkedIDs links testdata/c/ids.c as vmlinux, with BTF.
func linkedIDs(t *testing.T, target elftest.Target) string {
	t.Helper()
	dir := t.TempDir()
	copyOf(t, elftest.Object(t, target, "ids.c"), filepath.Join(dir, "ids.o"), elf.EM_NONE)
	target.Link(t, dir, "-e", "0", "-Ttext=0x100000", "-o", "vmlinux", "ids.o")
	vmlinux := filepath.Join(dir, "vmlinux")
	mustRun(t, "--btf_base", "none", vmlinux)
	return vmlinux
}

// With --strict, a type that BTF does not have is an error; so it is for resolve_btfids before 7.0.
func TestStrictIDs(t *testing.T) {
	base, module := idsModule(t, elftest.GCC)
	mustRun(t, "--btf_base", base, "--resolve_ids=no", module)
	before := elftest.Read(t, module)
	for name, status := range map[string]func(*strings.Builder) int{
		"btf-ko ids": func(out *strings.Builder) int {
			return run([]string{"ids", "--strict", "--btf_base", base, module}, out, out)
		},
		"btf-ko (as resolve_btfids)": func(out *strings.Builder) int {
			return runResolveBTFIDs([]string{"--fatal_warnings", "-b", base, module}, out, out)
		},
	} {
		var out strings.Builder
		want := name + ": " + module + ": .BTF_ids: 3 types are not in BTF: left unchanged\n"
		if got := status(&out); got != exitFailed || !strings.HasSuffix(out.String(), want) {
			t.Errorf("%d, %q, want %q", got, out.String(), want)
		}
		if !slices.Equal(elftest.Read(t, module), before) {
			t.Error("the file has changed")
		}
	}
}

// sectionsOf returns the sections for BTF of a file, by name.
func sectionsOf(t *testing.T, path string) map[string][]byte {
	t.Helper()
	sections := make(map[string][]byte)
	for _, name := range []string{".BTF", ".BTF.base", ".BTF_ids"} {
		if contents, err := section(path, name); err == nil {
			sections[name] = contents
		}
	}
	return sections
}

// With a distilled base, ids are those of .BTF.base and the module's own types.
func TestIDsOfDistilledBase(t *testing.T) {
	base, module := idsModule(t, elftest.GCC)
	mustRun(t, "--btf_base", base, "--btf_features=distilled_base", module)
	want := elftest.Read(t, module)
	mustRun(t, "ids", module) // needs no base
	if !slices.Equal(elftest.Read(t, module), want) {
		t.Error("btf-ko ids differs from encoding")
	}
	words := idWords(t, module)
	if zebra := words[0]; zebra == 0 || slices.Max(words) > 200 {
		t.Errorf("%d", words)
	}
}

// verify checks the ids of a section that has been filled in.
func TestVerifyIDs(t *testing.T) {
	for _, target := range elftest.Targets {
		t.Run(target.Name, func(t *testing.T) {
			base, module := idsModule(t, target)
			verify := func() string {
				var stdout, stderr strings.Builder
				run([]string{"verify", "--all", "--btf_base", base, module}, &stdout, &stderr)
				return strings.ReplaceAll(stdout.String(), module+": ", "")
			}
			mustRun(t, "--btf_base", base, "--resolve_ids=no", module)
			if got := verify(); got != "" {
				t.Errorf("before it is filled in: %s", got)
			}
			mustRun(t, "--btf_base", base, module)
			if got := verify(); got != "" {
				t.Errorf("filled in: %s", got)
			}
			words := idWords(t, module)
			id := idsOf(t, base, module)
			const plainCount, plain, kfuncs = 7, 8, 20
			at := make(map[string]int) // index in the set kfuncs
			for name, id := range id {
				if strings.HasPrefix(name, "FUNC ") {
					for i := range 4 {
						if words[kfuncs+2*i] == id {
							at[name] = i
						}
					}
				}
			}
			for _, tt := range []struct {
				name   string
				damage func(words []uint32)
				want   string
			}{
				{"an id in a list", func(w []uint32) { w[0] = id["FUNC mu"] },
					fmt.Sprintf(".BTF_ids: STRUCT zebra: [%d] is FUNC mu\n", id["FUNC mu"])},
				{"no id in a list", func(w []uint32) { w[1] = 0 },
					fmt.Sprintf(".BTF_ids: UNION animal: the id is 0, and BTF has it as [%d]\n", id["UNION animal"])},
				{"beyond the types", func(w []uint32) { w[0] = 1 << 20 },
					".BTF_ids: STRUCT zebra: [1048576] is not a type\n"},
				{"the count of a set", func(w []uint32) { w[plainCount]++ },
					".BTF_ids: set plain: its count is 6, and it has 5 ids\n"},
				{"the order of a set", func(w []uint32) { w[plain+1], w[plain+2] = w[plain+2], w[plain+1] },
					fmt.Sprintf(".BTF_ids: set plain: [%d] after [%d], and ids must be in ascending order\n",
						words[plain+1], words[plain+2])},
				{"flags of a set", func(w []uint32) { w[kfuncs-1] = 0 },
					".BTF_ids: set kfuncs: its flags are 0x0, and 0x1 as linked\n"},
				{"other flags", func(w []uint32) { w[kfuncs+2*at["FUNC mu"]+1] = 0x99 },
					".BTF_ids: set kfuncs: FUNC mu has flags 0x99, and 0x0 as linked\n"},
				{"flags of two functions exchanged", func(w []uint32) {
					mu, zeta := kfuncs+2*at["FUNC mu"]+1, kfuncs+2*at["FUNC zeta"]+1
					w[mu], w[zeta] = w[zeta], w[mu]
				}, ".BTF_ids: set kfuncs: FUNC mu has flags 0x11, and 0x0 as linked\n" +
					".BTF_ids: set kfuncs: FUNC zeta has flags 0x0, and 0x11 as linked\n"},
				{"another type in a set8", func(w []uint32) { w[kfuncs+2*3] = 1 << 20 },
					".BTF_ids: set kfuncs: [1048576] is not a type, which is not in the set\n"},
			} {
				damaged := slices.Clone(words)
				tt.damage(damaged)
				writeIDs(t, module, damaged)
				if got := verify(); got != tt.want {
					t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
				}
			}
		})
	}
}

// Flags are compared with those that the linker wrote, wherever the file has them.
func TestVerifyFlags(t *testing.T) {
	for _, target := range elftest.Targets {
		t.Run(target.Name, func(t *testing.T) {
			base, module := idsModule(t, target)
			const kfuncs = 20 // index of the first pair
			verify := func(path string) string {
				var stdout, stderr strings.Builder
				run([]string{"verify", "--all", "--btf_base", base, path}, &stdout, &stderr)
				return strings.ReplaceAll(stdout.String(), path+": ", "")
			}
			dir := t.TempDir()
			foreign := copyOf(t, module, filepath.Join(dir, "foreign.ko"), elf.EM_NONE)
			mustRun(t, "--btf_base", base, "--resolve_ids=no", foreign)
			mustRun(t, "--btf_base", base, module)
			words := idWords(t, module)
			withoutCopy(t, target, foreign)
			writeIDs(t, foreign, words)
			exchanged := slices.Clone(words)
			exchanged[kfuncs+1], exchanged[kfuncs+3] = words[kfuncs+3], words[kfuncs+1]
			check := func(name, path, want string) {
				t.Helper()
				if got := verify(path); (got == "") != (want == "") || !strings.Contains(got, want) {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			const differ = " as linked\n"

			// The original contents are in place, out of use.
			check("filled in", module, "")
			writeIDs(t, module, exchanged)
			check("exchanged", module, differ)

			// There are no original contents: any flags may be right.
			check("by another program", foreign, "")
			other := copyOf(t, foreign, filepath.Join(dir, "other.ko"), elf.EM_NONE)
			writeIDs(t, other, exchanged)
			check("exchanged by another program", other, "")

			// They have a section of their own.
			mustRun(t, "--btf_base", base, foreign)
			if diff := cmp.Diff(words, idWords(t, foreign)); diff != "" {
				t.Fatalf("-want +got\n%s", diff)
			}
			check("restored and filled in", foreign, "")
			writeIDs(t, foreign, exchanged)
			check("exchanged after that", foreign, differ)

			// Compressed files are read like others.
			if target.Name == elftest.GCC.Name {
				elftest.Run(t, dir, "gzip", "foreign.ko")
				check("compressed", foreign+".gz", differ)
			}
		})
	}
}

// The section as linked has to have the same size.
func TestVerifyFlagsOfAnotherSize(t *testing.T) {
	base, module := idsModule(t, elftest.GCC)
	mustRun(t, "--btf_base", base, module)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "linked"), make([]byte, 8), 0o644); err != nil {
		t.Fatal(err)
	}
	withoutCopy(t, elftest.GCC, module)
	elftest.Run(t, dir, "objcopy", "--add-section", ".BTF_ids.linked=linked", module, "x.ko")
	var stdout, stderr strings.Builder
	run([]string{"verify", "--btf_base", base, filepath.Join(dir, "x.ko")}, &stdout, &stderr)
	if want := "x.ko: .BTF_ids: 136 bytes, and 8 as linked\n"; !strings.HasSuffix(stdout.String(), want) {
		t.Errorf("%q, want %q", stdout.String(), want)
	}
}

// withoutCopy removes the copy of .BTF_ids as the linker wrote it, which other programs do not make.
func withoutCopy(t *testing.T, target elftest.Target, path string) {
	t.Helper()
	elftest.Run(t, "", target.Objcopy, "--remove-section", ".BTF_ids.linked", path)
}

// writeIDs writes words to .BTF_ids, as resolve_btfids does.
func writeIDs(t *testing.T, path string, words []uint32) {
	t.Helper()
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	at := file.Section(".BTF_ids").Offset
	data := elftest.Read(t, path)
	for i, w := range words {
		file.ByteOrder.PutUint32(data[at+4*uint64(i):], w)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// idsOf returns the ids of named types: KIND NAME. Types of the base win.
func idsOf(t *testing.T, base, module string) map[string]uint32 {
	t.Helper()
	read := func(path string, base *btfraw.BTF) *btfraw.BTF {
		file, err := elf.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		data, err := file.Section(".BTF").Data()
		if err != nil {
			t.Fatal(err)
		}
		return readBTF(t, data, base)
	}
	ids := make(map[string]uint32)
	below := read(base, nil)
	for _, b := range []*btfraw.BTF{below, read(module, below)} {
		for r := range b.All {
			if key := r.Kind().String() + " " + r.Name(); ids[key] == 0 {
				ids[key] = r.ID
			}
		}
	}
	return ids
}

// What cannot be filled in is an error, and the file stays as it is.
func TestResolveIDsErrors(t *testing.T) {
	section := func(body string) string {
		return `int f(int x) { return x; } asm(".pushsection .BTF_ids, \"a\"\n` + body + `.popsection");`
	}
	for _, tt := range []struct{ name, body, want string }{
		{"unknown kind", `__BTF_ID__enum__e__1: .long 0\n`,
			"symbol __BTF_ID__enum__e__1: neither struct, union, typedef, func, set nor set8"},
		{"no number", `__BTF_ID__func__f: .long 0\n`,
			"symbol __BTF_ID__func__f: no name and number after the kind"},
		{"number with an underscore", `__BTF_ID__func__f__12_3: .long 0\n`,
			"symbol __BTF_ID__func__f__12_3: no name and number after the kind"},
		{"past the end", `.long 0\n__BTF_ID__func__f__1:\n`,
			"symbol __BTF_ID__func__f__1: at 0x4, the section ends at 0x4"},
		{"set past the end", `__BTF_ID__set__s: .long 0\n.size __BTF_ID__set__s, 8\n`,
			"symbol __BTF_ID__set__s: 8 bytes at 0x0, the section ends at 0x4"},
		{"set without a size", `__BTF_ID__set__s: .long 0\n`,
			"symbol __BTF_ID__set__s: 0 bytes are not a whole number of entries"},
		{"set8 of odd size", `__BTF_ID__set8__s: .long 0, 1, 0\n.size __BTF_ID__set8__s, 12\n`,
			"symbol __BTF_ID__set8__s: 12 bytes are not a whole number of entries"},
		{"inside of an entry", `__BTF_ID__set8__s: .long 0, 1, 0\n__BTF_ID__func__f__1: .long 0\n` +
			`.size __BTF_ID__set8__s, 16\n`,
			"symbol __BTF_ID__func__f__1: not at an entry of its set, __BTF_ID__set8__s"},
		{"overlapping ids", `__BTF_ID__func__f__1: .short 0\n__BTF_ID__func__f__2: .long 0\n`,
			"symbol __BTF_ID__func__f__2: overlaps __BTF_ID__func__f__1"},
		{"two symbols of one id", `__BTF_ID__func__f__1: __BTF_ID__struct__f__2: .long 0\n`,
			"symbol __BTF_ID__struct__f__2: overlaps __BTF_ID__func__f__1"},
		{"id that overlaps a set", `__BTF_ID__func__f__1: .short 0\n__BTF_ID__set__s: .long 0\n` +
			`.size __BTF_ID__set__s, 4\n`, "symbol __BTF_ID__func__f__1: overlaps the set __BTF_ID__set__s"},
		{"overlapping sets", `__BTF_ID__set__s: .long 0, 0\n__BTF_ID__set__t: .long 0, 0\n` +
			`.size __BTF_ID__set__s, 12\n.size __BTF_ID__set__t, 8\n`,
			"symbol __BTF_ID__set__t: overlaps another set"},
		{"two sets of one name", `__BTF_ID__set__s: .long 0\n.size __BTF_ID__set__s, 4\n` +
			`__BTF_ID__set8__s: .long 0, 0\n.size __BTF_ID__set8__s, 8\n`,
			"symbol __BTF_ID__set8__s: another set has this name"},
		{"filled in for another base", `__BTF_ID__set8__s: .long 1, 1\n__BTF_ID__func__f__1: .long 7, 2\n` +
			`.size __BTF_ID__set8__s, 16\n`, "another program has filled it in with ids that do not fit the " +
			"module's BTF and this base: link the module again"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "x.c"), []byte(section(tt.body)), 0o644); err != nil {
				t.Fatal(err)
			}
			elftest.Run(t, dir, "gcc", "-g", "-c", "-o", "x.ko", "x.c")
			path := filepath.Join(dir, "x.ko")
			before := elftest.Read(t, path)
			var stdout, stderr strings.Builder
			status := run([]string{"--btf_base", "none", path}, &stdout, &stderr)
			if want := "btf-ko: " + path + ": .BTF_ids: " + tt.want + "\n"; status != exitFailed || stderr.String() != want {
				t.Errorf("%d, %q, want %q", status, stderr.String(), want)
			}
			if !slices.Equal(elftest.Read(t, path), before) {
				t.Error("the file has changed")
			}
		})
	}
}
