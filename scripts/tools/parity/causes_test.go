// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/Masterminds/semver/v3"
	cilium "github.com/cilium/ebpf/btf"
	"github.com/google/go-cmp/cmp"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/btfdiff"
	"github.com/kbtf/kbtf/internal/btfraw"
	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
	"github.com/kbtf/kbtf/internal/encode"
)

// The tests compile C of their own. In place of pahole's output they use our encoder's for other C
// with the types that pahole would emit.

// link compiles units and links them as a module. script is a linker script, or empty.
func link(t *testing.T, script string, units ...string) string {
	t.Helper()
	dir := t.TempDir()
	args := []string{"-r", "-o", "x.ko"}
	if script != "" {
		write(t, filepath.Join(dir, "order.lds"), script)
		args = append(args, "-T", "order.lds")
	}
	for i, unit := range units {
		name := "unit" + strconv.Itoa(i)
		write(t, filepath.Join(dir, name+".c"), unit)
		elftest.Run(t, dir, "gcc", "-g", "-O2", "-ffreestanding", "-fno-pic", "-fno-toplevel-reorder", "-fcommon",
			"-c", "-o", name+".o", name+".c")
		args = append(args, name+".o")
	}
	elftest.Run(t, dir, "ld", args...)
	return filepath.Join(dir, "x.ko")
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// encoded encodes a file against raw base BTF, or without a base.
func encoded(t *testing.T, path string, rawBase []byte, rules encode.Rules) []byte {
	t.Helper()
	base := encode.NoBase()
	if rawBase != nil {
		base = parsed(t, rawBase)
	}
	image, err := elfimage.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer image.Close()
	raw, err := encode.File(image, base, encode.Options{Dialect: btf.Modern, Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func parsed(t *testing.T, rawBase []byte) *btf.Base {
	t.Helper()
	blob, err := btf.ParseBlob(rawBase)
	if err != nil {
		t.Fatal(err)
	}
	base, err := btf.NewBase("base", blob)
	if err != nil {
		t.Fatal(err)
	}
	return base
}

func pahole(version string) *semver.Version { return semver.MustParse(version) }

// compare returns the differences of two encodings of a file.
func compare(t *testing.T, file string, rawBase, oracle, encoder []byte) *differences {
	t.Helper()
	base := btfdiff.NoBase()
	if rawBase != nil {
		var err error
		if base, err = btfdiff.NewBase(rawBase); err != nil {
			t.Fatal(err)
		}
	}
	result, err := base.Compare(oracle, encoder)
	if err != nil {
		t.Fatal(err)
	}
	both := compared{base, oracle, encoder}
	return &differences{file: file, oracle: pahole("1.32"), compared: both, plain: both,
		onlyOracle: result.OnlyA, onlyEncoder: result.OnlyB}
}

// check explains differences. want is a list of deviations, such as "D1 ×4", and of the classes that
// they do not explain: "-KIND NAME" of the oracle, "+KIND NAME" of the encoder.
func check(t *testing.T, name string, d *differences, want ...string) {
	t.Helper()
	if d.left() == 0 {
		t.Fatalf("%s: the fixture has no difference", name)
	}
	list, err := d.explain()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var got []string
	for _, deviation := range list {
		got = append(got, deviation.name+" ×"+strconv.Itoa(deviation.count))
	}
	for _, class := range d.onlyOracle {
		got = append(got, "-"+class.Kind.String()+" "+class.Name)
	}
	for _, class := range d.onlyEncoder {
		got = append(got, "+"+class.Kind.String()+" "+class.Name)
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))); diff != "" {
		t.Errorf("%s: -want +got\n%s", name, diff)
	}
}

func TestShadowedVariables(t *testing.T) {
	const (
		source = `#define PERCPU __attribute__((section(".data..percpu")))
			PERCPU int near = 1; PERCPU char between[0x8000] = {1}; PERCPU int far = 1;
			int use(void) { return near + far + between[1]; }`
		// Variables with such names are in the file, but not in BTF.
		hide  = "#define %s __UNIQUE_ID_%s\n"
		start = "SECTIONS { .text 0 : { *(.text) } "
		data  = ".data..percpu 0 : { *(.data..percpu) } "
	)
	hidden := func(names ...string) string {
		text := ""
		for _, name := range names {
			text += strings.ReplaceAll(hide, "%s", name)
		}
		return text + source
	}
	// A section of size bytes that is not loaded, like the debugging sections.
	other := func(size string) string {
		return `asm(".section .other,\"\",@progbits; .zero ` + size + `; .previous");`
	}
	const behind, before = start + ".other 0 : { *(.other) } " + data + "}", start + data + ".other 0 : { *(.other) } }"
	for _, test := range []struct {
		name, script, size string
		lacks              []string // variables that the oracle does not have
		want               []string
	}{
		{"after a section that covers all", behind, "0x20000", []string{"near", "between", "far"}, []string{"D1 ×4"}},
		{"before that section", before, "0x20000", []string{"near", "between", "far"},
			[]string{"+VAR near", "+VAR between", "+VAR far", "+DATASEC .data..percpu"}},
		{"after a section that ends before 0x10000", behind, "0x8000", []string{"far"},
			[]string{"-DATASEC .data..percpu", "+VAR far", "+DATASEC .data..percpu"}},
		{"the variables that are covered", behind, "0x14000", []string{"near", "between"}, []string{"D1 ×4"}},
		{"the variable that is not", behind, "0x14000", []string{"far"},
			[]string{"-DATASEC .data..percpu", "+VAR far", "+DATASEC .data..percpu"}},
		{"both", behind, "0x14000", []string{"near", "far"},
			[]string{"D1 ×1", "-DATASEC .data..percpu", "+VAR far", "+DATASEC .data..percpu"}},
	} {
		file := link(t, test.script, source+other(test.size))
		oracle := encoded(t, link(t, test.script, hidden(test.lacks...)+other(test.size)), nil, encode.Rules132)
		check(t, test.name, compare(t, file, nil, oracle, encoded(t, file, nil, encode.Rules132)), test.want...)
	}
}

// A unit inlines a function, and another has the code of one of the same name.
func TestInlinedCopies(t *testing.T) {
	const inlines = "struct dc { int a; }; static inline int f(struct dc *d) { return d->a; } " +
		"int user(struct dc *d) { return f(d); }"
	code := func(of, name string) string {
		return "struct dc { int a; }; int f(" + of + " *" + name + ") { return " + name + "->a + 1; }"
	}
	const more = " static inline int g(struct dc *d) { return d->a; } int user2(struct dc *d) { return g(d); }"
	const pointer = " const struct dc *pointer;"
	for _, test := range []struct {
		name            string
		encoder, oracle []string
		want            []string
	}{
		{"const", []string{inlines, code("const struct dc", "d")},
			[]string{inlines + pointer, code("struct dc", "d")}, []string{"D9 ×3"}},
		{"two functions with one prototype",
			[]string{inlines + more, code("const struct dc", "d") + " int g(const struct dc *d) { return d->a; }"},
			[]string{inlines + more + pointer, code("struct dc", "d") + " int g(struct dc *d) { return d->a; }"},
			[]string{"D9 ×5"}},
		{"another type refers to the prototype",
			[]string{inlines, code("const struct dc", "d") + "int h(const struct dc *d) { return d->a; }"},
			[]string{inlines + pointer + "int h(const struct dc *d) { return d->a; }", code("struct dc", "d")},
			[]string{"D9 ×2"}},
		{"the first unit has code", []string{code("const struct dc", "d"), inlines},
			[]string{code("struct dc", "d") + pointer, inlines},
			[]string{"-FUNC f", "+FUNC f", "+FUNC_PROTO "}},
		{"another prototype than the inlined one", []string{inlines, code("const struct dc", "d")},
			[]string{"struct dc { int a; }; int user(struct dc *d) { return d->a; }" + pointer, code("struct dc", "q")},
			[]string{"-FUNC f", "-FUNC_PROTO ", "+FUNC f", "+FUNC_PROTO "}},
	} {
		file := link(t, "", test.encoder...)
		oracle := encoded(t, link(t, "", test.oracle...), nil, encode.Rules132)
		check(t, test.name, compare(t, file, nil, oracle, encoded(t, file, nil, encode.Rules132)), test.want...)
	}
}

// With the flags of 5.10, pahole leaves out functions with a symbol that has a suffix.
func TestSplitOffParts(t *testing.T) {
	const f, g = "int f(char *p, long n) { return *p + n; } ", "int g(long n, char *p) { return *p + n; } "
	const same = "int h(char *p, long n) { return *p - n; } "
	const types = "char *p; long n; int i; "
	cold := func(name string) string {
		return `asm(".type ` + name + `.cold, @function; ` + name + `.cold: nop");`
	}
	for _, test := range []struct {
		name            string
		encoder, oracle string
		want            []string
	}{
		{"a function and its prototype", f + cold("f"), "", nil},
		{"a prototype that another function has", f + same + cold("f"), same, nil},
		{"two functions with one prototype", f + same + cold("f") + cold("h"), "", nil},
		{"without a suffix", f + g + cold("f"), "", []string{"+FUNC g", "+FUNC_PROTO "}},
		{"by the wrong side", g, f + g + cold("f"), []string{"-FUNC f", "-FUNC_PROTO "}},
	} {
		file := link(t, "", types+test.encoder)
		oracle := encoded(t, link(t, "", types+test.oracle), nil, encode.Rules132)
		d := compare(t, file, nil, oracle, encoded(t, file, nil, encode.Rules132))
		if err := splitOffParts(d); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, class := range d.onlyOracle {
			got = append(got, "-"+class.Kind.String()+" "+class.Name)
		}
		for _, class := range d.onlyEncoder {
			got = append(got, "+"+class.Kind.String()+" "+class.Name)
		}
		if diff := cmp.Diff(test.want, slices.Sorted(slices.Values(got))); diff != "" {
			t.Errorf("%s: -want +got\n%s", test.name, diff)
		}
	}
}

// Outputs that exist already are compared like those of encoders.
func TestGiven(t *testing.T) {
	const inlines = "struct dc { int a; }; static inline int f(struct dc *d) { return d->a; } " +
		"int user(struct dc *d) { return f(d); } const struct dc *pointer;"
	file := link(t, "", inlines, "struct dc { int a; }; int f(const struct dc *d) { return d->a + 1; }")
	theirs := link(t, "", inlines, "struct dc { int a; }; int f(struct dc *d) { return d->a + 1; }")
	other := link(t, "", "int f(long x) { return x; }")
	dir := t.TempDir()
	raw := func(name, path string) string {
		write(t, filepath.Join(dir, name), string(encoded(t, path, nil, encode.Rules132)))
		return filepath.Join(dir, name)
	}
	ours, oracle, different := raw("ours", file), raw("oracle", theirs), raw("other", other)
	for _, test := range []struct {
		name, ours, oracle, version, want string
	}{
		{"equal", ours, ours, "1.30", ""},
		{"explained", ours, oracle, "1.30", ""},
		{"different", different, oracle, "1.30", "no deviation explains "},
		{"no version", ours, ours, "new", `--oracle-version "new": `},
	} {
		g := given{file: file, encoder: test.ours, oracle: test.oracle, version: test.version}
		if err := g.run(options{}); test.want == "" && err != nil ||
			test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}

func TestLastFunction(t *testing.T) {
	// A unit with the function zz, not at the start of its section: an address of 0 does not count.
	unit := func(number, parameter, attributes, more string) string {
		return strings.NewReplacer("NUMBER", number, "PARAMETER", parameter, "ATTRIBUTES", attributes).Replace(`
			int beforeNUMBER(void) { return 1; }
			static ATTRIBUTES void zz(PARAMETER p) { asm volatile("" :: "r"(p)); }
			void useNUMBER(char *p) { zz((PARAMETER)p); }
		`) + more
	}
	const alone, inlined = "__attribute__((noinline, noclone))", "inline __attribute__((always_inline))"
	const after = "int zzz(void) { return 2; }"
	two := func(parameter, more string) string {
		return link(t, "", unit("1", parameter, alone, ""), unit("2", parameter, alone, more))
	}
	last, own, notLast := two("char *", ""), two("long", ""), two("char *", after)
	one := link(t, "", unit("1", "char *", alone, ""))
	inline := link(t, "", unit("1", "char *", inlined, ""))
	for _, test := range []struct {
		name          string
		file, encoder string
		pahole        string
		want          []string
	}{
		{"last", last, last, "1.32", []string{"D2 ×1"}},
		{"with its own prototype", own, own, "2.0", []string{"D2 ×2"}},
		{"not last", notLast, notLast, "1.32", []string{"-FUNC zz"}},
		{"an older pahole", last, last, "1.30", []string{"-FUNC zz"}},
		{"one address", one, inline, "1.32", []string{"-FUNC zz"}},
	} {
		oracle := encoded(t, test.file, nil, encode.Rules130)
		d := compare(t, test.file, nil, oracle, encoded(t, test.encoder, nil, encode.Rules132))
		d.oracle = pahole(test.pahole)
		check(t, test.name, d, test.want...)
	}
}

func TestConflictingTags(t *testing.T) {
	const declared, one, another = "struct chip", "struct chip { int first; }", "struct chip { long second; }"
	unit := func(function, chip string) string {
		return chip + "; struct device { struct chip *chip; }; " +
			"int " + function + "(struct device *d) { return d != 0; }\n"
	}
	const apart = "struct other { long a; }; int apart(struct other *o) { return o != 0; }"
	user, first, second := unit("user", declared)+apart, unit("one", one), unit("two", another)
	for _, test := range []struct {
		name            string
		encoder, oracle []string
		want            []string
	}{
		{"the definition of a declared tag", []string{user, first, second},
			[]string{user, second, first}, []string{"D3 ×12"}},
		{"and a struct that does not refer to it", []string{user, first, second},
			[]string{strings.Replace(user, "long a", "int b", 1), second, first},
			[]string{"D3 ×12", "-STRUCT other", "-PTR ", "-FUNC_PROTO ", "-FUNC apart",
				"+STRUCT other", "+PTR ", "+FUNC_PROTO ", "+FUNC apart"}},
		{"a struct that refers to it has another member", []string{user, first, second},
			[]string{strings.Replace(user, "*chip;", "*chip; int more;", 1), second, first},
			[]string{"D3 ×10", "-STRUCT device", "-PTR ", "-FUNC_PROTO ", "-FUNC user", "+FUNC user"}},
		{"one definition, which one side lacks", []string{user, first}, []string{user, unit("one", declared)},
			[]string{"-STRUCT device", "-PTR ", "-PTR ", "-FWD chip", "-FUNC_PROTO ", "-FUNC one", "-FUNC user",
				"+STRUCT device", "+PTR ", "+PTR ", "+STRUCT chip", "+FUNC_PROTO ", "+FUNC one", "+FUNC user"}},
		{"two definitions, and one side has one", []string{user, first, second},
			[]string{user, second, unit("one", another)},
			[]string{"-STRUCT device", "-PTR ", "-FUNC_PROTO ", "-FUNC one", "-FUNC two", "-FUNC user",
				"+STRUCT device", "+PTR ", "+PTR ", "+STRUCT chip", "+FUNC_PROTO ", "+FUNC one", "+FUNC two",
				"+FUNC user"}},
	} {
		file := link(t, "", test.encoder...)
		oracle := encoded(t, link(t, "", test.oracle...), nil, encode.Rules132)
		check(t, test.name, compare(t, file, nil, oracle, encoded(t, file, nil, encode.Rules132)), test.want...)
	}
}

// The module and the base define a class differently. In a unit that only declares the class, pahole
// uses the module's definition.
func TestConflictingWithBase(t *testing.T) {
	const task = "; struct task { struct class *class; }; "
	const run = "struct class { int base; }" + task + "int run(struct task *t) { return t != 0; }"
	base := encoded(t, link(t, "", run), nil, encode.Rules132)
	own := "struct class { long own; }" + task + "int own(struct task *t) { return t != 0; }\n"
	const user = "int user(struct task *t, int n) { return t != 0; }"
	for _, test := range []struct {
		name            string
		encoder, oracle []string
		want            []string
	}{
		{"the module's and the base's", []string{own, "struct class" + task + user}, []string{own + user},
			[]string{"D3 ×4"}},
		{"only the base's", []string{"struct class" + task + user},
			[]string{"struct class { long own; }" + task + user},
			[]string{"-STRUCT class", "-INT long int", "-STRUCT task", "-PTR ", "-PTR ", "-FUNC_PROTO ",
				"-FUNC user", "+FUNC_PROTO ", "+FUNC user"}},
	} {
		file := link(t, "", test.encoder...)
		oracle := encoded(t, link(t, "", test.oracle...), base, encode.Rules132)
		check(t, test.name, compare(t, file, base, oracle, encoded(t, file, base, encode.Rules132)), test.want...)
	}
}

func TestRepeatedTypes(t *testing.T) {
	const whole = "struct part; struct whole { struct part *part; int n; }; "
	const both = "struct part { long l; }; " + whole + "struct part part; struct whole whole;"
	base := encoded(t, link(t, "", both), nil, encode.Rules132)
	module := func(members string) []byte {
		file := link(t, "", whole+"struct own { "+members+"}; int f(struct own *o) { return o != 0; }")
		return encoded(t, file, base, encode.Rules132)
	}
	plain, more := module("struct whole *whole; "), module("struct whole *whole; int more; ")
	for _, test := range []struct {
		name            string
		oracle, encoder []byte
		want            []string
	}{
		{"a type of the base", repeated(t, base, plain), plain, []string{"D4 ×3"}},
		{"and another member", repeated(t, base, more), plain,
			[]string{"-PTR ", "-STRUCT part", "-STRUCT own", "-PTR ", "-FUNC_PROTO ", "-FUNC f", "-STRUCT whole",
				"+STRUCT own", "+PTR ", "+FUNC_PROTO ", "+FUNC f"}},
		{"another member alone", more, plain, []string{"-STRUCT own", "-PTR ", "-FUNC_PROTO ", "-FUNC f",
			"+STRUCT own", "+PTR ", "+FUNC_PROTO ", "+FUNC f"}},
		{"by the wrong side", plain, repeated(t, base, plain), []string{"+STRUCT part", "+STRUCT whole", "+PTR "}},
	} {
		d := compareDistilled(t, base, test.oracle, test.encoder)
		check(t, test.name, d, test.want...)
	}
}

// A module has a function of vmlinux's name and prototype.
func TestOwnFunctions(t *testing.T) {
	const types = "struct part { long l; }; struct own { int n; }; "
	const shared = "int shared(struct part *p) { return p != 0; } "
	base := encoded(t, link(t, "", types+shared+"struct own own;"), nil, encode.Rules132)
	module := func(more string) []byte {
		return encoded(t, link(t, "", types+more+"int f(struct own *o) { return o != 0; }"), base, encode.Rules132)
	}
	for _, test := range []struct {
		name            string
		oracle, encoder []byte
		want            []string
	}{
		{"a function", module("struct part *p; "), module(shared), []string{"D10 ×4"}},
		{"and one that vmlinux does not have", module("struct part *p; "), module(shared + "int more(void) { return 1; } "),
			[]string{"+STRUCT part", "+PTR ", "+FUNC_PROTO ", "+FUNC_PROTO ", "+FUNC shared", "+FUNC more"}},
		{"only one that vmlinux does not have", module(""), module("int more(void) { return 1; } "),
			[]string{"+FUNC_PROTO ", "+FUNC more"}},
		{"by the wrong side", module(shared), module("struct part *p; "),
			[]string{"-STRUCT part", "-PTR ", "-FUNC_PROTO ", "-FUNC shared"}},
	} {
		check(t, test.name, compareDistilled(t, base, test.oracle, test.encoder), test.want...)
	}
}

// compareDistilled returns the differences of two splits with a distilled base.
func compareDistilled(t *testing.T, base, oracle, encoder []byte) *differences {
	t.Helper()
	var distilled []btfdiff.Distilled
	var joined [2][]byte
	for i, split := range [][]byte{oracle, encoder} {
		own, small, err := btf.Distil(parsed(t, base), split)
		if err != nil {
			t.Fatal(err)
		}
		distilled = append(distilled, btfdiff.Distilled{Base: small, Split: own})
		joined[i] = joinBTF(t, small, own)
	}
	d := compare(t, "", nil, joined[0], joined[1])
	d.plain = compare(t, "", base, oracle, encoder).compared
	d.distilled = distilled
	d.file = link(t, "", "int any(void) { return 0; }")
	return d
}

// repeated returns split BTF with a duplicate of the base's struct whole.
func repeated(t *testing.T, base, split []byte) []byte {
	t.Helper()
	le := binary.LittleEndian
	const header, typeLen, strOff = 24, 12, 16
	if le.Uint32(split[4:]) != header || le.Uint32(base[4:]) != header {
		t.Fatal("not a header of 24 bytes")
	}
	names := base[header+le.Uint32(base[strOff:]):]
	name := func(s string) uint32 {
		at := bytes.Index(names, []byte("\x00"+s+"\x00"))
		if at < 0 {
			t.Fatalf("the base has no name %s", s)
		}
		return uint32(at) + 1
	}
	spec, err := cilium.LoadSpecFromReader(bytes.NewReader(base))
	if err != nil {
		t.Fatal(err)
	}
	var whole *cilium.Struct
	if err := spec.TypeByName("whole", &whole); err != nil {
		t.Fatal(err)
	}
	const kindStruct = 4 << 24
	words := []uint32{name("whole"), kindStruct | uint32(len(whole.Members)), whole.Size}
	for _, m := range whole.Members {
		id, err := spec.TypeID(m.Type)
		if err != nil {
			t.Fatal(err)
		}
		words = append(words, name(m.Name), uint32(id), uint32(m.Offset))
	}
	var record []byte
	for _, word := range words {
		record = le.AppendUint32(record, word)
	}
	types := header + le.Uint32(split[typeLen:])
	longer := slices.Concat(split[:types], record, split[types:])
	for _, field := range []int{typeLen, strOff} {
		le.PutUint32(longer[field:], le.Uint32(split[field:])+uint32(len(record)))
	}
	return longer
}

// docs/deviations.md has a section for each cause, and the tests that it names exist.
func TestPage(t *testing.T) {
	text, err := os.ReadFile("../../../docs/deviations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range causes {
		if !bytes.Contains(text, []byte("\n## "+c.name+" ")) {
			t.Errorf("no section %s", c.name)
		}
	}
	var tests strings.Builder
	for _, pattern := range []string{"../../../internal/*/*_test.go", "../../../cmd/*/*_test.go", "*_test.go"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			source, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(source)
		}
	}
	named := regexp.MustCompile("`(Test[A-Za-z]+)`").FindAllSubmatch(text, -1)
	if len(named) == 0 {
		t.Error("no test is named")
	}
	for _, match := range named {
		if !strings.Contains(tests.String(), "func "+string(match[1])+"(") {
			t.Errorf("no test %s", match[1])
		}
	}
	for _, match := range regexp.MustCompile(`[a-z-]+\.txtar`).FindAllString(string(text), -1) {
		if _, err := os.Stat("../../../testdata/script-btf-ko/" + match); err != nil {
			t.Error(err)
		}
	}
}

// joinBTF returns a split and its base as one BTF.
func joinBTF(t *testing.T, base, split []byte) []byte {
	t.Helper()
	b, err := btfraw.Read(base, nil)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := btfraw.Read(split, b)
	if err != nil {
		t.Fatal(err)
	}
	joined, err := whole.Join()
	if err != nil {
		t.Fatal(err)
	}
	return joined
}
