// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"debug/elf"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// idsForms returns modules with a .BTF_ids in all states: as linked; filled in by btf-ko; by another program;
// and by btf-ko after that, with a copy of what the linker wrote.
func idsForms(t *testing.T, target elftest.Target) (base string, forms map[string][]byte) {
	t.Helper()
	base, module := idsModule(t, target)
	forms = map[string][]byte{"linked": elftest.Read(t, module)}
	mustRun(t, "--btf_base", base, module)
	forms["filled in"] = elftest.Read(t, module)
	withoutCopy(t, target, module) // nor the record of what is attached
	forms["filled in by another program"] = elftest.Read(t, module)
	mustRun(t, "--btf_base", base, module)
	forms["filled in again"] = elftest.Read(t, module)
	return base, forms
}

// idsParts returns the parts of a file that decide on .BTF_ids: its contents and copy, the symbols that name its
// types, the BTF that its ids refer to, and what Attach records.
func idsParts(t *testing.T, data []byte) (parts [][2]int) {
	t.Helper()
	file, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".BTF_ids", ".BTF_ids.linked", ".BTF", ".symtab", ".strtab", ".shstrtab"} {
		if s := file.Section(name); s != nil && s.Type != elf.SHT_NULL {
			parts = append(parts, [2]int{int(s.Offset), int(s.Offset + s.Size)})
		}
	}
	// Section headers, and the record.
	parts = append(parts, [2]int{len(data) - 60 - 64*len(file.Sections), len(data)}, [2]int{len(data) - 60, len(data)})
	for from := 0; ; { // what Attach marks
		at := bytes.Index(data[from:], []byte("kbtf attach"))
		if at < 0 {
			return parts
		}
		from += at + 1
		parts = append(parts, [2]int{from - 1, min(from+31, len(data))})
	}
}

// damageIDs damages a copy of a file in one to three places.
func damageIDs(r *rand.Rand, data []byte, parts [][2]int) []byte {
	data = bytes.Clone(data)
	for range 1 + r.IntN(3) {
		in := parts[r.IntN(len(parts))]
		part := data[in[0]:in[1]]
		at := r.IntN(len(part))
		switch r.IntN(6) {
		case 0:
			part[at] ^= 1 << r.IntN(8)
		case 1:
			part[at] = byte(r.Uint32())
		case 2: // a number
			at &^= 3
			copy(part[at:], []byte{byte(r.IntN(64)), 0, 0, 0})
		case 3:
			copy(part[at:], bytes.Repeat([]byte{[]byte{0, 0xff, 0x7f, 0x80}[r.IntN(4)]}, 1<<r.IntN(4)))
		case 4: // from another place: another symbol, id, or name
			size := []int{4, 8, 16, 24}[r.IntN(4)]
			from := r.IntN(len(part)) / size * size
			copy(part[at/size*size:], bytes.Clone(part[from:min(from+size, len(part))]))
		case 5: // a letter of a name
			part[at] = "_018acdefmsz\x00"[r.IntN(13)]
		}
	}
	return data
}

// A module whose .BTF_ids, its symbols or its copy are damaged is refused, and unchanged, or gets BTF and ids that
// verify accepts.
func TestRandomlyDamagedIDs(t *testing.T) {
	count := uint64(150)
	if *thorough {
		count = 1500 // bases stay mapped, and a process may have no more than 65,530 mappings
	}
	for _, target := range elftest.Targets {
		t.Run(target.Name, func(t *testing.T) {
			base, forms := idsForms(t, target)
			path := filepath.Join(t.TempDir(), "x.ko")
			encoded, refused := 0, 0
			for name, data := range forms {
				parts := idsParts(t, data)
				for seed := range count {
					damaged := damageIDs(rand.New(rand.NewPCG(3, seed)), data, parts)
					failure, after := runOn(t, base, damaged)
					if t.Failed() {
						t.Fatalf("%s, seed %d", name, seed)
					}
					if failure != "" {
						refused++
						continue
					}
					encoded++
					if err := os.WriteFile(path, after, 0o644); err != nil {
						t.Fatal(err)
					}
					var stdout, stderr strings.Builder
					if run([]string{"verify", "--btf_base", base, path}, &stdout, &stderr) != exitDone {
						t.Errorf("%s, seed %d: verify: %s", name, seed, stdout.String())
					}
				}
			}
			if encoded < 10 || refused < 10 {
				t.Errorf("%d encoded, %d refused", encoded, refused)
			}
		})
	}
}

// Symbols whose names are outside of the string table are an error: their ids would be left out.
func TestIDsWithoutNames(t *testing.T) {
	for _, target := range elftest.Targets {
		t.Run(target.Name, func(t *testing.T) {
			base, module := idsModule(t, target)
			data := elftest.Read(t, module)
			file, err := elf.NewFile(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			symbols, err := file.Symbols()
			if err != nil {
				t.Fatal(err)
			}
			n := slices.IndexFunc(symbols, func(s elf.Symbol) bool { return s.Name == "__BTF_ID__func__mu__4" }) + 1
			size := map[int]int{32: 16, 64: 24}[target.Bits]
			file.ByteOrder.PutUint32(data[int(file.Section(".symtab").Offset)+n*size:], 1<<20)
			want := fmt.Sprintf(".BTF_ids: symbol %d: its name is not in the string table", n)
			if got, _ := runOn(t, base, data); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

// A word that is unused in a set has id 0, whatever the linker or another program wrote.
func TestUnusedWordsAreCleared(t *testing.T) {
	base, module := idsModule(t, elftest.GCC)
	words := idWords(t, module)
	const unused = 15
	words[unused] = 7
	writeIDs(t, module, words)
	mustRun(t, "--btf_base", base, module)
	if out := mustRun(t, "verify", "--btf_base", base, module); out != "" {
		t.Error(out)
	}
	if got := idWords(t, module)[unused]; got != 0 {
		t.Errorf("the first id of the sorted set is %d", got)
	}
}

// The copy of the section as linked has to have its size.
func TestLinkedIDsOfAnotherSize(t *testing.T) {
	base, forms := idsForms(t, elftest.GCC)
	dir := t.TempDir()
	for name, data := range map[string][]byte{"x.ko": forms["filled in by another program"], "linked": make([]byte, 140)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	elftest.Run(t, dir, "objcopy", "--add-section", ".BTF_ids.linked=linked", "x.ko")
	got, _ := runOn(t, base, elftest.Read(t, filepath.Join(dir, "x.ko")))
	if want := ".BTF_ids: .BTF_ids.linked has 140 bytes, not 136: link the module again"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
