// SPDX-License-Identifier: GPL-2.0-only

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

// A build runs one process per module, each with the same base. The first one leaves the base's index in a cache folder, as a base
// file named by the base's contents, and the others map it. Whatever goes wrong with the cache only costs its benefit.

// BaseCache is a folder of base files. The zero value is no cache.
type BaseCache struct{ Dir string }

const (
	// minCachedTypes is below the size of any kernel's base: the index of a smaller one is made in no time.
	minCachedTypes = 10000
	// maxCachedBases bounds the folder: 10 MB each. The oldest go first.
	maxCachedBases = 8
)

// DefaultBaseCache is the user's cache folder; no cache if there is none.
func DefaultBaseCache() BaseCache {
	dir, err := os.UserCacheDir()
	if err != nil {
		return BaseCache{}
	}
	return BaseCache{filepath.Join(dir, "kbtf", "bases")}
}

// file names the base file of a base. Files of another version of the format have other names, so that two versions of btf-ko side by
// side do not replace each other's.
func (c BaseCache) file(b *btf.Blob) string {
	return filepath.Join(c.Dir, fmt.Sprintf("%s.v%d.btfbase", b.Fingerprint(), btf.BaseFileVersion))
}

// BesideBase is the name of the base file of a file with BTF, where it is kept beside it.
func BesideBase(path string) string { return path + ".btfbase" }

// open gives the base with its index from the base file beside it, or from the cache; nil if there is none.
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
	if base := try(BesideBase(path)); base != nil {
		return base
	}
	return try(c.file(b))
}

// WriteBaseFile writes a base file, unless the file has these contents already: make takes a file that is written for one that has
// changed. It is replaced in one go, whoever else writes or reads it.
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

// Save puts the base's index into the cache, if it is not there: atomically, so that processes side by side do not meet.
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
		_ = os.Remove(f) // another process may have been first
	}
	return nil
}
