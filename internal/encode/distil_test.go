// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"encoding/binary"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/elfimage/elftest"
)

// A module with every kind of reference to its base.
func TestDistil(t *testing.T) {
	const common = `
		enum state { OFF, ON = 5 };
		enum wide { WIDE = 1ULL << 40 };
		struct inner { long a; };
		struct device { struct inner inner; const char *name; struct device *next;
		enum state state; enum wide wide;
			union { int i; double d; } u; struct opaque *o;
			int (*open)(struct device *, const char *); };
		union number { long i; double d; };
		typedef const struct device *handle;
		typedef struct { int x; struct inner in; } plain;`
	const kernel = common + `
		struct device *devices; union number number; handle h; plain p; int list[7];`
	const module = common + `
		struct mine { struct device dev; handle h; plain p; union number *n; enum state s;
		enum wide w; struct opaque *o; int list[7];
			int (*open)(struct device *, const char *); double d; };
		int f(struct mine *m) { return m->s; }`
	for _, cc := range []compiler{gcc, with(elftest.S390X, "-O2", "-gdwarf-5")} {
		base, _ := encodeBase(t, cc.build(t, kernel), btf.Modern)
		img := cc.build(t, module)
		split, small, err := btf.Distil(base, encodeSplit(t, img, base))
		if err != nil {
			t.Fatal(err)
		}
		if order := img.Order.Uint16(split); order != 0xeb9f || img.Order.Uint16(small) != 0xeb9f {
			t.Errorf("%s: not in the module's byte order", cc.Name)
		}
		wantBase := []string{
			"enum state size=4", "enum wide size=8", "float double size=8", "fwd struct opaque",
			"int char size=1 %s", "int int size=4 signed",
			"struct device size=%d", "struct inner size=8", "union number size=8",
		}
		gotBase := list(t, small, nil)
		for _, want := range wantBase {
			kind, _, _ := strings.Cut(want, "%")
			found := false
			for _, got := range gotBase {
				found = found || strings.HasPrefix(got, kind)
				if strings.Contains(got, "@") || strings.Contains(got, "=0") {
					t.Errorf("%s: the small base has more than a stub: %s", cc.Name, got)
				}
			}
			if !found {
				t.Errorf("%s: the small base lacks %q:\n%s",
					cc.Name, want, strings.Join(gotBase, "\n"))
			}
		}
		// Types without a name move to the end of the split BTF, which is otherwise unchanged.
		var own, moved []string
		for _, s := range list(t, split, small) {
			if strings.HasPrefix(s, "struct mine") || strings.HasPrefix(s, "func f") {
				own = append(own, s)
			}
			if strings.HasPrefix(s, "typedef ") || strings.HasPrefix(s, "struct  ") {
				moved = append(moved, s)
			}
		}
		if len(own) != 2 || own[1] != "func f int(struct mine/"+sizeOf(own[0])+"* m)" {
			t.Errorf("%s: the module's own types: %v", cc.Name, own)
		}
		wantMoved := []string{"struct  size=16 x@0=int in@64=struct inner/8",
			"typedef handle const struct device/" + sizeOf(find(gotBase, "struct device")) + "*",
			"typedef plain struct /16"}
		if diff := cmp.Diff(wantMoved, sorted(moved)); diff != "" {
			t.Errorf("%s: typedefs: -want +got\n%s", cc.Name, diff)
		}
	}
}

func find(list []string, prefix string) string {
	for _, s := range list {
		if strings.HasPrefix(s, prefix) {
			return s
		}
	}
	return ""
}

func sizeOf(line string) string {
	_, rest, _ := strings.Cut(line, "size=")
	size, _, _ := strings.Cut(rest, " ")
	return size
}

// Malformed split BTF is an error.
func TestDistilDamaged(t *testing.T) {
	base, _ := encodeBase(t, gcc.build(t, "int x;"), btf.Modern)
	split := encodeSplit(t, gcc.build(t, "struct s { int x; } s;"), base)
	for cut := range len(split) {
		if _, _, err := btf.Distil(base, split[:cut]); err == nil {
			t.Errorf("no error for the first %d of %d bytes", cut, len(split))
		}
	}
	wrong := append([]byte{}, split...)
	binary.LittleEndian.PutUint32(wrong[24:], 1<<20) // name of the first type
	if _, _, err := btf.Distil(base, wrong); err == nil ||
		!strings.Contains(err.Error(), "no string at offset") {
		t.Errorf("a name out of bounds: %v", err)
	}
	wrong = append(wrong[:0], split...)
	binary.LittleEndian.PutUint32(wrong[24+12+4:], 1<<20) // type of its first member
	if _, _, err := btf.Distil(base, wrong); err == nil ||
		!strings.Contains(err.Error(), "reference to type 1048576, which does not exist") {
		t.Errorf("a reference out of bounds: %v", err)
	}
}
