// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build real

package encode

import (
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
	"github.com/kbtf/kbtf/internal/fetchtest"
)

// The versions of pahole that the rules are of.
var paholeOf = map[Rules]string{Rules130: "pahole-1.30", Rules132: "pahole-1.32"}

// The tables of TestWideParameters and TestRegistersOfMachines describe pahole's output.
func TestPaholeParameters(t *testing.T) {
	for rules, version := range paholeOf {
		pahole := fetchtest.Path(t, version)
		check := func(name, path string, want bool) {
			if got := slices.Contains(paholeFunctions(t, pahole, path), "f"); got != want {
				t.Errorf("%s: %s encodes it: %v, want %v", name, version, got, want)
			}
		}
		for _, tt := range wideParameters {
			want := tt.rules
			if rules == Rules130 {
				want = tt.rules130
			}
			for _, dwarf := range []string{"-gdwarf-4", "-gdwarf-5"} {
				check(tt.name, with(tt.target, "-O2", dwarf).build(t, tt.source).Path, want)
			}
		}
		for _, tt := range machineParameters {
			want := tt.rules && !tt.d11
			if rules == Rules130 {
				want = tt.rules130
			}
			check(tt.name, handWritten(t, tt.machine, tt.clang, tt.params), want)
		}
	}
}

// The same functions are encoded as in pahole's output for each machine of clang's, except D11.
func TestClangParameters(t *testing.T) {
	const source = `
		int ext(int, double);
		int last(int y, double x) { return ext(y, x) + y; }
		int first(double x, int y) { return ext(y, x) + y; }
		int middle(int a, double x, char *y) { return ext(a, x) + *y; }
		int integers(int a, char *b) { return ext(a, 1) + *b; }
		int unused(int a, int b) { return b; }
		int none(void) { return 1; }`
	all := []string{"first", "integers", "last", "middle", "none", "unused"}
	for rules, version := range paholeOf {
		pahole := fetchtest.Path(t, version)
		for _, target := range elftest.Targets {
			if target.CC != "clang" {
				continue
			}
			img := with(target, "-O2").build(t, source)
			want := paholeFunctions(t, pahole, img.Path)
			switch img.Machine {
			case elf.EM_RISCV, elf.EM_PPC, elf.EM_PPC64, elf.EM_MIPS:
				if rules == Rules132 && len(want) > 1 {
					t.Errorf("%s: %s encodes %q: D11 is out of date", target.Name, version, want)
				}
				want = all
			}
			var got []string
			for _, s := range encodeAndList(t, img.Path,
				Options{Dialect: btf.Modern, Rules: rules}) {
				if name, ok := functionName(s); ok {
					got = append(got, name)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, %s: -want +got\n%s", target.Name, version, diff)
			}
		}
	}
}

// paholeFunctions returns the names of the functions in pahole's output for a file, sorted.
func paholeFunctions(t *testing.T, pahole, path string) (names []string) {
	t.Helper()
	output := filepath.Join(t.TempDir(), "btf")
	elftest.Run(t, "", pahole, "--btf_encode_detached="+output,
		"--btf_features=encode_force,float,enum64,optimized_func,consistent_func", path)
	raw, err := os.ReadFile(output)
	if os.IsNotExist(err) {
		return nil // nothing to encode
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range list(t, raw, nil) {
		if name, ok := functionName(s); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// functionName returns the name in a function's line.
func functionName(line string) (name string, ok bool) {
	name, ok = strings.CutPrefix(line, "func ")
	name, _, _ = strings.Cut(name, " ")
	return name, ok
}
