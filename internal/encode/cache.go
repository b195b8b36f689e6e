// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package encode

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/elfimage"
	"github.com/kbtf/kbtf/internal/replace"
)

// A build runs one process per module, all with the same base. The first process stores the index
// of the base in a cache folder, as a base file named after the contents of the base, and the
// others map it. If the cache fails, encoding works without it.

// BaseCache is a folder of base files. The zero value is no cache.
type BaseCache struct{ Dir string }

const (
	// minCachedTypes is smaller than any kernel's base. Smaller bases are indexed faster than a
	// file is opened.
	minCachedTypes = 10000
	// maxCachedBases limits the folder, at about 10 MB each. The oldest are removed first.
	maxCachedBases = 8
)

// DefaultBaseCache returns the user's cache folder, or no cache if there is none.
func DefaultBaseCache() BaseCache {
	dir, err := os.UserCacheDir()
	if err != nil {
		return BaseCache{}
	}
	return BaseCache{filepath.Join(dir, "kbtf", "bases")}
}

// file returns the path of the base file for a base. Versions of the format have different names,
// so that two versions of btf-ko do not replace each other's files.
func (c BaseCache) file(b *btf.Blob) string {
	return filepath.Join(c.Dir, fmt.Sprintf("%s.v%d.btfbase", b.Fingerprint(), btf.BaseFileVersion))
}

// BaseFilePath returns the path of the base file next to a file with BTF.
func BaseFilePath(path string) string { return path + ".btfbase" }

// open returns the base with the index from the base file next to it, or from the cache; nil if
// there is none.
func (c BaseCache) open(path string, b *btf.Blob) *btf.Base {
	if c.Dir == "" {
		return nil
	}
	try := func(file string) *btf.Base {
		data, err := elfimage.MapFile(file)
		if err != nil {
			return nil
		}
		base, err := btf.NewIndexedBase(path, b, data)
		if err != nil {
			elfimage.Unmap(data)
			return nil
		}
		return base
	}
	if base := try(BaseFilePath(path)); base != nil {
		return base
	}
	return try(c.file(b))
}

// WriteBaseFile writes a base file. It leaves a file with the same contents alone, because make
// compares time stamps. The file is replaced atomically.
func WriteBaseFile(path string, base *btf.Base) (written bool, err error) {
	data, err := base.File()
	if err != nil {
		return false, err
	}
	if replace.Same(path, data) {
		return false, nil
	}
	return true, replace.File(path, data)
}

// Save writes the base's index to the cache, atomically, unless the index came from a base file.
func (c BaseCache) Save(base *btf.Base) error {
	if c.Dir == "" || base.Indexed || base.NumTypes() < minCachedTypes {
		return nil
	}
	data, err := base.File()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return err
	}
	if err := replace.File(c.file(&base.Blob), data); err != nil {
		return fmt.Errorf("base cache: %w", err)
	}
	return c.prune()
}

// prune removes the oldest base files.
func (c BaseCache) prune() error {
	files, err := filepath.Glob(filepath.Join(c.Dir, "*.btfbase"))
	if err != nil || len(files) <= maxCachedBases {
		return err
	}
	age := map[string]int64{}
	for _, f := range files {
		if st, err := os.Stat(f); err == nil {
			age[f] = st.ModTime().UnixNano()
		}
	}
	slices.SortFunc(files, func(a, b string) int { return cmp.Compare(age[a], age[b]) })
	for _, f := range files[:len(files)-maxCachedBases] {
		_ = os.Remove(f) // another process may have removed it
	}
	return nil
}
