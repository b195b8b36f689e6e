// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/kbtf/kbtf/internal/btf"
)

// largeBase writes raw BTF that is large enough for the cache: typedefs t0, t1, ... of int.
func largeBase(t *testing.T, n int) string {
	t.Helper()
	strings := []byte("\x00int\x00")
	var types []byte
	put := func(w ...uint32) {
		for _, x := range w {
			types = binary.LittleEndian.AppendUint32(types, x)
		}
	}
	put(1, uint32(btf.KindInt)<<24, 4, btf.IntSigned<<24|32)
	for i := range n {
		put(uint32(len(strings)), uint32(btf.KindTypedef)<<24, 1)
		strings = append(strings, fmt.Sprintf("t%d\x00", i)...)
	}
	raw := []byte{0x9f, 0xeb, 1, 0, 24, 0, 0, 0}
	for _, x := range []int{0, len(types), len(types), len(strings)} {
		raw = binary.LittleEndian.AppendUint32(raw, uint32(x))
	}
	path := filepath.Join(t.TempDir(), "base")
	if err := os.WriteFile(path, append(append(raw, types...), strings...), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBaseCache(t *testing.T) {
	path := largeBase(t, minCachedTypes)
	img := gcc.build(t, "typedef int t77; struct s { t77 x; } v;")
	cache := BaseCache{filepath.Join(t.TempDir(), "made", "by", "Save")}
	load := func(cache BaseCache, indexed bool) (*btf.Base, []byte) {
		t.Helper()
		base, err := LoadBase(path, cache)
		if err != nil {
			t.Fatal(err)
		}
		if base.Indexed != indexed {
			t.Errorf("index from the cache: %v, want %v", base.Indexed, indexed)
		}
		return base, encodeSplit(t, img, base)
	}
	base, want := load(cache, false)
	if err := cache.Save(base); err != nil {
		t.Fatal(err)
	}
	if _, got := load(cache, true); !bytes.Equal(got, want) {
		t.Error("output differs with an index from the cache")
	}
	if _, got := load(BaseCache{}, false); !bytes.Equal(got, want) {
		t.Error("output differs without a cache")
	}

	files, err := filepath.Glob(filepath.Join(cache.Dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files in the cache: %v, %v", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 20, 130, len(data) / 2, len(data) - 1} {
		bad := bytes.Clone(data)
		bad[at] ^= 1
		if err := os.WriteFile(files[0], bad, 0o644); err != nil {
			t.Fatal(err)
		}
		base, err := LoadBase(path, cache)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(encodeSplit(t, img, base), want) {
			t.Errorf("byte %d damaged: output differs", at)
		}
	}
}

func TestBaseCachePrune(t *testing.T) {
	cache := BaseCache{t.TempDir()}
	for n := range maxCachedBases + 3 {
		base, err := LoadBase(largeBase(t, minCachedTypes+n), cache)
		if err != nil {
			t.Fatal(err)
		}
		if err := cache.Save(base); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(filepath.Join(cache.Dir, "*"))
	if err != nil || len(files) != maxCachedBases {
		t.Errorf("%d files, want %d (%v)", len(files), maxCachedBases, err)
	}
}

func TestBaseCacheSmallBase(t *testing.T) {
	cache := BaseCache{t.TempDir()}
	base, err := LoadBase(largeBase(t, 10), cache)
	if err != nil {
		t.Fatal(err)
	}
	if err := cache.Save(base); err != nil {
		t.Fatal(err)
	}
	if files, _ := os.ReadDir(cache.Dir); len(files) != 0 {
		t.Errorf("%d files for a small base", len(files))
	}
}
