// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kbtf/kbtf"
	"github.com/kbtf/kbtf/internal/btfverify"
	"github.com/kbtf/kbtf/internal/elfimage"
)

// An idsCampaign has modules with .BTF_ids. They are encoded in place, with the default options.
type idsCampaign struct {
	base     *kbtf.Base
	verifier *btfverify.Verifier
	modules  []target
	work     string // directory of the damaged files
}

// resolved are the sections that .BTF_ids is filled in from, and where it is kept.
var resolved = []string{".BTF_ids", ".BTF_ids.linked", ".BTF", ".symtab", ".strtab", ".shstrtab"}

// newIDsCampaign reads the modules of a directory, and their base vmlinux.
func newIDsCampaign(directory string) (*idsCampaign, error) {
	vmlinux := filepath.Join(directory, "vmlinux")
	paths, err := filepath.Glob(filepath.Join(directory, "*.ko"))
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("%s: no modules: %w", directory, err)
	}
	c := &idsCampaign{}
	for _, path := range paths {
		t, err := readTarget(path, resolved)
		if err != nil {
			return nil, err
		}
		const record = 60 // bytes, after the section headers, if btf-ko has attached sections
		t.parts = append(t.parts, span{len(t.file) - record, len(t.file)})
		c.modules = append(c.modules, t)
	}
	if c.base, err = kbtf.OpenBase(vmlinux); err != nil {
		return nil, err
	}
	if c.verifier, err = btfverify.NewVerifier(vmlinux, ""); err != nil {
		return nil, err
	}
	c.work, err = os.MkdirTemp("", "mutate")
	return c, err
}

func (c *idsCampaign) len() int {
	if c == nil {
		return 0
	}
	return len(c.modules)
}

// try encodes a file as the ith mutation.
func (c *idsCampaign) try(i int, file []byte) string {
	path := filepath.Join(c.work, fmt.Sprintf("%d.ko", i))
	defer os.Remove(path)
	if err := os.WriteFile(path, file, 0o600); err != nil {
		return "FAILED: " + err.Error()
	}
	raw, err := kbtf.EncodeFile(path, c.base, kbtf.Options{})
	if err == nil {
		err = kbtf.Attach(path, raw, c.base, kbtf.Options{})
	}
	if err != nil {
		if after, readErr := os.ReadFile(path); readErr != nil || !bytes.Equal(after, file) {
			return fmt.Sprintf("FAILED: refused, but changed: %v", err)
		}
		return failure(".BTF_ids", err)
	}
	if problems := c.verifier.File(path); len(problems) > 0 {
		if img, err := elfimage.Parse(path, file); err == nil && img.Type != elf.ET_REL {
			return ".BTF_ids: no module, its ids are left to resolve_btfids"
		}
		return "FAILED: .BTF_ids filled in, not valid: " + problems[0]
	}
	return ".BTF_ids: filled in, valid"
}
