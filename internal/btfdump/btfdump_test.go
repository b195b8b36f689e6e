// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package btfdump

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/btfraw"
	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
	"github.com/kbtf/kbtf/internal/encode"
	"github.com/kbtf/kbtf/internal/tooltest"
)

// section reads a section of a file.
func section(t *testing.T, path, name string) []byte {
	t.Helper()
	img, err := elfimage.Open(path) // stays mapped
	if err != nil {
		t.Fatal(err)
	}
	s := img.Section(name)
	if s == nil {
		return nil
	}
	data, err := img.Inflate(s)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func read(t *testing.T, raw []byte, base *btfraw.BTF) *btfraw.BTF {
	t.Helper()
	b, err := btfraw.Read(raw, base)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func raw(t *testing.T, b *btfraw.BTF) string {
	t.Helper()
	var s strings.Builder
	if err := Raw(&s, b); err != nil {
		t.Fatal(err)
	}
	return s.String()
}

// firstDifference is a diff of two long texts that is not long.
func firstDifference(a, b string) string {
	la, lb := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(la), len(lb)) {
		if la[i] != lb[i] {
			return fmt.Sprintf("line %d: %q, %q", i+1, la[i], lb[i])
		}
	}
	return fmt.Sprintf("%d lines, %d lines", len(la), len(lb))
}

// All kinds, in both byte orders, as bpftool prints them. Only clang emits tags.
func TestRawOfAllKinds(t *testing.T) {
	bpftool := tooltest.Bpftool(t)
	dir := t.TempDir()
	source := filepath.Join(dir, "kinds.c")
	write(t, source, kindsSource)
	for _, target := range elftest.Targets {
		if target.Bits != 64 {
			continue // no __int128
		}
		t.Run(target.Name, func(t *testing.T) {
			object := filepath.Join(t.TempDir(), "kinds.o")
			run(t, target.CC, slices.Concat(target.Flags, []string{"-g", "-O1", "-ffreestanding",
				"-fms-extensions", "-w", "-c", "-o", object, source})...)
			blob := encoded(t, object)
			file := filepath.Join(t.TempDir(), "kinds.btf")
			write(t, file, string(blob))
			b := read(t, blob, nil)
			for kind := btfraw.Int; kind <= btfraw.Enum64; kind++ {
				isTag := kind == btfraw.DeclTag || kind == btfraw.TypeTag
				if got, want := b.CountKinds()[kind] > 0, target.CC == "clang" || !isTag; got != want {
					t.Errorf("has %v: %v, want %v", kind, got, want)
				}
			}
			out, err := exec.Command(bpftool, "btf", "dump", "file", file, "format", "raw").Output()
			if err != nil {
				t.Fatal(err)
			}
			if got := raw(t, b); got != string(out) {
				t.Error(firstDifference(got, string(out)))
			}
		})
	}
}

const kindsSource = `
struct unknown;
enum small { MINUS = -1, PLUS = 5 };
enum upper { TOP = 4000000000u };
enum wide { WIDE = 0x100000000ll };
enum low { LOW = -0x100000000ll };
enum __attribute__((packed)) tiny { TINY = 3 };
union number { int i; float f; double d; };
typedef const volatile int odd;
typedef int table[3][4];
typedef struct { int a; struct unknown *u; } unnamed;
typedef int (*handler)(struct unknown *u, const char *format, ...);
struct all {
	struct unknown *u; unsigned a:3; int b:5; long c; union number n; odd o; table t; enum small s; enum upper up;
	enum wide w; enum low l; enum tiny ti; char *restrict r; handler h; int (*(*f)(int (*)[2]))(void); _Bool yes;
	enum { ONE, SEVEN = 7 } e; struct { int q; union { int x; long y; }; }; unnamed un; const char *const names[2];
	struct unknown *(*look)(unnamed *, enum wide);
	__extension__ unsigned __int128 huge;
	int tail[];
};
struct __attribute__((packed)) tight { char c; int i; short s:9; long l; };
struct __attribute__((aligned(64))) line { int i; };
struct gaps {
	char a; __attribute__((aligned(32))) int b; struct line c; int d:3; int :0; int e:30; int :7;
	unsigned char g:2; long h:40; long i:30;
};
struct unions {
	union {
		struct { char a; __attribute__((aligned(16))) int b; };
		struct { char c; __attribute__((aligned(16))) int d; };
	};
};
struct tag { int x; enum { INSIDE } e; }; typedef struct tag by_typedef;
struct extended { int a; struct tag; int b; }; struct more { int a; by_typedef; long b; };
struct inner { struct tight t; int x; };
struct __attribute__((packed)) holder { char c; struct gaps g; };
struct tagged { int *p __attribute__((btf_decl_tag("member"))); int __attribute__((btf_type_tag("rcu"))) *q; };
int per_cpu __attribute__((section(".data..percpu"))) = 3;
struct all all; struct gaps gaps; struct inner inner; struct holder holder;
struct tagged tagged; struct unions unions; struct extended extended; struct more more;
static __attribute__((noinline)) int hidden(int q) { return q + per_cpu; }
int visible(struct all *a, unnamed *u, int unused, ...) { return hidden(a->a) + u->a; }
`

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func run(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%.2000s", name, args, err, out)
	}
}

// encoded is the BTF of an object's DWARF.
func encoded(t testing.TB, object string) []byte {
	t.Helper()
	img, err := elfimage.Open(object)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	blob, err := encode.File(img, encode.NoBase(), encode.Options{
		Dialect: btf.Modern, Variables: encode.AllVariables, Threads: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	return blob
}

// compiled returns the BTF of the output of C, for a comparison with its input.
func compiled(t *testing.T, text string) *btfraw.BTF {
	t.Helper()
	dir := t.TempDir()
	source, object := filepath.Join(dir, "types.c"), filepath.Join(dir, "types.o")
	write(t, source, text+"int present;\n") // gcc writes no DWARF of nothing
	run(t, "gcc", "-std=gnu11", "-w", "-g", "-ffreestanding", "-fno-eliminate-unused-debug-types",
		"-c", "-o", object, source)
	return read(t, encoded(t, object), nil)
}

// layoutOf lists where all is in a struct or union: paths, offsets and widths in bits.
func layoutOf(b *btfraw.BTF, r btfraw.Record) []string {
	list := []string{fmt.Sprintf("size %d", r.Size())}
	return append(list, members(b, r, "", 0)...)
}

func members(b *btfraw.BTF, r btfraw.Record, prefix string, at uint32) (list []string) {
	for i := range r.Vlen() {
		name, id := r.Str(r.Item(i, 0)), r.Item(i, 1)
		if strings.HasPrefix(name, "__pad") {
			continue
		}
		offset, width := r.Member(i).Offset, r.Member(i).Width
		end := id
		modifies := func(k btfraw.Kind) bool {
			return k == btfraw.Const || k == btfraw.Volatile || k == btfraw.Typedef && name == ""
		}
		for modifies(b.Kind(end)) {
			end = b.Record(end).Type()
		}
		if k := b.Kind(end); (k == btfraw.Struct || k == btfraw.Union) &&
			(name == "" || b.Record(end).Name() == "") {
			list = append(list, members(b, b.Record(end), prefix+name+".", at+offset)...)
			continue
		}
		list = append(list, fmt.Sprintf("%s%s at %d width %d", prefix, name, at+offset, width))
	}
	return list
}

// checkC writes C of the types of these names.
func checkC(t *testing.T, b *btfraw.BTF, names []string) (compared int) {
	t.Helper()
	w := newCWriter(b)
	if err := w.write(names); err != nil {
		t.Fatal(err)
	}
	return checkLayouts(t, w)
}

// checkLayouts compiles what was written, and compares all structs and unions in it.
func checkLayouts(t *testing.T, w *cWriter) (compared int) {
	t.Helper()
	b := w.btf
	again := compiled(t, string(w.out))
	byName := map[string]btfraw.Record{}
	for r := range again.All {
		if k := r.Kind(); k == btfraw.Struct || k == btfraw.Union {
			byName[r.Name()] = r
		}
	}
	for id, tag := range w.tagOf {
		r := b.Record(id)
		if k := r.Kind(); !tag.defined || k != btfraw.Struct && k != btfraw.Union {
			continue
		}
		compiled, ok := byName[tag.name]
		if !ok {
			t.Errorf("%s %s: not in what was compiled", tag.keyword, tag.name)
			continue
		}
		if diff := cmp.Diff(layoutOf(b, r), layoutOf(again, compiled)); diff != "" {
			t.Errorf("%s %s (-BTF +C):\n%s", tag.keyword, tag.name, diff)
		}
		compared++
	}
	return compared
}

func TestCOfAllKinds(t *testing.T) {
	dir := t.TempDir()
	source, object := filepath.Join(dir, "kinds.c"), filepath.Join(dir, "kinds.o")
	write(t, source, kindsSource)
	run(t, "gcc", "-w", "-g", "-O1", "-ffreestanding", "-fms-extensions", "-c", "-o", object, source)
	names := []string{"struct all", "gaps", "inner", "holder", "tagged", "unions", "extended", "more",
		"visible", "per_cpu"}
	if n := checkC(t, read(t, encoded(t, object), nil), names); n < 8 {
		t.Errorf("%d types compared", n)
	}
}

func TestReadRefusesWhatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	source, object := filepath.Join(dir, "kinds.c"), filepath.Join(dir, "kinds.o")
	write(t, source, kindsSource)
	run(t, "gcc", "-w", "-g", "-O1", "-ffreestanding", "-fms-extensions", "-c", "-o", object, source)
	whole := encoded(t, object)
	for i := range 24 + len(whole)/2 { // each byte of the header and of the first types
		damaged := bytes.Clone(whole)
		damaged[i] ^= 0x41
		b, err := btfraw.Read(damaged, nil)
		if err == nil {
			raw(t, b) // must not panic
		}
	}
	for n := range whole {
		if _, err := btfraw.Read(whole[:n], nil); err == nil {
			t.Fatalf("%d of %d bytes were taken", n, len(whole))
		}
	}
}
