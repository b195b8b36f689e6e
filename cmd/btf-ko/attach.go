// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"debug/elf"
	"errors"
	"fmt"

	"github.com/kbtf/kbtf/internal/btf"
	"github.com/kbtf/kbtf/internal/btfids"
	"github.com/kbtf/kbtf/internal/elfimage"
)

// An attachment is what a file gets: BTF, the part of the base that it needs, and .BTF_ids.
type attachment struct {
	img    *elfimage.Image
	base   *btf.Base
	blob   []byte
	small  []byte          // .BTF.base; nil: none
	ids    *btfids.Section // nil: the file has none
	filled []byte          // .BTF_ids; nil: as the linker wrote it
}

// distil makes the BTF independent of the ids of the base.
func (a *attachment) distil() (err error) {
	if a.blob, a.small, err = btf.Distil(a.base, a.blob); err != nil {
		return fmt.Errorf("%s: distilling the base: %w", a.img.Path, err)
	}
	return nil
}

// resolveIDs fills in .BTF_ids with the ids of the BTF and its base, and returns these. note receives
// a sentence for each type that neither has.
func (a *attachment) resolveIDs(note func(string)) (map[btf.NamedType]uint32, error) {
	fail := func(err error) (map[btf.NamedType]uint32, error) {
		return nil, fmt.Errorf("%s: %s: %w", a.img.Path, btfids.Name, err)
	}
	switch {
	case a.img.Section(btfids.Name) == nil:
		return nil, nil
	case a.ids == nil:
		return fail(errors.New("the symbols that name its types have been stripped"))
	case a.img.Type != elf.ET_REL:
		return fail(errors.New("only modules can have it filled in: run resolve_btfids on vmlinux"))
	}
	blobs := []*btf.Blob{&a.base.Blob, nil}
	var err error
	if a.small != nil {
		if blobs[0], err = btf.ParseBlob(a.small); err != nil {
			return fail(err)
		}
	}
	if blobs[1], err = btf.ParseBlob(a.blob); err != nil {
		return fail(err)
	}
	wanted := a.ids.Wanted()
	ids, err := btf.FindNamed(wanted, blobs...)
	if err != nil {
		return fail(err)
	}
	if a.filled, err = a.ids.Fill(ids); err != nil {
		return fail(err)
	}
	for _, t := range wanted {
		if ids[t] == 0 {
			note(fmt.Sprintf("%s: BTF has no %s %q: its id is 0", btfids.Name, t.Kind, t.Name))
		}
	}
	return ids, nil
}

// attach writes everything to the file in one step.
func (a *attachment) attach() error {
	sections := []elfimage.NewSection{
		{Name: ".BTF", Contents: a.blob},
		{Name: ".BTF.base", Contents: a.small, Remove: a.small == nil},
	}
	if a.filled != nil {
		sections = append(sections, elfimage.NewSection{Name: btfids.Name, Contents: a.filled, Keep: true})
	}
	if a.ids != nil && a.ids.Linked != nil {
		sections = append(sections, elfimage.NewSection{Name: btfids.LinkedName, Contents: a.ids.Linked})
	}
	return a.img.Attach(sections...)
}
